/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/head-loss.h"
#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/nn/head.h"
#include "engine/nn/linear.h"

#include "function-fixture.h"
#include "torch-golden.h"

typedef enum
{
  NO_TEACHER,
  LOGITS,
  HEAD,
  TOP,
} Teacher;

typedef struct
{
  gsize rows, width, vocabulary;
  TnHeadLossOptions options;
  Teacher teacher;
  gsize teacher_width; /* or named tokens */
  gint modulus;        /* every so many rows is not scored; 1: none is; 0: all are */
} Case;

static TnValue *
make_targets (TnTape *tape, const Case *self)
{
  g_autofree gint32 *targets = g_new (gint32, self->rows + 1);

  for (gsize i = 0; i < self->rows; i++)
    targets[i] = self->modulus > 0 && i % (gsize) self->modulus == 0 ? -1 : (gint32) ((i * 7 + 3) % self->vocabulary);
  return tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (self->rows), targets);
}

/* Named tokens are every third from the row's number on; each has 0.9 / k of the teacher's probability, the last has none, and
 * the second does not exist. */
static void
make_top (TnTape *tape, const Case *self, TnTeacher *teacher)
{
  gsize k = self->teacher_width, n = self->rows * k;
  const TnShape shape = TN_SHAPE (self->rows, k);
  g_autofree gint32 *ids = g_new (gint32, n + 1);
  g_autofree double *wide = g_new (double, n + 1);
  g_autofree float *narrow = g_new (float, n + 1);

  for (gsize i = 0; i < n; i++)
    {
      ids[i] = k > 2 && i % k == 1 ? -1 : (gint32) ((i / k + 3 * (i % k)) % self->vocabulary);
      narrow[i] = k > 1 && i % k == k - 1 ? 0.0f : 0.9f / (float) k;
      wide[i] = (double) narrow[i];
    }
  teacher->ids = tn_tape_constant (tape, TN_VALUE_INT32, &shape, ids);
  teacher->probabilities =
      tn_tape_constant (tape, TN_VALUE_FLOAT, &shape, tn_tape_get_dtype (tape) == TN_DTYPE_F64 ? (gconstpointer) wide : narrow);
}

static TnValue *
record (TnTape *tape, TnVariable *const *variables, const Case *self, TnValue *outputs[3])
{
  TnTeacher teacher = {0};

  if (self->teacher == LOGITS)
    teacher.logits = tn_tape_variable (tape, variables[2]);
  if (self->teacher == HEAD)
    {
      teacher.x = tn_tape_variable (tape, variables[2]);
      teacher.weight = tn_tape_variable (tape, variables[3]);
    }
  if (self->teacher == TOP)
    make_top (tape, self, &teacher);
  return tn_tape_head_loss (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                            make_targets (tape, self), &teacher, &self->options, outputs);
}

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return record (tape, variables, user_data, NULL);
}

static guint
fill_variables (const Case *self, FixtureVariable variables[4])
{
  variables[0] = (FixtureVariable){"x", TN_SHAPE (self->rows, self->width), 1.0, FALSE};
  variables[1] = (FixtureVariable){"weight", TN_SHAPE (self->vocabulary, self->width), 2.0 / sqrt ((double) self->width), FALSE};
  if (self->teacher == LOGITS)
    variables[2] = (FixtureVariable){"teacher", TN_SHAPE (self->rows, self->vocabulary), 2.0, TRUE};
  if (self->teacher == HEAD)
    {
      variables[2] = (FixtureVariable){"teacher x", TN_SHAPE (self->rows, self->teacher_width), 1.0, TRUE};
      variables[3] = (FixtureVariable){"teacher weight", TN_SHAPE (self->vocabulary, self->teacher_width), 1.0, TRUE};
    }
  return self->teacher == HEAD ? 4 : self->teacher == LOGITS ? 3 : 2;
}

static void
check_gradients (const Case *self)
{
  FixtureVariable variables[4];
  guint n = fill_variables (self, variables);

  fixture_check_gradients (build, variables, n, (gpointer) self, 1e-7);
}

static void
check_float32 (const Case *self)
{
  FixtureVariable variables[4];
  guint n = fill_variables (self, variables);

  fixture_check_float32 (build, variables, n, (gpointer) self, 5e-6);
}

