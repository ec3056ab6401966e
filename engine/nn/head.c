/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/head.h"

#include "engine/nn/linear.h"

#define TILE_ROWS 256
#define GROUP_BLOCKS 16
/* Rows that one thread decodes at a time. */
#define PIECE_ROWS 64

/* Some rows of one sequence: shapes depend on the sequence alone. */
typedef struct
{
  gsize row; /* in the batch's matrices */
  guint n;
  const gint32 *targets; /* NULL: nothing to predict */
} Tile;

typedef struct
{
  const TnTensor *head;
  const TnForwardScratch *scratch;
  const float *x;
  float *logits;
  GArray *tiles; /* Tile */
  gboolean scoring;
  TnLogSumExp *rows;   /* [n_tokens]: joined so far */
  TnLogSumExp *pieces; /* [GROUP_BLOCKS, n_tokens] */
  float *targets;      /* [n_tokens]: logit of the target */
} Head;

/* One group of blocks of the vocabulary. */
typedef struct
{
  guint64 first, n; /* rows of the head */
  guint64 block_rows;
  guint n_blocks;
  const float *weights;
} Group;

static guint64
group_blocks (const TnTensor *head)
{
  guint64 step = tn_linear_block_rows (head);

  return MIN (GROUP_BLOCKS, (tn_tensor_rows (head) + step - 1) / step);
}

gsize
tn_head_tile_count (const TnTensor *head, guint longest)
{
  return MIN (TILE_ROWS, (gsize) longest) * tn_linear_block_rows (head);
}

/* The pieces of a group, the joined rows, and the logits of the targets, which are smaller than a piece. */
gsize
tn_head_piece_count (const TnTensor *head, gsize n_tokens)
{
  return n_tokens * (group_blocks (head) + 2);
}

static GArray *
make_tiles (const TnForwardScratch *scratch)
{
  GArray *tiles = g_array_new (FALSE, FALSE, sizeof (Tile));

  for (guint s = 0; s < scratch->batch->n_sequences; s++)
    {
      const TnSequence *sequence = &scratch->batch->sequences[s];

      for (guint first = 0; first < sequence->length; first += TILE_ROWS)
        {
          const Tile tile = {
              .row = scratch->first_rows[s] + first,
              .n = MIN (TILE_ROWS, sequence->length - first),
              .targets = sequence->targets != NULL ? sequence->targets + first : NULL,
          };

          g_array_append_val (tiles, tile);
        }
    }
  return tiles;
}

static void
decode_piece (const Head *self, const Group *group, guint64 piece)
{
  guint64 first = piece * PIECE_ROWS;

  tn_tensor_decode_rows (self->head, group->first + first, MIN (PIECE_ROWS, group->n - first),
                         self->scratch->weights + first * tn_tensor_columns (self->head));
}

static void
run_item (const Head *self, const Group *group, guint block, const Tile *tile)
{
  guint64 width = tn_tensor_columns (self->head), n_vocab = tn_tensor_rows (self->head);
  guint64 offset = block * group->block_rows, n = MIN (group->block_rows, group->n - offset);
  guint first = (guint) (group->first + offset);
  float *out = self->logits != NULL ? self->logits + tile->row * n_vocab + first : tn_forward_scratch_tile (self->scratch);
  gsize stride = self->logits != NULL ? n_vocab : n;

  tn_product_transposed (self->x + tile->row * width, width, group->weights + offset * width, width, out, stride, tile->n, n,
                         width, 1.0f);
  if (!self->scoring || tile->targets == NULL)
    return;
  for (guint i = 0; i < tile->n; i++)
    {
      const float *row = out + i * stride;
      gint32 target = tile->targets[i];

      if (target < 0)
        continue;
      tn_log_sum_exp_piece (row, n, first, &self->pieces[block * self->scratch->batch->n_tokens + tile->row + i]);
      if ((guint) target >= first && (guint) target < first + n)
        self->targets[tile->row + i] = row[(guint) target - first];
    }
}

