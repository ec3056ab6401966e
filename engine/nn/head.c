/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/head.h"

#include "engine/nn/linear.h"

#define GROUP_BLOCKS 16
/* Rows whose logits are computed before their exponentials are summed: few enough for the second cache, beside the weights; where
 * blocks of weights come in parts, so many that making the parts again for every tile does not count. */
#define TILE_ROWS 96
#define TILE_ROWS_PARTS 1020

typedef struct
{
  const TnTensor *head;
  const TnForwardScratch *scratch;
  const float *x;
  float *logits;
  GArray *ranges; /* TnRowRange: what one piece of work takes */
  gsize tile_rows;
  TnLogSumExp *rows;     /* [n_tokens]: joined so far */
  TnLogSumExp *pieces;   /* [GROUP_BLOCKS, n_tokens] */
  float *target_logits;  /* [n_tokens] */
  const gint32 *targets; /* [n_tokens]; -1: nothing to predict; NULL: no loss is wanted */
} Head;

static guint64
count_blocks (const TnTensor *head)
{
  return (tn_tensor_rows (head) + TN_WEIGHT_BLOCK_ROWS - 1) / TN_WEIGHT_BLOCK_ROWS;
}

static guint64
group_blocks (const TnTensor *head)
{
  return MIN (GROUP_BLOCKS, count_blocks (head));
}

static gsize
tile_rows (const TnTensor *head)
{
  return tn_weight_block_parts (head) == 1 ? TILE_ROWS : TILE_ROWS_PARTS;
}

gsize
tn_head_tile_count (const TnTensor *head, gsize n_tokens)
{
  return MIN (tile_rows (head), n_tokens) * MIN (TN_WEIGHT_BLOCK_ROWS, tn_tensor_rows (head));
}

/* The pieces of a group, the joined rows, and targets with their logits, which together are smaller than a piece. */
gsize
tn_head_piece_count (const TnTensor *head, gsize n_tokens)
{
  G_STATIC_ASSERT (sizeof (float) + sizeof (gint32) <= TN_HEAD_PIECE_BYTES);

  return n_tokens * (group_blocks (head) + 2);
}

static void
sum_row (const Head *self, guint block, guint64 first, guint64 n, gsize row, const float *logits)
{
  gint32 target = self->targets[row];

  if (target < 0)
    return;
  tn_log_sum_exp_piece (logits, n, (guint) first, &self->pieces[block * self->scratch->batch->n_tokens + row]);
  if ((guint) target >= first && (guint) target < first + n)
    self->target_logits[row] = logits[(guint) target - first];
}

/* Block of a group that begins with block first_block, and some rows. */
static void
run_item (const Head *self, guint64 first_block, guint block, const TnRowRange *range)
{
  guint64 width = tn_tensor_columns (self->head), n_vocab = tn_tensor_rows (self->head);
  guint64 first = (first_block + block) * TN_WEIGHT_BLOCK_ROWS, n = MIN (TN_WEIGHT_BLOCK_ROWS, n_vocab - first);
  gsize stride = self->logits != NULL ? n_vocab : n;
  gboolean once = tn_weight_block_parts (self->head) == 1;
  TnWeightBlock weights;

  for (gsize done = 0; done < range->n; done += self->tile_rows)
    {
      gsize row = range->first + done, n_rows = MIN (self->tile_rows, range->n - done);
      float *tile = self->logits != NULL ? self->logits + row * n_vocab + first : tn_forward_scratch_tile (self->scratch);

      if (done == 0 || !once)
        {
          tn_weight_block_init (&weights, self->head, first, n, tn_forward_scratch_weights (self->scratch));
          while (tn_weight_block_next (&weights) && !once)
            tn_weight_block_multiply (&weights, self->x + row * width, n_rows, tile, stride);
        }
      if (once)
        tn_weight_block_multiply (&weights, self->x + row * width, n_rows, tile, stride);
      for (gsize i = 0; self->targets != NULL && i < n_rows; i++)
        sum_row (self, block, first, n, row + i, tile + i * stride);
    }
}