static void
test_cross_entropy (void)
{
  static const TnHeadLossOptions plain = {1.0, 0.0, 0.0, 1.0}, z = {0.7, 0.05, 0.0, 1.0};

  check_gradients (&(const Case){0, 3, 5, plain, NO_TEACHER, 0, 0});
  check_gradients (&(const Case){1, 1, 1, plain, NO_TEACHER, 0, 0});
  check_gradients (&(const Case){5, 3, 11, plain, NO_TEACHER, 0, 3});
  check_gradients (&(const Case){4, 2, 7, z, NO_TEACHER, 0, 0});
  check_float32 (&(const Case){0, 3, 5, plain, NO_TEACHER, 0, 0});
  check_float32 (&(const Case){1, 1, 1, plain, NO_TEACHER, 0, 0});
  check_float32 (&(const Case){37, 19, 127, plain, NO_TEACHER, 0, 5});
  check_float32 (&(const Case){33, 24, 129, z, NO_TEACHER, 0, 0});
  /* One over the chunks of rows and columns. */
  check_float32 (&(const Case){1025, 17, 513, plain, NO_TEACHER, 0, 4});
  check_float32 (&(const Case){60, 600, 1100, z, NO_TEACHER, 0, 4});
}

static void
test_distillation (void)
{
  static const TnHeadLossOptions alone = {0.0, 0.0, 1.0, 1.0}, both = {0.5, 0.01, 0.5, 2.5}, cold = {0.0, 0.0, 1.0, 0.5};

  check_gradients (&(const Case){3, 2, 5, alone, LOGITS, 0, 0});
  check_gradients (&(const Case){4, 3, 7, both, LOGITS, 0, 2});
  check_gradients (&(const Case){4, 3, 7, both, HEAD, 2, 3});
  check_gradients (&(const Case){4, 3, 7, cold, HEAD, 4, 0});
  check_gradients (&(const Case){4, 3, 9, both, TOP, 1, 0});
  check_gradients (&(const Case){5, 3, 17, both, TOP, 5, 3});
  check_float32 (&(const Case){41, 19, 131, alone, LOGITS, 0, 0});
  check_float32 (&(const Case){41, 19, 515, both, LOGITS, 0, 3});
  check_float32 (&(const Case){29, 16, 1025, both, HEAD, 21, 3});
  check_float32 (&(const Case){1030, 5, 30, cold, HEAD, 7, 3});
  check_float32 (&(const Case){29, 16, 1025, both, TOP, 32, 3});
  check_float32 (&(const Case){1027, 6, 101, alone, TOP, 4, 0});
}

/* What is kept changes nothing but memory. */
static void
check_kept (const Case *self, gsize kept_bytes, float *gradients[2])
{
  Case changed = *self;
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  FixtureVariable variables[4];
  TnVariable *made[4];
  guint n = fill_variables (self, variables);
  TnTapeMemory memory;
  TnValue *loss;

  changed.options.kept_bytes = kept_bytes;
  for (guint v = 0; v < n; v++)
    made[v] = fixture_variable (variables[v].name, TN_DTYPE_F32, &variables[v].shape, 1.0);
  loss = record (tape, made, &changed, NULL);
  g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL));
  tn_tape_get_memory (tape, &memory);
  g_assert_cmpuint (memory.forward_bytes, >=, MIN (kept_bytes, self->rows * self->vocabulary * sizeof (float)) / 2);
  /* Twice: what is kept is not used up. */
  g_assert_true (tn_tape_forward (tape, NULL, NULL) && tn_tape_backward (tape, 1.0, FALSE, NULL, NULL) &&
                 tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  for (guint v = 0; v < 2; v++)
    gradients[v] = g_memdup2 (made[v]->gradient, made[v]->count * sizeof (float));
  for (guint v = 0; v < n; v++)
    tn_variable_unref (made[v]);
}

static void
test_kept (void)
{
  static const Case cases[] = {{1100, 9, 700, {1.0, 0.1, 0.0, 1.0}, NO_TEACHER, 0, 3},
                               {1100, 9, 700, {0.5, 0.1, 0.5, 2.0}, HEAD, 5, 3},
                               {90, 9, 700, {0.5, 0.1, 0.5, 2.0}, TOP, 8, 3}};
  const gsize kept[] = {2799, 2800, 700 * 4 * 1025, 1 << 30};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      float *without[2], *with[2];

      check_kept (&cases[i], 0, without);
      for (guint k = 0; k < G_N_ELEMENTS (kept); k++)
        {
          check_kept (&cases[i], kept[k], with);
          g_assert_cmpmem (with[0], cases[i].rows * 9 * sizeof (float), without[0], cases[i].rows * 9 * sizeof (float));
          g_assert_cmpmem (with[1], 700 * 9 * sizeof (float), without[1], 700 * 9 * sizeof (float));
          g_free (with[0]), g_free (with[1]);
        }
      g_free (without[0]), g_free (without[1]);
    }
}

