/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Recipes that come with the program: NAME.recipe in the folder "recipes" of its resources ($TERNION_RECIPE_DIR, beside a build tree, or where it
 * was installed). */
typedef struct
{
  char *name;
  char *path;
  char *summary; /* its first comment line */
} TnRecipePreset;

/* TnRecipePreset by name; free with g_ptr_array_unref(). Empty where the folder is not found. */
GPtrArray *tn_recipe_list_presets (void);
/* The path itself where a file has it, else that of the recipe of this name. TN_ERROR_NOT_FOUND lists the names. Free with g_free(). */
char      *tn_recipe_find         (const char *path_or_name, GError **error);

G_END_DECLS
