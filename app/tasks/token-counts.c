/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/token-counts.h"

#include <math.h>

#include "engine/calibration/site-stats.h"

struct _TnTokenCounts
{
  guint    n_vocab;
  guint64  groups[TN_STATS_GROUPS]; /* tokens */
  guint64 *counts;                  /* [n_vocab][TN_STATS_GROUPS] */
};

TnTokenCounts *
tn_token_counts_new (guint n_vocab)
{
  TnTokenCounts *self = g_new0 (TnTokenCounts, 1);

  self->n_vocab = n_vocab;
  self->counts = g_new0 (guint64, (gsize) n_vocab * TN_STATS_GROUPS);
  return self;
}

void
tn_token_counts_free (TnTokenCounts *self)
{
  if (self == NULL)
    return;
  g_free (self->counts);
  g_free (self);
}

void
tn_token_counts_add (TnTokenCounts *self, const TnBatch *batch)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];
      guint group = sequence->hash % TN_STATS_GROUPS;

      for (guint i = 0; i < sequence->length; i++)
        if (sequence->tokens[i] >= 0 && (guint) sequence->tokens[i] < self->n_vocab)
          {
            self->counts[(gsize) sequence->tokens[i] * TN_STATS_GROUPS + group]++;
            self->groups[group]++;
          }
    }
}

static guint64
total_of (const guint64 *groups)
{
  guint64 total = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    total += groups[g];
  return total;
}

guint
tn_token_counts_distinct (const TnTokenCounts *self)
{
  guint distinct = 0;

  for (guint i = 0; i < self->n_vocab; i++)
    distinct += total_of (self->counts + (gsize) i * TN_STATS_GROUPS) > 0;
  return distinct;
}

/* Variance of a token's share by groups, as a ratio of sums (Cochran 1977, section 6.3). */
static double
share_variance (const TnTokenCounts *self, const guint64 *counts, double share, double n)
{
  double sum = 0.0;
  guint groups = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      double residual = (double) counts[g] - share * (double) self->groups[g];

      groups += self->groups[g] > 0;
      sum += residual * residual;
    }
  return groups > 1 ? sum * groups / (groups - 1) / (n * n) : (double) NAN;
}

void
tn_token_counts_distance (const TnTokenCounts *sample, const TnTokenCounts *reference, TnTokenDistance *distance)
{
  double n = (double) total_of (sample->groups), m = (double) total_of (reference->groups);

  g_return_if_fail (sample->n_vocab == reference->n_vocab);

  *distance = (TnTokenDistance) { NAN, NAN, NAN };
  if (n == 0.0 || m == 0.0)
    return;
  *distance = (TnTokenDistance) { 0 };
  for (guint i = 0; i < sample->n_vocab; i++)
    {
      const guint64 *a = sample->counts + (gsize) i * TN_STATS_GROUPS, *b = reference->counts + (gsize) i * TN_STATS_GROUPS;
      double p = (double) total_of (a) / n, q = (double) total_of (b) / m, middle = 0.5 * (p + q);

      if (middle == 0.0)
        continue;
      distance->js += 0.5 * ((p > 0.0 ? p * log2 (p / middle) : 0.0) + (q > 0.0 ? q * log2 (q / middle) : 0.0));
      distance->js_expected += (share_variance (sample, a, p, n) + share_variance (reference, b, q, m)) / (8.0 * G_LN2 * (p * n + q * m) / (n + m));
      distance->seen += p > 0.0 ? q : 0.0;
    }
  distance->js = MAX (distance->js, 0.0);
}