/* A teacher that is the student: no divergence, no gradient. */
static void
test_same_teacher (void)
{
  const Case self = {37, 19, 131, {0.0, 0.0, 1.0, 2.0}, HEAD, 19, 0};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (37, 19), 1.0);
  g_autoptr (TnVariable) weight = fixture_variable ("weight", TN_DTYPE_F32, &TN_SHAPE (131, 19), 0.5);
  TnVariable *variables[] = {x, weight, x, weight};
  TnValue *loss = record (tape, variables, &self, NULL);

  g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                 tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  g_assert_cmpfloat_with_epsilon (*(float *) tn_value_get_data (loss), 0.0f, 1e-6f);
  for (gsize i = 0; i < x->count; i++)
    g_assert_cmpfloat_with_epsilon (((float *) x->gradient)[i], 0.0f, 1e-7f);
}

static void
test_top (void)
{
  const float z[] = {1.0f, 3.0f, NAN, 3.0f, -1.0f, 2.0f};
  gint32 ids[8];
  float p[8];
  g_autofree float *logits = g_new (float, 1031);
  double sum = 0.0;

  tn_teacher_top (z, 6, 1.0, 8, ids, p);
  g_assert_cmpmem (ids, sizeof ids, ((const gint32[]){1, 3, 5, 0, 4, -1, -1, -1}), sizeof ids);
  g_assert_cmpfloat (p[5], ==, 0.0f);
  for (gsize i = 0; i < 1031; i++)
    logits[i] = (float) (i * 389 % 1031) / 100.0f;
  for (gsize i = 0; i < 1031; i++)
    sum += exp ((double) logits[i] / 2.0);
  tn_teacher_top (logits, 1031, 2.0, 5, ids, p);
  for (gsize i = 0; i < 5; i++)
    {
      g_assert_cmpint ((ids[i] * 389) % 1031, ==, 1030 - (gint) i);
      g_assert_cmpfloat_with_epsilon (p[i], (float) (exp ((10.30 - 0.01 * (double) i) / 2.0) / sum), 1e-6f);
    }
  tn_teacher_top (logits, 1031, 2.0, 0, NULL, NULL);
}

/* A teacher of whom all tokens are named is the teacher whose logits are given. */
static void
test_all_named (void)
{
  const gsize rows = 7, width = 5, vocabulary = 130;
  const gint32 targets[] = {1, 2, 3, 4, -1, 6, 7};
  const TnHeadLossOptions options = {.distillation = 1.0, .temperature = 2.0};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (rows, width), 1.0);
  g_autoptr (TnVariable) weight = fixture_variable ("weight", TN_DTYPE_F32, &TN_SHAPE (vocabulary, width), 1.0);
  g_autoptr (TnVariable) logits = fixture_variable ("logits", TN_DTYPE_F32, &TN_SHAPE (rows, vocabulary), 2.0);
  g_autofree gint32 *ids = g_new (gint32, rows * vocabulary);
  g_autofree float *probabilities = g_new (float, rows *vocabulary);
  TnTeacher teachers[2] = {{.logits = tn_tape_variable (tape, logits)}};
  TnValue *losses[2];

  for (gsize row = 0; row < rows; row++)
    tn_teacher_top ((const float *) logits->data + row * vocabulary, vocabulary, 2.0, vocabulary, ids + row * vocabulary,
                    probabilities + row * vocabulary);
  teachers[1].ids = tn_tape_constant (tape, TN_VALUE_INT32, &logits->shape, ids);
  teachers[1].probabilities = tn_tape_constant (tape, TN_VALUE_FLOAT, &logits->shape, probabilities);
  for (guint i = 0; i < 2; i++)
    {
      losses[i] =
          tn_tape_head_loss (tape, tn_tape_variable (tape, x), tn_tape_variable (tape, weight),
                             tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (rows), targets), &teachers[i], &options, NULL);
      tn_tape_keep (tape, losses[i]);
    }
  g_assert_true (tn_tape_plan (tape, tn_tape_add (tape, losses[0], tn_tape_scale (tape, losses[1], -1.0)), NULL) &&
                 tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                 tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  g_assert_cmpfloat (*(float *) tn_value_get_data (losses[0]), >, 0.1f);
  g_assert_cmpfloat_with_epsilon (*(float *) tn_value_get_data (losses[0]), *(float *) tn_value_get_data (losses[1]), 1e-4f);
  for (gsize i = 0; i < weight->count; i++)
    g_assert_cmpfloat_with_epsilon (((float *) weight->gradient)[i], 0.0f, 1e-5f);
}

