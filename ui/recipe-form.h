/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "app/tasks/recipe.h"

G_BEGIN_DECLS

/* TnRecipeForm: the keys of a recipe as rows: the main ones by what they are, all others by their names in an expander a group of the key file. Each
 * is checked as it is typed, by the checks of the command line. */
#define TN_TYPE_RECIPE_FORM (tn_recipe_form_get_type ())
G_DECLARE_FINAL_TYPE (TnRecipeForm, tn_recipe_form, TN, RECIPE_FORM, GtkWidget)

/* As it was last right: rows with a problem have not changed it. */
const TnRecipe *tn_recipe_form_get_recipe  (TnRecipeForm *self);
/* A copy is kept. */
void            tn_recipe_form_set_recipe  (TnRecipeForm *self, const TnRecipe *recipe);
/* Shape of a network that is made, which a model that is given has already. */
void            tn_recipe_form_set_scratch (TnRecipeForm *self, gboolean scratch);
/* Of the first row that has one, or of the recipe as a whole; NULL: none. Free with g_free(). */
char           *tn_recipe_form_dup_problem (TnRecipeForm *self);
/* As a person would; for tests. name: of the key. */
void            tn_recipe_form_edit        (TnRecipeForm *self, const char *name, const char *text);
/* Signal: "changed" () by a person. */

G_END_DECLS
