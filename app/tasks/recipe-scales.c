/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "app/tasks/method-choice.h"
#include "app/tasks/recipe.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"
#include "engine/qat/starting-scales.h"

gboolean
tn_recipe_set_starting_scales (const TnRecipe *self, TnNetwork *network, TnModelFile *model, GCancellable *cancellable,
                               GError **error)
{
  const TnMethodChoice choice = {self->method, self->objective};
  gboolean finds_weights = !tn_method_choice_is_empty (&choice);
  TnStartingScales scales = {.method = {.method = TN_METHOD_MSE}, .finds_weights = finds_weights};
  g_autoptr (TnStats) stats = NULL;

  if (self->stats_path == NULL && !finds_weights)
    return TRUE;
  if (finds_weights && !tn_method_choice_parse (&choice, &scales.method, error))
    return FALSE;
  if (self->stats_path != NULL && model == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("%s: statistics are of a model, and this run starts from scratch: expected --model"), self->stats_path);
      return FALSE;
    }
  if (self->stats_path != NULL)
    {
      stats = tn_stats_load_for_model (self->stats_path, tn_model_file_get_fingerprint (model), error);
      if (stats == NULL)
        return FALSE;
    }
  scales.stats = stats;
  return tn_starting_scales_set (&scales, network, cancellable, error);
}
