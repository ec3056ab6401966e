/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/sample.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/resource-folder.h"
#include "engine/error.h"

char *
tn_sample_find (GError **error)
{
  g_autofree char *installed = NULL;
  char *folder = tn_resource_folder_find ("TERNION_SAMPLE_DIR", "sample", "config.json", &installed);

  if (folder == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("the bundled sample is not in %s; name its folder in TERNION_SAMPLE_DIR"), installed);
  return folder;
}

char *
tn_sample_find_text (GError **error)
{
  g_autofree char *folder = tn_sample_find (error);

  return folder != NULL ? g_build_filename (folder, "stories.txt", NULL) : NULL;
}