/* All that is read is finite where nothing is scored: loss 0, gradients 0. */
static void
test_nothing_scored (void)
{
  const Case cases[] = {{9, 4, 130, {1.0, 0.1, 0.0, 1.0}, NO_TEACHER, 0, 1}, {9, 4, 130, {0.5, 0.1, 0.5, 2.0}, LOGITS, 0, 1}};

  for (guint i = 0; i < 2 * G_N_ELEMENTS (cases); i++)
    {
      const Case *self = &cases[i / 2];
      TnDtype dtype = i % 2 == 0 ? TN_DTYPE_F32 : TN_DTYPE_F64;
      g_autoptr (TnTape) tape = tn_tape_new (dtype, TRUE);
      TnVariable *made[4];
      FixtureVariable variables[4];
      guint n = fill_variables (self, variables);
      TnValue *loss;

      for (guint v = 0; v < n; v++)
        made[v] = fixture_variable (variables[v].name, dtype, &variables[v].shape, 1.0);
      loss = record (tape, made, self, NULL);
      g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                     tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
      for (guint v = 0; v < 2; v++)
        for (gsize k = 0; k < made[v]->count; k++)
          g_assert_cmpfloat (dtype == TN_DTYPE_F32 ? (double) ((float *) made[v]->gradient)[k]
                                                   : ((double *) made[v]->gradient)[k],
                             ==, 0.0);
      g_assert_cmpfloat (dtype == TN_DTYPE_F32 ? (double) *(float *) tn_value_get_data (loss)
                                               : *(double *) tn_value_get_data (loss),
                         ==, 0.0);
      for (guint v = 0; v < n; v++)
        tn_variable_unref (made[v]);
    }
}

/* A target outside the vocabulary makes loss and gradient NaN, and the check names it. */
static void
test_outside (void)
{
  const gint32 outside[][3] = {{1, 130, 2}, {-2, 0, 1}};
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2 * G_N_ELEMENTS (outside); i++)
    {
      TnDtype dtype = i % 2 == 0 ? TN_DTYPE_F32 : TN_DTYPE_F64;
      g_autoptr (TnTape) tape = tn_tape_new (dtype, TRUE);
      g_autoptr (TnVariable) x = fixture_variable ("x", dtype, &TN_SHAPE (3, 4), 1.0);
      g_autoptr (TnVariable) weight = fixture_variable ("weight", dtype, &TN_SHAPE (130, 4), 1.0);
      TnValue *targets = tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (3), outside[i / 2]);
      TnValue *loss = tn_tape_head_loss (tape, tn_tape_variable (tape, x), tn_tape_variable (tape, weight), targets, NULL,
                                         &TN_HEAD_LOSS_CROSS_ENTROPY, NULL);

      g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                     tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
      g_assert_true (
          isnan (dtype == TN_DTYPE_F32 ? (double) *(float *) tn_value_get_data (loss) : *(double *) tn_value_get_data (loss)));
      g_assert_true (isnan (dtype == TN_DTYPE_F32 ? (double) ((float *) weight->gradient)[0] : ((double *) weight->gradient)[0]));
    }
  g_assert_true (tn_targets_check ((const gint32[]){-1, 0, 129}, 3, 130, &error));
  g_assert_false (tn_targets_check (outside[0], 3, 130, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_cmpstr (error->message, ==, "target 130 at place 1, expected -1 or less than 130");
}

/* So does a teacher's token outside the vocabulary; nothing is read or written there. */
static void
test_teacher_outside (void)
{
  const gint32 ids[] = {3, 4000, 1, -5}, targets[] = {1, 2};
  const float half[] = {0.5f, 0.25f, 0.5f, 0.25f};
  const double half_wide[] = {0.5, 0.25, 0.5, 0.25};
  const TnHeadLossOptions options = {.distillation = 1.0, .temperature = 1.0};

  for (guint i = 0; i < 2; i++)
    {
      TnDtype dtype = i == 0 ? TN_DTYPE_F32 : TN_DTYPE_F64;
      g_autoptr (TnTape) tape = tn_tape_new (dtype, TRUE);
      g_autoptr (TnVariable) x = fixture_variable ("x", dtype, &TN_SHAPE (2, 4), 1.0);
      g_autoptr (TnVariable) weight = fixture_variable ("weight", dtype, &TN_SHAPE (13, 4), 1.0);
      const TnTeacher teacher = {.ids = tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (2, 2), ids),
                                 .probabilities = tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (2, 2),
                                                                    i == 0 ? (gconstpointer) half : half_wide)};
      TnValue *loss =
          tn_tape_head_loss (tape, tn_tape_variable (tape, x), tn_tape_variable (tape, weight),
                             tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (2), targets), &teacher, &options, NULL);

      g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                     tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
      g_assert_true (isnan (i == 0 ? (double) *(float *) tn_value_get_data (loss) : *(double *) tn_value_get_data (loss)));
      g_assert_true (isnan (i == 0 ? (double) ((float *) x->gradient)[7] : ((double *) x->gradient)[7]));
    }
}

