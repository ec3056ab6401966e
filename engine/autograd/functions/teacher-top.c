/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/head-loss.h"
#include "engine/kernels/divergence.h"
#include "engine/kernels/softmax.h"

static double
find_lse (const float *logits, gsize n, float scale)
{
  TnDivergence row = TN_DIVERGENCE_EMPTY, piece;

  for (gsize first = 0; first < n; first += TN_LOG_SUM_EXP_COLUMNS)
    {
      tn_divergence_piece (logits + first, NULL, MIN (TN_LOG_SUM_EXP_COLUMNS, n - first), scale, &piece);
      tn_divergence_join (&row, &piece, scale);
    }
  return tn_divergence_student_lse (&row, scale);
}

/* Puts a token in its place among n that are sorted; the last of k falls out. */
static void
insert (const float *logits, gint32 id, gsize n, gsize k, gint32 *ids)
{
  gsize place = MIN (n, k - 1);

  for (; place > 0 && logits[ids[place - 1]] < logits[id]; place--)
    ids[place] = ids[place - 1];
  ids[place] = id;
}

void
tn_teacher_top (const float *logits, gsize vocabulary, double temperature, gsize k, gint32 *ids, float *probabilities)
{
  float scale = (float) (1.0 / temperature);
  double lse = find_lse (logits, vocabulary, scale);
  gsize n = 0;

  for (gsize id = 0; id < vocabulary && k > 0; id++)
    if ((n < k && !isnan (logits[id])) || (n == k && logits[id] > logits[ids[k - 1]]))
      {
        insert (logits, (gint32) id, n, k, ids);
        n = MIN (n + 1, k);
      }
  for (gsize i = 0; i < k; i++)
    if (i < n)
      probabilities[i] = (float) exp ((double) scale * (double) logits[ids[i]] - lse);
    else
      {
        ids[i] = -1;
        probabilities[i] = 0.0f;
      }
}
