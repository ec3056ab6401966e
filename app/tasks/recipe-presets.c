/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/recipe-presets.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/resource-folder.h"
#include "engine/error.h"

#define SUFFIX ".recipe"

static void
preset_free (gpointer data)
{
  TnRecipePreset *preset = data;

  g_free (preset->name);
  g_free (preset->path);
  g_free (preset->summary);
  g_free (preset);
}

static char *
read_summary (const char *path)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL) || text[0] != '#')
    return g_strdup ("");
  return g_strstrip (g_strndup (text + 1, strcspn (text + 1, "\n")));
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(TnRecipePreset *const *) a)->name, (*(TnRecipePreset *const *) b)->name);
}

GPtrArray *
tn_recipe_list_presets (void)
{
  GPtrArray *presets = g_ptr_array_new_with_free_func (preset_free);
  g_autofree char *installed = NULL;
  g_autofree char *folder = tn_resource_folder_find ("TERNION_RECIPE_DIR", "recipes", "tiny" SUFFIX, &installed);
  g_autoptr (GDir) dir = folder != NULL ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, SUFFIX))
      {
        TnRecipePreset *preset = g_new0 (TnRecipePreset, 1);

        preset->name = g_strndup (name, strlen (name) - strlen (SUFFIX));
        preset->path = g_build_filename (folder, name, NULL);
        preset->summary = read_summary (preset->path);
        g_ptr_array_add (presets, preset);
      }
  g_ptr_array_sort (presets, compare_names);
  return presets;
}

char *
tn_recipe_find (const char *path_or_name, GError **error)
{
  g_autoptr (GPtrArray) presets = NULL;
  g_autoptr (GString) names = g_string_new (NULL);

  if (g_file_test (path_or_name, G_FILE_TEST_EXISTS))
    return g_strdup (path_or_name);
  presets = tn_recipe_list_presets ();
  for (guint i = 0; i < presets->len; i++)
    {
      const TnRecipePreset *preset = g_ptr_array_index (presets, i);

      if (strcmp (preset->name, path_or_name) == 0)
        return g_strdup (preset->path);
      g_string_append_printf (names, i > 0 ? ", %s" : "%s", preset->name);
    }
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: there is no such file, and no recipe of this name; there are %s"),
               path_or_name, names->len > 0 ? names->str : _ ("none"));
  return NULL;
}