/* The sums of inference, to the bit, and a row's nll rounded. */
static void
check_inference (gsize rows, gsize width, gsize vocabulary)
{
  const Case self = {rows, width, vocabulary, {1.0, 0.0, 0.0, 1.0}, NO_TEACHER, 0, 3};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (rows, width), 1.0);
  g_autoptr (TnVariable) weight = fixture_variable ("weight", TN_DTYPE_F32, &TN_SHAPE (vocabulary, width), 0.3);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTensor) tensor = NULL;
  g_autofree double *nll = g_new (double, rows);
  g_autofree gint32 *targets = g_new (gint32, rows), *tokens = g_new0 (gint32, rows);
  TnVariable *variables[] = {x, weight};
  gsize first_rows[] = {0, rows};
  TnSequence sequence = {.length = (guint) rows, .tokens = tokens, .targets = targets};
  TnBatch batch = {.n_sequences = 1, .sequences = &sequence, .n_tokens = rows};
  TnForwardScratch scratch = {.longest = (guint) rows, .threads = 2, .batch = &batch, .first_rows = first_rows};
  TnValue *outputs[3];
  const TnHeadLossSums *sums;
  TnLoss loss;

  record (tape, variables, &self, outputs);
  for (guint i = 0; i < 3; i++)
    tn_tape_keep (tape, outputs[i]);
  if (!tn_tape_plan (tape, outputs[0], &error) || !tn_tape_allocate (tape, &error) || !tn_tape_forward (tape, NULL, &error))
    g_error ("%s", error->message);
  for (gsize i = 0; i < rows; i++)
    targets[i] = i % 3 == 0 ? -1 : (gint32) ((i * 7 + 3) % vocabulary);

  tensor = tn_tensor_new (TN_DTYPE_F32, 2, (const guint64[]){vocabulary, width}, TN_PURPOSE_WEIGHTS, &error);
  g_assert_no_error (error);
  memcpy ((void *) tensor->data, weight->data, weight->count * sizeof (float));
  scratch.weight_count = tn_weight_block_count (tensor);
  scratch.tile_count = (tn_head_tile_count (tensor, rows) + 15) / 16 * 16;
  scratch.weights = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, 2 * scratch.weight_count * sizeof (float), &error);
  scratch.tiles = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, 2 * scratch.tile_count * sizeof (float), &error);
  scratch.pieces =
      tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_head_piece_count (tensor, rows) * TN_HEAD_PIECE_BYTES, &error);
  g_assert_true (tn_head_forward (tensor, x->data, NULL, &loss, nll, &scratch, NULL, &error));

  sums = tn_value_get_data (outputs[1]);
  g_assert_cmpfloat (sums->nll_sum, ==, loss.nll_sum);
  g_assert_cmpuint (sums->n_scored, ==, loss.n_scored);
  g_assert_cmpuint (sums->n_correct, ==, loss.n_correct);
  g_assert_cmpfloat (*(const float *) tn_value_get_data (outputs[0]), ==, (float) (loss.nll_sum / (double) loss.n_scored));
  for (gsize i = 0; i < rows; i++)
    g_assert_cmpfloat (((const float *) tn_value_get_data (outputs[2]))[i], ==, (float) nll[i]);
  tn_pool_release (tn_pool_default (), scratch.weights);
  tn_pool_release (tn_pool_default (), scratch.tiles);
  tn_pool_release (tn_pool_default (), scratch.pieces);
}

