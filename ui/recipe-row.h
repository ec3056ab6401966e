/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "app/tasks/recipe.h"

G_BEGIN_DECLS

/* TnRecipeRow: one key of a recipe, with an editor that follows from its kind: a switch, a list or an entry. It holds a text; what is set with it is
 * its owner's. */
#define TN_TYPE_RECIPE_ROW (tn_recipe_row_get_type ())
G_DECLARE_FINAL_TYPE (TnRecipeRow, tn_recipe_row, TN, RECIPE_ROW, AdwActionRow)

/* title NULL: the key's name, with its help below. choices NULL: the entry's own, if it has any. */
TnRecipeRow *tn_recipe_row_new      (const TnOptionEntry *entry, const char *title, const char *const *choices);
const char  *tn_recipe_row_get_name (TnRecipeRow *self);
/* NULL: not set, the key's default holds. Does not emit "edited". */
void         tn_recipe_row_set_text (TnRecipeRow *self, const char *text);
/* NULL: left empty. Free with g_free(). */
char        *tn_recipe_row_dup_text (TnRecipeRow *self);
/* What is wrong with the text, below the title; NULL: nothing. */
void         tn_recipe_row_set_problem (TnRecipeRow *self, const char *problem);
const char  *tn_recipe_row_get_problem (TnRecipeRow *self);
/* As a person would, "edited" included; for tests. */
void         tn_recipe_row_edit     (TnRecipeRow *self, const char *text);
/* Signal: "edited" () by a person. */

G_END_DECLS
