/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/head.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/softmax.h"
#include "engine/nn/linear.h"

/* Some rows of one sequence: shapes depend on the sequence alone. */
typedef struct
{
  gsize         row;
  guint         n;
  const gint32 *targets; /* NULL: nothing to predict */
} Tile;

typedef struct
{
  TnLogSumExp lse;
  float       target;
} RowLoss;

static guint
block_rows (const TnTensor *head)
{
  return (guint) MIN (TN_HEAD_BLOCK_ROWS, tn_tensor_rows (head));
}

gsize
tn_head_estimate_scratch (const TnTensor *head, gsize n_tokens)
{
  gsize decoded = tn_linear_in_place (head) ? 0 : (gsize) block_rows (head) * tn_tensor_columns (head) * sizeof (float);

  return decoded + (gsize) tn_device_get_threads () * TN_HEAD_TILE * block_rows (head) * sizeof (float) + n_tokens * sizeof (RowLoss);
}

static GArray *
make_tiles (const TnBatch *batch)
{
  GArray *tiles = g_array_new (FALSE, FALSE, sizeof (Tile));
  gsize row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint first = 0; first < batch->sequences[s].length; first += TN_HEAD_TILE)
      {
        const TnSequence *sequence = &batch->sequences[s];
        const Tile tile = {
          .row = row, .n = MIN (TN_HEAD_TILE, sequence->length - first), .targets = sequence->targets != NULL ? sequence->targets + first : NULL,
        };

        g_array_append_val (tiles, tile);
        row += tile.n;
      }
  return tiles;
}

static void
decode_block (const TnTensor *head, guint64 first, guint64 n, float *scratch)
{
  gint64 n_parts = (gint64) ((n + 127) / 128);

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads ())
  for (gint64 part = 0; part < n_parts; part++)
    {
      guint64 start = (guint64) part * 128;

      tn_tensor_decode_rows (head, first + start, MIN (128, n - start), scratch + start * tn_tensor_columns (head));
    }
}

static void
feed_row (RowLoss *row, const float *logits, guint64 n, gint32 first, gint32 target)
{
  TnLogSumExp piece;

  tn_log_sum_exp_piece (logits, n, (guint) first, &piece);
  tn_log_sum_exp_join (&row->lse, &piece);
  if (target >= first && (guint64) (target - first) < n)
    row->target = logits[target - first];
}

static void
finish (const GArray *tiles, const RowLoss *rows, TnLoss *loss, double *row_nll)
{
  *loss = (TnLoss) { 0 };
  for (guint t = 0; t < tiles->len; t++)
    {
      const Tile *tile = &g_array_index (tiles, Tile, t);

      for (guint i = 0; i < tile->n; i++)
        {
          const RowLoss *row = &rows[tile->row + i];
          gboolean scored = tile->targets != NULL && tile->targets[i] >= 0;
          double nll = scored ? tn_log_sum_exp_finish (&row->lse) - (double) row->target : 0.0;

          if (row_nll != NULL)
            row_nll[tile->row + i] = nll;
          if (!scored)
            continue;
          loss->nll_sum += nll;
          loss->n_scored++;
          loss->n_correct += row->lse.best == (guint) tile->targets[i];
        }
    }
}

gboolean
tn_head_forward (const TnTensor *head, const TnBatch *batch, const float *x, float *logits, TnLoss *loss, double *row_nll, GCancellable *cancellable,
                 GError **error)
{
  guint64 n_vocab = tn_tensor_rows (head), width = tn_tensor_columns (head);
  g_autoptr (GArray) tiles = make_tiles (batch);
  TnPool *pool = tn_pool_default ();
  g_autoptr (TnBlock) decoded = NULL, tile_logits = NULL, row_block = NULL;
  RowLoss *rows;

  if (!tn_linear_in_place (head) &&
      (decoded = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, (gsize) block_rows (head) * width * sizeof (float), error)) == NULL)
    return FALSE;
  tile_logits = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, (gsize) tn_device_get_threads () * TN_HEAD_TILE * block_rows (head) * sizeof (float), error);
  if (tile_logits == NULL || (row_block = rows = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, MAX (batch->n_tokens, 1), sizeof (RowLoss), error)) == NULL)
    return FALSE;
  for (gsize i = 0; i < batch->n_tokens; i++)
    rows[i].lse = TN_LOG_SUM_EXP_EMPTY;

  for (guint64 first = 0; first < n_vocab; first += TN_HEAD_BLOCK_ROWS)
    {
      guint64 n = MIN (TN_HEAD_BLOCK_ROWS, n_vocab - first);
      const float *weights;
      gint next_slot = 0;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (!tn_linear_in_place (head))
        decode_block (head, first, n, decoded);
      weights = tn_linear_in_place (head) ? (const float *) head->data + first * width : decoded;
#pragma omp parallel num_threads((int) tn_device_get_threads ())
      {
        float *own = (float *) tile_logits + (gsize) g_atomic_int_add (&next_slot, 1) * TN_HEAD_TILE * block_rows (head);

#pragma omp for schedule(dynamic)
        for (guint t = 0; t < tiles->len; t++)
          {
            const Tile *tile = &g_array_index (tiles, Tile, t);
            float *out = logits != NULL ? logits + tile->row * n_vocab + first : own;
            gsize stride = logits != NULL ? n_vocab : n;

            tn_linear_product (x + tile->row * width, width, weights, width, out, stride, tile->n, n, width, 1.0f);
            for (guint i = 0; loss != NULL && i < tile->n; i++)
              feed_row (&rows[tile->row + i], out + i * stride, n, (gint32) first, tile->targets != NULL ? tile->targets[i] : -1);
          }
      }
    }
  if (loss != NULL)
    finish (tiles, rows, loss, row_nll);
  return TRUE;
}
