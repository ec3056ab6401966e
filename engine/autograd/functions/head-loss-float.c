/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/head-loss-private.h"
#include "engine/kernels/divergence.h"
#include "engine/kernels/matrix-multiply.h"
#include "engine/kernels/softmax.h"

/* Of logits at a time: few enough for the caches, and for memory not to count them. */
#define CHUNK_ROWS ((gsize) 1024)
#define CHUNK_COLUMNS (4 * (gsize) TN_LOG_SUM_EXP_COLUMNS)

/* The least that is left to tokens that a teacher does not name, where rounding leaves nothing. */
#define LEAST_REST 1e-7

#define ALIGNMENT ((gsize) 64)

/* What a row's forward pass finds, chunk by chunk. */
typedef struct
{
  TnLogSumExp lse;
  TnDivergence divergence;
  float target_logit;
} RowState;

/* What is saved of a row: dz = factor exp (z - maximum) + student_factor exp ((z - student_maximum) / tau)
 *                             - teacher_factor exp ((z' - teacher_maximum) / tau), and what targets and the teacher's named
 * tokens change. */
typedef struct
{
  float maximum, factor, target_factor;
  float student_maximum, student_factor;
  float teacher_maximum, teacher_factor; /* of named tokens: what their probabilities are multiplied by */
  float rest;                            /* p_rest / y_rest */
} SavedRow;

typedef struct
{
  const TnCall *call;
  const TnHeadLossAttributes *attributes;
  TnHeadLossSizes sizes;
  float scale;                                      /* 1 / tau */
  float *logits, *teacher;                          /* [chunk rows, chunk columns] */
  gsize n_kept;                                     /* rows, the first, whose logits are kept for the backward pass */
  float *kept;                                      /* [n_kept, vocabulary], chunk after chunk */
  RowState *states;                                 /* [chunk rows]: forward alone */
  float *top_logits;                                /* [chunk rows, n_top]: forward alone */
  void *products;                                   /* scratch of products */
  gsize first_row, n_rows, first_column, n_columns; /* of the chunk */
} Chunk;