static void
join_row (const Head *self, guint n_blocks, gsize row)
{
  for (guint block = 0; self->targets[row] >= 0 && block < n_blocks; block++)
    tn_log_sum_exp_join (&self->rows[row], &self->pieces[block * self->scratch->batch->n_tokens + row]);
}

static void
run_group (const Head *self, guint64 first_block, guint n_blocks)
{
  gint64 n_ranges = self->ranges->len, n_items = n_ranges * n_blocks;
  gint64 n_rows = self->targets != NULL ? (gint64) self->scratch->batch->n_tokens : 0;
  guint64 first = first_block * TN_WEIGHT_BLOCK_ROWS, n_vocab = tn_tensor_rows (self->head);

#pragma omp parallel num_threads((int) self->scratch->threads)
  {
#pragma omp for schedule(dynamic)
    for (gint64 i = 0; i < n_items; i++)
      run_item (self, first_block, (guint) (i / n_ranges), &g_array_index (self->ranges, TnRowRange, i % n_ranges));
      /* In the order of the vocabulary, whoever computed the pieces. */
#pragma omp for schedule(static)
    for (gint64 row = 0; row < n_rows; row++)
      join_row (self, n_blocks, (gsize) row);
  }
  tn_linear_release (self->head, first, MIN (n_blocks * TN_WEIGHT_BLOCK_ROWS, n_vocab - first), self->scratch);
}

static gboolean
run_groups (const Head *self, GCancellable *cancellable, GError **error)
{
  guint64 n_blocks = count_blocks (self->head), step = group_blocks (self->head);

  for (guint64 first = 0; first < n_blocks; first += step)
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      run_group (self, first, (guint) MIN (step, n_blocks - first));
    }
  return TRUE;
}

static void
copy_targets (const TnBatch *batch, gint32 *targets)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint i = 0; i < batch->sequences[s].length; i++)
      *targets++ = batch->sequences[s].targets != NULL ? batch->sequences[s].targets[i] : -1;
}

/* Sums over rows in order, in double. */
static void
finish (const Head *self, TnLoss *loss, double *row_nll)
{
  TnLoss sum = {0};

  for (gsize row = 0; row < self->scratch->batch->n_tokens; row++)
    {
      gboolean scored = self->targets[row] >= 0;
      double nll = scored ? tn_log_sum_exp_finish (&self->rows[row]) - (double) self->target_logits[row] : 0.0;

      if (row_nll != NULL)
        row_nll[row] = nll;
      if (!scored)
        continue;
      sum.nll_sum += nll;
      sum.n_scored++;
      sum.n_correct += self->rows[row].best == (guint) self->targets[row];
    }
  if (loss != NULL)
    *loss = sum;
}

gboolean
tn_head_forward (const TnTensor *head, const float *x, float *logits, TnLoss *loss, double *row_nll,
                 const TnForwardScratch *scratch, GCancellable *cancellable, GError **error)
{
  gsize n_tokens = scratch->batch->n_tokens;
  gboolean own = tn_weight_product () == TN_PRODUCT_OWN;
  g_autoptr (GArray) ranges =
      tn_linear_cut_rows (scratch, own ? tn_linear_share_rows (scratch, group_blocks (head)) : tile_rows (head));
  Head self = {
      .head = head,
      .scratch = scratch,
      .x = x,
      .logits = logits,
      .ranges = ranges,
      .tile_rows = tile_rows (head),
      .rows = scratch->pieces,
  };

  self.pieces = self.rows + n_tokens;
  self.target_logits = (float *) (self.pieces + group_blocks (head) * n_tokens);
  if (loss != NULL || row_nll != NULL)
    {
      gint32 *targets = (gint32 *) (self.target_logits + n_tokens);

      copy_targets (scratch->batch, targets);
      self.targets = targets;
      for (gsize i = 0; i < n_tokens; i++)
        self.rows[i] = TN_LOG_SUM_EXP_EMPTY;
    }
  if (!run_groups (&self, cancellable, error))
    return FALSE;
  if (self.targets != NULL)
    finish (&self, loss, row_nll);
  return TRUE;
}
