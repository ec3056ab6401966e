/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <string.h>

#include "engine/device/choice.h"
#include "engine/device/device.h"
#include "engine/device/onednn.h"
#include "engine/kernels/ternary-private.h"
#include "engine/memory/pool.h"

/* Rows whose codes are unpacked at once: they stay in the second cache while all tokens meet them. */
#define BLOCK_ROWS 256
#define BLOCK_TOKENS 192
/* What is measured: a product as the layers of a model of width 2048 cut it. */
#define MEASURED_ROWS 512
#define MEASURED_COLUMNS 2048
#define MEASURED_TOKENS 128
#define MEASURED_TURNS 7

typedef struct
{
  gint32 sums[BLOCK_TOKENS][BLOCK_ROWS];
  gint8 codes[]; /* [BLOCK_ROWS, columns] */
} Scratch;

static int in_use; /* atomic */

gboolean
tn_ternary_uses_onednn (void)
{
  return g_atomic_int_get (&in_use);
}

gboolean
tn_ternary_use_onednn (gboolean use)
{
  if (use && tn_onednn_get_name () == NULL)
    return FALSE;
  g_atomic_int_set (&in_use, use);
  return TRUE;
}

gsize
tn_ternary_onednn_scratch_bytes (guint64 columns)
{
  return sizeof (Scratch) + BLOCK_ROWS * (gsize) columns;
}

gboolean
tn_ternary_onednn_product (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride, gsize n_tokens,
                           TnTernaryStoreFunc store, gconstpointer user_data, void *memory)
{
  Scratch *scratch = memory;

  for (guint64 row = 0, n_rows; row < n; row += n_rows)
    {
      n_rows = MIN (n - row, BLOCK_ROWS);
      tn_ternary_unpack (self, first + row, n_rows, scratch->codes);
      for (gsize token = 0, n_taken; token < n_tokens; token += n_taken)
        {
          n_taken = MIN (n_tokens - token, BLOCK_TOKENS);
          if (!tn_onednn_product_int8 (x + token * x_stride, x_stride, n_taken, scratch->codes, self->columns, n_rows,
                                       self->columns, scratch->sums[0], BLOCK_ROWS))
            return FALSE;
          store (scratch->sums[0], BLOCK_ROWS, row, n_rows, token, n_taken, user_data);
        }
    }
  return TRUE;
}

typedef struct
{
  TnTernaryMatrix matrix;
  gint8 *x;
  gint32 *x_sums, *y, *expected;
  void *scratch;
} Trial;

/* A library that does not give our sums is no variant. */
static double
measure (guint variant, gpointer user_data)
{
  const Trial *self = user_data;
  const gsize bytes = (gsize) MEASURED_TOKENS * MEASURED_ROWS * sizeof (gint32);
  gint32 *y = variant == 0 ? self->expected : self->y;
  double best = G_MAXDOUBLE;
  int threads = omp_get_max_threads ();

  /* As it runs in a model: each thread a product of its own. */
  omp_set_num_threads (1);
  tn_ternary_use_onednn (variant == 1);
  for (guint turn = 0; turn <= MEASURED_TURNS; turn++)
    {
      gint64 start = g_get_monotonic_time ();

      tn_ternary_product_int32 (&self->matrix, 0, MEASURED_ROWS, self->x, MEASURED_COLUMNS, self->x_sums, MEASURED_TOKENS, y,
                                MEASURED_ROWS, self->scratch);
      /* The first one loads and compiles. */
      if (turn > 0)
        best = MIN (best, (double) MAX (g_get_monotonic_time () - start, 1) * 1e-6);
    }
  tn_ternary_use_onednn (FALSE);
  omp_set_num_threads (threads);
  if (variant == 1 && memcmp (self->y, self->expected, bytes) != 0)
    return 0.0;
  return 2.0 * MEASURED_TOKENS * MEASURED_ROWS * MEASURED_COLUMNS / best;
}

static void
fill (Trial *self, guint8 *tiles)
{
  g_autofree gint8 *codes = g_new (gint8, MEASURED_ROWS * MEASURED_COLUMNS);

  for (guint i = 0; i < MEASURED_ROWS * MEASURED_COLUMNS; i++)
    codes[i] = (gint8) ((i * 2654435761U >> 16) % 3) - 1;
  tn_ternary_pack (tiles, MEASURED_COLUMNS, 0, MEASURED_ROWS, codes);
  self->matrix = (TnTernaryMatrix){MEASURED_ROWS, MEASURED_COLUMNS, tiles};
  for (guint t = 0; t < MEASURED_TOKENS; t++)
    {
      self->x_sums[t] = 0;
      for (guint c = 0; c < MEASURED_COLUMNS; c++)
        self->x_sums[t] += self->x[t * MEASURED_COLUMNS + c] = (gint8) (gint) (((t * 77 + c * 2246822519U) >> 13) % 256 - 128);
    }
}

static void
choose (gpointer user_data)
{
  int *done = user_data;
  const char *names[] = {"ternion", tn_onednn_get_name ()};
  const gsize tile_bytes = tn_ternary_bytes (MEASURED_ROWS, MEASURED_COLUMNS);
  const gsize x_bytes = (gsize) MEASURED_TOKENS * MEASURED_COLUMNS,
              y_bytes = (gsize) MEASURED_TOKENS * MEASURED_ROWS * sizeof (gint32);
  const gsize scratch_bytes =
      MAX (tn_ternary_onednn_scratch_bytes (MEASURED_COLUMNS), tn_ternary_scratch_bytes (MEASURED_COLUMNS));
  g_autoptr (TnBlock) block = NULL;
  Trial trial;
  guint8 *at;

  /* Another thread asked at the same time. */
  if (g_atomic_int_get (done))
    return;
  block =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH,
                     tile_bytes + x_bytes + 2 * y_bytes + scratch_bytes + TN_POOL_ALIGNMENT + MEASURED_TOKENS * sizeof (gint32),
                     NULL);
  if (block != NULL)
    {
      at = block;
      trial.x = (gint8 *) (at + tile_bytes);
      trial.y = (gint32 *) (at + tile_bytes + x_bytes);
      trial.expected = trial.y + y_bytes / sizeof (gint32);
      trial.scratch = trial.expected + y_bytes / sizeof (gint32);
      trial.x_sums =
          (gint32 *) ((guint8 *) trial.scratch + (scratch_bytes + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT);
      fill (&trial, at);
      tn_ternary_use_onednn (tn_choice_make ("ternary-product", names, 2, measure, &trial) == 1);
    }
  g_atomic_int_set (done, TRUE);
}

void
tn_ternary_choose (void)
{
  static int done; /* atomic; becomes TRUE on the compute thread */
  const TnDevice *device = tn_device_auto_select ();

  /* A device that was told to do without some of the processor's instructions would not be obeyed by the library. */
  if (g_atomic_int_get (&done) || device->features != device->cpu_features || tn_onednn_get_name () == NULL)
    return;
  /* Not under a lock: the compute thread may be at work for somebody who asks, too. */
  tn_compute_run (choose, &done);
}
