/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "engine/nn/generate.h"

typedef struct
{
  float probability;
  gint32 token;
} Candidate;

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a, *y = b;

  if (x->probability != y->probability)
    return x->probability > y->probability ? -1 : 1;
  return x->token - y->token;
}

gint32
tn_sample_token (const float *logits, guint n_vocab, double temperature, double top_p, double uniform)
{
  g_autofree Candidate *candidates = NULL;
  double mass = 0.0, total = 0.0;
  gint32 best = 0;
  guint kept = 0;

  for (guint i = 1; i < n_vocab; i++)
    if (logits[i] > logits[best] || (isnan (logits[best]) && !isnan (logits[i])))
      best = (gint32) i;
  if (temperature <= 0.0)
    return best;
  candidates = g_new (Candidate, n_vocab);
  for (guint i = 0; i < n_vocab; i++)
    {
      float probability = (float) exp (((double) logits[i] - (double) logits[best]) / temperature);

      /* A difference of infinities is no number. */
      if (isnan (probability))
        probability = logits[i] == logits[best] ? 1.0f : 0.0f;
      candidates[i] = (Candidate){probability, (gint32) i};
      total += (double) candidates[i].probability;
    }
  qsort (candidates, n_vocab, sizeof *candidates, compare_candidates);
  while (kept < n_vocab && (kept == 0 || mass < top_p * total))
    mass += (double) candidates[kept++].probability;
  uniform *= mass;
  for (guint i = 0; i + 1 < kept; i++)
    {
      uniform -= (double) candidates[i].probability;
      if (uniform < 0.0)
        return candidates[i].token;
    }
  return candidates[kept - 1].token;
}
