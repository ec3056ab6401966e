/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/resource-folder.h"

#include <gio/gio.h>

/* build/app/programs/ternion -> resources/NAME of the tree around the build folder. */
static char *
beside_build_tree (const char *name, const char *file)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  for (guint level = 0; program != NULL && level < 5; level++)
    {
      char *folder = g_path_get_dirname (program);
      g_autofree char *candidate = g_build_filename (folder, "resources", name, NULL);
      g_autofree char *held = g_build_filename (candidate, file, NULL);

      g_free (program);
      program = folder;
      if (g_file_test (held, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&candidate);
    }
  return NULL;
}

char *
tn_resource_folder_find (const char *variable, const char *name, const char *file, char **installed)
{
  const char *named = g_getenv (variable);
  char *built;

  *installed = g_build_filename (TN_PKGDATADIR, name, NULL);
  if (named != NULL && *named != '\0')
    return g_strdup (named);
  if ((built = beside_build_tree (name, file)) != NULL)
    return built;
  return g_file_test (*installed, G_FILE_TEST_IS_DIR) ? g_strdup (*installed) : NULL;
}
