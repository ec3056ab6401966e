/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/sample.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "engine/error.h"

/* build/app/programs/ternion -> resources/sample of the tree around the build folder. */
static char *
beside_build_tree (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  for (guint level = 0; program != NULL && level < 5; level++)
    {
      char *folder = g_path_get_dirname (program);
      g_autofree char *candidate = g_build_filename (folder, "resources", "sample", NULL);
      g_autofree char *config = g_build_filename (candidate, "config.json", NULL);

      g_free (program);
      program = folder;
      if (g_file_test (config, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&candidate);
    }
  return NULL;
}

char *
tn_sample_find (GError **error)
{
  const char *named = g_getenv ("TERNION_SAMPLE_DIR");
  g_autofree char *installed = g_build_filename (TN_PKGDATADIR, "sample", NULL);
  char *built;

  if (named != NULL && *named != '\0')
    return g_strdup (named);
  if ((built = beside_build_tree ()) != NULL)
    return built;
  if (g_file_test (installed, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&installed);
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("the bundled sample is not in %s; name its folder in TERNION_SAMPLE_DIR"), installed);
  return NULL;
}

char *
tn_sample_find_text (GError **error)
{
  g_autofree char *folder = tn_sample_find (error);

  return folder != NULL ? g_build_filename (folder, "stories.txt", NULL) : NULL;
}
