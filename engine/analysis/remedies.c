/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/remedies.h"

#include "engine/analysis/findings.h"

/* Error over output below which a layer is left alone. */
#define LITTLE_ERROR 1e-3
/* What is inherited over the layer's own error from where on it is looked for before the layer: 6 dB, a bit. */
#define MUCH_INHERITED 4.0

typedef struct
{
  TnRemedy *remedies;
  guint n;
} List;

static void
add (List *list, gboolean applies, TnRemedy remedy)
{
  if (!applies || list->n == TN_MOST_REMEDIES)
    return;
  for (guint i = 0; i < list->n; i++)
    if (list->remedies[i] == remedy)
      return;
  list->remedies[list->n++] = remedy;
}

static gboolean
has (const TnAnalyzedLayer *layer, TnFindingKind kind)
{
  return tn_analyzed_layer_get_finding (layer, kind) != NULL;
}

/* Against what the weights lose. */
static void
add_for_weights (List *list, const TnAnalyzedLayer *layer, const TnScheme *scheme)
{
  gboolean one_scale = scheme->granularity == TN_PER_TENSOR, grouped = scheme->granularity == TN_PER_GROUP;
  gboolean tails = has (layer, TN_FINDING_OUTLIER_WEIGHTS) || has (layer, TN_FINDING_HEAVY_TAIL);
  gboolean few_channels = has (layer, TN_FINDING_CONCENTRATION) || has (layer, TN_FINDING_OUTLIER_INPUTS);

  add (list, one_scale && has (layer, TN_FINDING_SCALE_SPREAD), TN_REMEDY_PER_ROW);
  add (list, has (layer, TN_FINDING_SHIFTED) && scheme->kind == TN_SCHEME_INTEGER && !scheme->asymmetric, TN_REMEDY_ASYMMETRY);
  add (list, tails && !grouped, TN_REMEDY_GROUPS);
  add (list, tails && grouped, TN_REMEDY_ROTATION);
  add (list, few_channels, TN_REMEDY_SMOOTHING);
  add (list, few_channels, TN_REMEDY_ERROR_FEEDBACK);
  add (list, tails && scheme->method == TN_METHOD_MINMAX && scheme->kind != TN_SCHEME_BINARY, TN_REMEDY_SCALE_SEARCH);
  add (list, TRUE, TN_REMEDY_ERROR_FEEDBACK);
  add (list, TRUE, TN_REMEDY_MORE_BITS);
}

static void
add_for_inputs (List *list, const TnAnalyzedLayer *layer)
{
  gboolean outliers = has (layer, TN_FINDING_OUTLIER_INPUTS);

  add (list, outliers, TN_REMEDY_SMOOTHING);
  add (list, outliers, TN_REMEDY_ROTATION);
  add (list, TRUE, TN_REMEDY_INPUT_BITS);
}

guint
tn_analysis_recommend (const TnAnalysis *self, guint layer, guint scheme, TnRemedy *remedies)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (self, layer);
  const TnAnalysisCell *cell = tn_analysis_get_cell (self, layer, scheme);
  const TnOutputError *alone = &cell->alone, *accumulated = &cell->accumulated;
  List list = {remedies, 0};

  if (has (analyzed, TN_FINDING_NONFINITE))
    {
      add (&list, TRUE, TN_REMEDY_REPAIR);
      return list.n;
    }
  if (isnan (alone->nmse))
    return 0;
  if (accumulated->inherited > MUCH_INHERITED * alone->nmse)
    {
      add (&list, accumulated->nmse > LITTLE_ERROR, TN_REMEDY_LAYERS_BEFORE);
      if (alone->nmse <= LITTLE_ERROR && list.n > 0)
        return list.n;
    }
  if (alone->nmse <= LITTLE_ERROR)
    {
      add (&list, TRUE, TN_REMEDY_KEEP);
      return list.n;
    }
  if (alone->inputs > alone->weights)
    {
      add_for_inputs (&list, analyzed);
      return list.n;
    }
  add_for_weights (&list, analyzed, tn_analysis_get_scheme (self, scheme));
  return list.n;
}

const char *
tn_remedy_get_name (TnRemedy remedy)
{
  static const char *const names[] = {"repair",    "keep",      "layers_before", "per_row",        "groups",     "scale_search",
                                      "asymmetry", "smoothing", "rotation",      "error_feedback", "input_bits", "more_bits"};

  G_STATIC_ASSERT (G_N_ELEMENTS (names) == TN_N_REMEDIES);
  return names[remedy];
}