static gsize
align (gsize bytes)
{
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static gsize
count_kept (const TnHeadLossAttributes *attributes, const TnHeadLossSizes *sizes, gboolean training)
{
  return training ? MIN (sizes->rows, attributes->options.kept_bytes / (sizes->vocabulary * sizeof (float))) : 0;
}

/* Where the logits of the chunk are made. */
static float *
chunk_logits (const Chunk *self)
{
  if (self->first_row < self->n_kept)
    return self->kept + self->first_row * self->sizes.vocabulary + self->n_rows * self->first_column;
  return self->logits;
}

static gboolean
has_teacher (const TnHeadLossAttributes *attributes)
{
  return attributes->teacher != TN_TEACHER_NONE;
}

static gboolean
has_teacher_logits (const TnHeadLossAttributes *attributes)
{
  return attributes->teacher == TN_TEACHER_LOGITS || attributes->teacher == TN_TEACHER_HEAD;
}

static gsize
products_bytes (const TnHeadLossSizes *sizes, gsize rows, gsize columns, guint threads, gboolean backward)
{
  gsize bytes = tn_matrix_multiply_scratch (TN_MULTIPLY_B_TRANSPOSED, rows, columns, sizes->width, threads);

  if (sizes->teacher_width > 0)
    bytes = MAX (bytes, tn_matrix_multiply_scratch (TN_MULTIPLY_B_TRANSPOSED, rows, columns, sizes->teacher_width, threads));
  if (backward)
    {
      bytes = MAX (bytes, tn_matrix_multiply_scratch (TN_MULTIPLY_PLAIN, rows, sizes->width, columns, threads));
      bytes = MAX (bytes, tn_matrix_multiply_scratch (TN_MULTIPLY_A_TRANSPOSED, columns, sizes->width, rows, threads));
    }
  return bytes;
}

/* Places the parts in scratch; returns the bytes. threads: of the products. */
static gsize
divide (Chunk *self, char *scratch, guint threads, gboolean backward)
{
  gsize rows = MIN (self->sizes.rows, CHUNK_ROWS), columns = MIN (self->sizes.vocabulary, CHUNK_COLUMNS);
  gsize logits = align (rows * columns * sizeof (float)), bytes = logits;

  self->logits = (float *) scratch;
  if (has_teacher_logits (self->attributes))
    {
      self->teacher = (float *) (scratch + bytes);
      bytes += logits;
    }
  if (!backward)
    {
      self->states = (RowState *) (scratch + bytes);
      bytes += align (rows * sizeof *self->states);
      self->top_logits = (float *) (scratch + bytes);
      bytes += align (rows * self->sizes.n_top * sizeof (float));
    }
  self->products = scratch + bytes;
  return bytes + products_bytes (&self->sizes, rows, columns, threads, backward);
}

void
tn_head_loss_float_infer (TnInference *inference)
{
  Chunk chunk = {.attributes = inference->attributes};

  chunk.sizes = tn_head_loss_sizes (inference->inputs, chunk.attributes->teacher);
  chunk.n_kept = count_kept (chunk.attributes, &chunk.sizes, inference->training);
  inference->saved_bytes = align (chunk.sizes.rows * sizeof (SavedRow)) + chunk.n_kept * chunk.sizes.vocabulary * sizeof (float);
  inference->forward_scratch_bytes = divide (&chunk, NULL, inference->threads, FALSE);
  inference->backward_scratch_bytes = divide (&chunk, NULL, inference->threads, TRUE);
}

static Chunk
prepare (const TnCall *call, gboolean backward)
{
  const TnHeadLossAttributes *attributes = call->attributes;
  Chunk self = {.call = call,
                .attributes = attributes,
                .sizes = tn_head_loss_sizes (call->input_infos, attributes->teacher),
                .scale = (float) (1.0 / attributes->options.temperature)};

  divide (&self, call->scratch, call->threads, backward);
  self.n_kept = count_kept (attributes, &self.sizes, call->training);
  self.kept = (float *) ((char *) call->saved + align (self.sizes.rows * sizeof (SavedRow)));
  return self;
}

static gint32
target_of (const Chunk *self, gsize row)
{
  return ((const gint32 *) self->call->inputs[TN_HEAD_TARGETS])[self->first_row + row];
}

static void
make_logits (const Chunk *self, guint x, guint weight, gsize width, float *logits)
{
  const TnMatrixMultiply product = {
      .form = TN_MULTIPLY_B_TRANSPOSED,
      .m = self->n_rows,
      .n = self->n_columns,
      .depth = width,
      .a = (const float *) self->call->inputs[x] + self->first_row * width,
      .b = (const float *) self->call->inputs[weight] + self->first_column * width,
      .c = logits,
  };

  tn_matrix_multiply (&product, self->call->threads, self->products);
}

static void
make_chunk (const Chunk *self, gboolean backward)
{
  if (!backward || self->first_row >= self->n_kept)
    make_logits (self, TN_HEAD_X, TN_HEAD_WEIGHT, self->sizes.width, chunk_logits (self));
  if (self->attributes->teacher == TN_TEACHER_HEAD)
    make_logits (self, TN_HEAD_TEACHER, TN_HEAD_TEACHER_OTHER, self->sizes.teacher_width, self->teacher);
}

/* The teacher's logits of a row of the chunk; NULL where it has none. */
static const float *
teacher_row (const Chunk *self, gsize row)
{
  if (!has_teacher_logits (self->attributes))
    return NULL;
  if (self->attributes->teacher == TN_TEACHER_HEAD)
    return self->teacher + row * self->n_columns;
  return (const float *) self->call->inputs[TN_HEAD_TEACHER] + (self->first_row + row) * self->sizes.vocabulary +
         self->first_column;
}

/* Named token i of a row: its place in the chunk, or -1 when it is elsewhere. */
static gint64
top_column (const Chunk *self, gsize row, gsize i)
{
  gint64 id = ((const gint32 *) self->call->inputs[TN_HEAD_TEACHER])[(self->first_row + row) * self->sizes.n_top + i];
  gint64 column = id - (gint64) self->first_column;

  return column >= 0 && column < (gint64) self->n_columns ? column : -1;
}

static float
top_probability (const Chunk *self, gsize row, gsize i)
{
  return ((const float *) self->call->inputs[TN_HEAD_TEACHER_OTHER])[(self->first_row + row) * self->sizes.n_top + i];
}

static void
take_row (const Chunk *self, gsize row)
{
  const float *logits = chunk_logits (self) + row * self->n_columns, *teacher = teacher_row (self, row);
  RowState *state = &self->states[row];
  gint64 target = (gint64) target_of (self, row) - (gint64) self->first_column;

  for (gsize first = 0; first < self->n_columns; first += TN_LOG_SUM_EXP_COLUMNS)
    {
      gsize n = MIN (TN_LOG_SUM_EXP_COLUMNS, self->n_columns - first);
      TnLogSumExp piece;
      TnDivergence divergence;

      tn_log_sum_exp_piece (logits + first, n, (guint) (self->first_column + first), &piece);
      tn_log_sum_exp_join (&state->lse, &piece);
      if (!has_teacher (self->attributes))
        continue;
      tn_divergence_piece (logits + first, teacher != NULL ? teacher + first : NULL, n, self->scale, &divergence);
      tn_divergence_join (&state->divergence, &divergence, self->scale);
    }
  if (target >= 0 && target < (gint64) self->n_columns)
    state->target_logit = logits[target];
  for (gsize i = 0; i < self->sizes.n_top; i++)
    if (top_column (self, row, i) >= 0)
      self->top_logits[row * self->sizes.n_top + i] = logits[top_column (self, row, i)];
}

/* KL to a teacher that names some tokens; *ratio: p_rest / y_rest. */
static double
top_divergence (const Chunk *self, gsize row, double lse, float *ratio)
{
  double rest = 1.0, ours = 1.0, sum = 0.0;

  for (gsize i = 0; i < self->sizes.n_top; i++)
    {
      double p = (double) top_probability (self, row, i), logit, y;

      if (((const gint32 *) self->call->inputs[TN_HEAD_TEACHER])[(self->first_row + row) * self->sizes.n_top + i] < 0)
        continue;
      logit = (double) self->scale * (double) self->top_logits[row * self->sizes.n_top + i] - lse;
      y = exp (logit);
      rest -= p;
      ours -= y;
      if (p > 0.0)
        sum += p * (log (p) - logit);
    }
  rest = fmax (rest, 0.0);
  ours = fmax (ours, LEAST_REST);
  *ratio = (float) (rest / ours);
  return rest > 0.0 ? sum + rest * log (rest / ours) : sum;
}

static void
save_row (const Chunk *self, gsize row, double share, TnHeadLossSums *sums)
{
  const TnHeadLossOptions *options = &self->attributes->options;
  const RowState *state = &self->states[row];
  SavedRow *saved = (SavedRow *) self->call->saved + self->first_row + row;
  double lse = tn_log_sum_exp_finish (&state->lse), nll = lse - (double) state->target_logit, weight, kl = 0.0;
  gboolean valid = tn_head_loss_row_is_valid (self->call, self->first_row + row);

  share = valid ? share : (double) NAN;
  weight = options->cross_entropy * share;
  *saved = (SavedRow){.maximum = state->lse.maximum,
                      .factor = (float) (weight * (1.0 + 2.0 * options->z_loss * lse) / state->lse.sum),
                      .target_factor = (float) weight};
  if (has_teacher (self->attributes))
    {
      const TnDivergence *divergence = &state->divergence;

      weight = options->distillation * options->temperature * share;
      saved->student_maximum = divergence->student_maximum;
      saved->student_factor = (float) (weight / divergence->student_sum);
      saved->teacher_maximum = divergence->teacher_maximum;
      if (self->attributes->teacher == TN_TEACHER_TOP)
        {
          kl = top_divergence (self, row, tn_divergence_student_lse (divergence, self->scale), &saved->rest);
          saved->teacher_factor = (float) weight;
        }
      else
        {
          kl = tn_divergence_finish (divergence, self->scale);
          saved->teacher_factor = (float) (weight / divergence->teacher_sum);
        }
    }
  sums->nll_sum += valid ? nll : (double) NAN;
  sums->z_sum += lse * lse;
  sums->kl_sum += kl;
  sums->n_scored++;
  sums->n_correct += state->lse.best == (guint) target_of (self, row);
  ((float *) self->call->outputs[2])[self->first_row + row] = valid ? (float) nll : NAN;
}

/* In the order of the rows: sums have one order. */
static void
finish_rows (const Chunk *self, double share, TnHeadLossSums *sums)
{
  for (gsize row = 0; row < self->n_rows; row++)
    if (target_of (self, row) != -1)
      save_row (self, row, share, sums);
    else
      {
        ((float *) self->call->outputs[2])[self->first_row + row] = 0.0f;
        memset ((SavedRow *) self->call->saved + self->first_row + row, 0, sizeof (SavedRow));
      }
}

/* The chunks of some rows, in the order of the vocabulary. */
static gboolean
next_columns (Chunk *self)
{
  self->first_column += self->n_columns;
  self->n_columns = MIN (CHUNK_COLUMNS, self->sizes.vocabulary - self->first_column);
  return self->n_columns > 0;
}

static gboolean
next_rows (Chunk *self)
{
  self->first_row += self->n_rows;
  self->n_rows = MIN (CHUNK_ROWS, (self->first_row < self->n_kept ? self->n_kept : self->sizes.rows) - self->first_row);
  self->first_column = self->n_columns = 0;
  return self->n_rows > 0;
}

void
tn_head_loss_float_forward (const TnCall *call)
{
  Chunk self = prepare (call, FALSE);
  double share = tn_head_loss_share (call);
  TnHeadLossSums sums = {0};

  while (next_rows (&self))
    {
      for (gsize row = 0; row < self.n_rows; row++)
        self.states[row] = (RowState){.lse = TN_LOG_SUM_EXP_EMPTY, .divergence = TN_DIVERGENCE_EMPTY};
      while (next_columns (&self))
        {
          make_chunk (&self, FALSE);
#pragma omp parallel for schedule(static) num_threads((int) call->threads)
          for (gint64 row = 0; row < (gint64) self.n_rows; row++)
            if (target_of (&self, (gsize) row) != -1)
              take_row (&self, (gsize) row);
        }
      finish_rows (&self, share, &sums);
    }
  tn_head_loss_finish (call, &sums);
}

/* Makes the gradient of a row's logits. */
static void
turn_row (const Chunk *self, gsize row, float seed)
{
  const SavedRow *saved = (const SavedRow *) self->call->saved + self->first_row + row;
  float *gradient = self->logits + row * self->n_columns, copy[CHUNK_COLUMNS];
  const float *logits = chunk_logits (self) + row * self->n_columns, *teacher = teacher_row (self, row);
  gint64 target = (gint64) target_of (self, row) - (gint64) self->first_column;
  gsize n = self->n_columns;

  if (target_of (self, row) == -1)
    {
      memset (gradient, 0, n * sizeof *gradient);
      return;
    }
  if (has_teacher (self->attributes) && logits == gradient)
    logits = memcpy (copy, logits, n * sizeof *logits);
  tn_exponentials (logits, n, saved->maximum, 1.0f, saved->factor * seed, FALSE, gradient);
  if (target >= 0 && target < (gint64) n)
    gradient[target] -= saved->target_factor * seed;
  if (!has_teacher (self->attributes))
    return;
  tn_exponentials (logits, n, saved->student_maximum, self->scale, saved->student_factor * (1.0f - saved->rest) * seed, TRUE,
                   gradient);
  if (teacher != NULL)
    tn_exponentials (teacher, n, saved->teacher_maximum, self->scale, -saved->teacher_factor * seed, TRUE, gradient);
  for (gsize i = 0; i < self->sizes.n_top; i++)
    {
      gint64 column = top_column (self, row, i);
      float y;

      if (column < 0)
        continue;
      tn_exponentials (&logits[column], 1, saved->student_maximum, self->scale, saved->student_factor * seed, FALSE, &y);
      gradient[column] += y * saved->rest - top_probability (self, row, i) * saved->teacher_factor * seed;
    }
}

static void
add_gradients (const Chunk *self)
{
  const TnCall *call = self->call;
  gsize width = self->sizes.width;
  const float *x = (const float *) call->inputs[TN_HEAD_X] + self->first_row * width;
  const float *weight = (const float *) call->inputs[TN_HEAD_WEIGHT] + self->first_column * width;
  TnMatrixMultiply product = {.a = self->logits};

  if (call->input_gradients[TN_HEAD_X] != NULL)
    {
      product.form = TN_MULTIPLY_PLAIN;
      product.m = self->n_rows;
      product.n = width;
      product.depth = self->n_columns;
      product.b = weight;
      product.c = (float *) call->input_gradients[TN_HEAD_X] + self->first_row * width;
      product.adds = call->adds[TN_HEAD_X] || self->first_column > 0;
      tn_matrix_multiply (&product, call->threads, self->products);
    }
  if (call->input_gradients[TN_HEAD_WEIGHT] != NULL)
    {
      product.form = TN_MULTIPLY_A_TRANSPOSED;
      product.m = self->n_columns;
      product.n = width;
      product.depth = self->n_rows;
      product.b = x;
      product.c = (float *) call->input_gradients[TN_HEAD_WEIGHT] + self->first_column * width;
      product.adds = call->adds[TN_HEAD_WEIGHT] || self->first_row > 0;
      tn_matrix_multiply (&product, call->threads, self->products);
    }
}

void
tn_head_loss_float_backward (const TnCall *call)
{
  Chunk self = prepare (call, TRUE);
  float seed = *(const float *) call->output_gradients[0];

  if (self.sizes.rows == 0 && call->input_gradients[TN_HEAD_WEIGHT] != NULL && !call->adds[TN_HEAD_WEIGHT])
    memset (call->input_gradients[TN_HEAD_WEIGHT], 0, self.sizes.vocabulary * self.sizes.width * sizeof (float));
  while (next_rows (&self))
    while (next_columns (&self))
      {
        make_chunk (&self, TRUE);
#pragma omp parallel for schedule(static) num_threads((int) call->threads)
        for (gint64 row = 0; row < (gint64) self.n_rows; row++)
          turn_row (&self, (gsize) row, seed);
        add_gradients (&self);
      }
}