static void
join_tile (const Head *self, const Group *group, const Tile *tile)
{
  for (guint i = 0; tile->targets != NULL && i < tile->n; i++)
    for (guint block = 0; tile->targets[i] >= 0 && block < group->n_blocks; block++)
      tn_log_sum_exp_join (&self->rows[tile->row + i], &self->pieces[block * self->scratch->batch->n_tokens + tile->row + i]);
}

static void
run_group (const Head *self, const Group *group)
{
  const Tile *tiles = (const Tile *) self->tiles->data;
  gint64 n_tiles = self->tiles->len, n_items = n_tiles * group->n_blocks;
  gint64 n_pieces = tn_linear_in_place (self->head) ? 0 : (gint64) ((group->n + PIECE_ROWS - 1) / PIECE_ROWS);

#pragma omp parallel num_threads((int) self->scratch->threads)
  {
#pragma omp for schedule(dynamic)
    for (gint64 i = 0; i < n_pieces; i++)
      decode_piece (self, group, (guint64) i);
#pragma omp for schedule(dynamic)
    for (gint64 i = 0; i < n_items; i++)
      run_item (self, group, (guint) (i / n_tiles), &tiles[i % n_tiles]);
      /* In the order of the vocabulary, whoever computed the pieces. */
#pragma omp for schedule(static)
    for (gint64 i = 0; i < (self->scoring ? n_tiles : 0); i++)
      join_tile (self, group, &tiles[i]);
  }
  tn_linear_release (self->head, group->first, group->n, self->scratch);
}

static gboolean
run_groups (const Head *self, GCancellable *cancellable, GError **error)
{
  guint64 n_vocab = tn_tensor_rows (self->head), width = tn_tensor_columns (self->head);
  guint64 step = tn_linear_block_rows (self->head);
  guint64 blocks = group_blocks (self->head);
  gboolean in_place = tn_linear_in_place (self->head);

  if (!in_place)
    blocks = MIN (blocks, MAX (self->scratch->weight_count / (step * width), 1));
  for (guint64 first = 0; first < n_vocab; first += blocks * step)
    {
      guint64 n = MIN (blocks * step, n_vocab - first);
      const Group group = {
          .first = first,
          .n = n,
          .block_rows = step,
          .n_blocks = (guint) ((n + step - 1) / step),
          .weights = in_place ? (const float *) self->head->data + first * width : self->scratch->weights,
      };

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      run_group (self, &group);
    }
  return TRUE;
}

/* Sums over rows in order, in double. */
static void
finish (const Head *self, TnLoss *loss, double *row_nll)
{
  TnLoss sum = {0};

  for (guint t = 0; t < self->tiles->len; t++)
    {
      const Tile *tile = &g_array_index (self->tiles, Tile, t);

      for (guint i = 0; i < tile->n; i++)
        {
          gsize row = tile->row + i;
          gboolean scored = tile->targets != NULL && tile->targets[i] >= 0;
          double nll = scored ? tn_log_sum_exp_finish (&self->rows[row]) - (double) self->targets[row] : 0.0;

          if (row_nll != NULL)
            row_nll[row] = nll;
          if (!scored)
            continue;
          sum.nll_sum += nll;
          sum.n_scored++;
          sum.n_correct += self->rows[row].best == (guint) tile->targets[i];
        }
    }
  if (loss != NULL)
    *loss = sum;
}

gboolean
tn_head_forward (const TnTensor *head, const float *x, float *logits, TnLoss *loss, double *row_nll,
                 const TnForwardScratch *scratch, GCancellable *cancellable, GError **error)
{
  gsize n_tokens = scratch->batch->n_tokens;
  g_autoptr (GArray) tiles = make_tiles (scratch);
  Head self = {
      .head = head,
      .scratch = scratch,
      .x = x,
      .logits = logits,
      .tiles = tiles,
      .scoring = loss != NULL || row_nll != NULL,
      .rows = scratch->pieces,
  };

  self.pieces = self.rows + n_tokens;
  self.targets = (float *) (self.pieces + group_blocks (head) * n_tokens);
  for (gsize i = 0; i < n_tokens; i++)
    self.rows[i] = TN_LOG_SUM_EXP_EMPTY;
  if (!run_groups (&self, cancellable, error))
    return FALSE;
  if (self.scoring)
    finish (&self, loss, row_nll);
  return TRUE;
}