static void
test_inference (void)
{
  check_inference (11, 8, 30);
  check_inference (131, 96, 1409);
  check_inference (57, 640, 4096);
}

static void
test_torch (void)
{
  static const Case plain = {6, 4, 9, {1.0, 0.0, 0.0, 1.0}, NO_TEACHER, 0, 4},
                    z = {6, 4, 9, {1.0, 0.01, 0.0, 1.0}, NO_TEACHER, 0, 4}, both = {6, 4, 9, {0.5, 0.0, 0.5, 2.0}, LOGITS, 0, 0};
  FixtureVariable variables[4];

  torch_golden_check ("head-cross-entropy", build, variables, fill_variables (&plain, variables), (gpointer) &plain);
  torch_golden_check ("head-z-loss", build, variables, fill_variables (&z, variables), (gpointer) &z);
  torch_golden_check ("head-distillation", build, variables, fill_variables (&both, variables), (gpointer) &both);
}

static void
expect_error (TnErrorCode code, const char *message, const TnShape *weight, gsize n_targets, TnValueKind kind,
              const TnHeadLossOptions *options)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_tape_head_loss (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3, 4)),
                                    tn_tape_input (tape, TN_VALUE_FLOAT, weight),
                                    tn_tape_input (tape, kind, &TN_SHAPE (n_targets)), NULL, options, NULL));
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_errors (void)
{
  const TnHeadLossOptions plain = TN_HEAD_LOSS_CROSS_ENTROPY;

  expect_error (TN_ERROR_SHAPE, "head loss: weight is [9, 5], expected [9, 4]", &TN_SHAPE (9, 5), 3, TN_VALUE_INT32, &plain);
  expect_error (TN_ERROR_SHAPE, "head loss: weight is [0, 4], expected a vocabulary that int32 can number and a width",
                &TN_SHAPE (0, 4), 3, TN_VALUE_INT32, &plain);
  expect_error (TN_ERROR_SHAPE, "head loss: targets is [2], expected [3]", &TN_SHAPE (9, 4), 2, TN_VALUE_INT32, &plain);
  expect_error (TN_ERROR_ARGUMENT, "head loss: targets is numbers, expected int32", &TN_SHAPE (9, 4), 3, TN_VALUE_FLOAT, &plain);
  expect_error (TN_ERROR_ARGUMENT, "head loss: temperature 0, expected more than 0", &TN_SHAPE (9, 4), 3, TN_VALUE_INT32,
                &(const TnHeadLossOptions){.cross_entropy = 1.0});
  expect_error (TN_ERROR_ARGUMENT, "head loss: distillation 0.5 without a teacher", &TN_SHAPE (9, 4), 3, TN_VALUE_INT32,
                &(const TnHeadLossOptions){.distillation = 0.5, .temperature = 1.0});
  expect_error (TN_ERROR_ARGUMENT, "head loss: weights -1, 0 and 0, expected none below 0", &TN_SHAPE (9, 4), 3, TN_VALUE_INT32,
                &(const TnHeadLossOptions){.cross_entropy = -1.0, .temperature = 1.0});
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/head-loss/cross-entropy", test_cross_entropy);
  g_test_add_func ("/head-loss/distillation", test_distillation);
  g_test_add_func ("/head-loss/kept", test_kept);
  g_test_add_func ("/head-loss/same-teacher", test_same_teacher);
  g_test_add_func ("/head-loss/top", test_top);
  g_test_add_func ("/head-loss/all-named", test_all_named);
  g_test_add_func ("/head-loss/nothing-scored", test_nothing_scored);
  g_test_add_func ("/head-loss/outside", test_outside);
  g_test_add_func ("/head-loss/teacher-outside", test_teacher_outside);
  g_test_add_func ("/head-loss/inference", test_inference);
  g_test_add_func ("/head-loss/torch", test_torch);
  g_test_add_func ("/head-loss/errors", test_errors);
  return g_test_run ();
}
