/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

#include "engine/nn/batch.h"
#include "engine/random.h"

/* Sequences with activations of every kind a statistic can meet, for tests of exactness. */
typedef struct
{
  guint n_sequences, width;
  TnSequence *sequences;
  float **x; /* [n_sequences] of [length, width] */
  gint32 *tokens;
} TnTestActivations;

static inline float
tn_test_activation (TnRandom *random)
{
  static const float special[] = {NAN,         -NAN,        INFINITY,     -INFINITY, 0.0f,       -0.0f,   1e-40f,  -1e-45f,
                                  1e30f,       -3e38f,      3e38f,        45.0f,     -45.0f,     2047.9f, 2048.0f, -2048.0f,
                                  134217727.f, 134217728.f, -134217720.f, 1.5e-12f,  0x1.8p-41f, 7.0f};

  switch (tn_random_below (random, 40))
    {
    case 0:
      return special[tn_random_below (random, G_N_ELEMENTS (special))];
    case 1:
      return (float) (tn_random_normal (random) * pow (2.0, (double) tn_random_below (random, 50) - 20.0));
    case 2:
      return 0.0f;
    default:
      return (float) tn_random_normal (random);
    }
}

/* special: also values that are not finite, not small or tied; else plain normal ones. Two sequences are twins in hash and
 * content. */
static inline TnTestActivations
tn_test_activations_new (guint64 seed, guint n_sequences, guint max_length, guint width, gboolean special)
{
  TnRandom random = tn_random_stream (seed, "test activations");
  TnTestActivations self = {n_sequences, width, g_new0 (TnSequence, n_sequences), g_new0 (float *, n_sequences),
                            g_new0 (gint32, max_length + 1)};

  for (guint s = 0; s < n_sequences; s++)
    {
      gboolean plain = !special || s % 3 == 1;
      gsize n;

      self.sequences[s] = (TnSequence){.hash = tn_random_next (&random),
                                       .length = (guint) tn_random_below (&random, max_length + 1),
                                       .tokens = self.tokens};
      if (special && s + 1 == n_sequences && s > 0)
        self.sequences[s] = self.sequences[0];
      n = (gsize) self.sequences[s].length * width;
      self.x[s] = g_new (float, n + 1);
      for (gsize i = 0; i < n; i++)
        self.x[s][i] = plain ? (float) tn_random_normal (&random) : tn_test_activation (&random);
      if (special && s + 1 == n_sequences && s > 0)
        for (gsize i = 0; i < n; i++)
          self.x[s][i] = self.x[0][i];
    }
  return self;
}

static inline void
tn_test_activations_clear (TnTestActivations *self)
{
  for (guint s = 0; s < self->n_sequences; s++)
    g_free (self->x[s]);
  g_free (self->x);
  g_free (self->sequences);
  g_free (self->tokens);
}

/* The named sequences as one batch; *x is [n_tokens, width]. */
static inline TnBatch *
tn_test_activations_batch (const TnTestActivations *self, const guint *which, guint n, float **x)
{
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n + 1);
  gsize rows = 0, width = self->width;
  TnBatch *batch;

  for (guint i = 0; i < n; i++)
    sequences[i] = self->sequences[which[i]];
  batch = tn_batch_new (sequences, n);
  *x = g_new (float, batch->n_tokens *width + 1);
  for (guint i = 0; i < n; i++)
    {
      gsize count = sequences[i].length * width;

      for (gsize k = 0; k < count; k++)
        (*x)[rows * width + k] = self->x[which[i]][k];
      rows += sequences[i].length;
    }
  return batch;
}

static inline void
tn_test_shuffle (TnRandom *random, guint *order, guint n)
{
  for (guint i = n; i > 1; i--)
    {
      guint k = (guint) tn_random_below (random, i), swap = order[i - 1];

      order[i - 1] = order[k];
      order[k] = swap;
    }
}
