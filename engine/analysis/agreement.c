/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/agreement.h"

#include "engine/metrics/rank-correlation.h"

static TnRankAgreement
compare (const TnAnalysis *self, gsize score_offset)
{
  gsize n_cells = (gsize) self->layers->len * self->schemes->len;
  g_autofree double *scores = g_new (double, MAX (n_cells, 1)), *measured = g_new (double, MAX (n_cells, 1));
  TnRankCorrelation spearman, kendall;
  guint n = 0;

  for (gsize i = 0; i < n_cells; i++)
    {
      const TnAnalysisCell *cell = &self->cells[i];
      const TnEstimate *score = (const TnEstimate *) (gconstpointer) ((const guint8 *) cell + score_offset);

      if (!tn_estimate_is_set (score) || !isfinite (cell->measured.value))
        continue;
      scores[n] = score->value;
      measured[n++] = cell->measured.value;
    }
  tn_spearman (scores, measured, n, 1.0 - TN_ESTIMATE_CONFIDENCE, &spearman);
  tn_kendall (scores, measured, n, 1.0 - TN_ESTIMATE_CONFIDENCE, &kendall);
  return (TnRankAgreement){.spearman = spearman.value,
                           .spearman_low = spearman.low,
                           .spearman_high = spearman.high,
                           .kendall = kendall.value,
                           .n = n};
}

void
tn_analysis_find_agreement (TnAnalysis *self)
{
  self->fisher_agreement = compare (self, G_STRUCT_OFFSET (TnAnalysisCell, fisher));
  self->taylor_agreement = compare (self, G_STRUCT_OFFSET (TnAnalysisCell, taylor));
  self->hessian_agreement = compare (self, G_STRUCT_OFFSET (TnAnalysisCell, hessian));
}
