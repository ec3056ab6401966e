/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/optimizer.h"

#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/qat/dynamic-map.h"
#include "engine/qat/gradient-norm.h"
#include "engine/random.h"

/* Sizes around blocks of 256 and 16384, around where 8-bit state begins, and a kernel of four dimensions. */
static const struct
{
  const char *name;
  TnRole role;
  TnShape shape;
} shapes[] = {
    {"empty", TN_ROLE_MATRIX, {2, {0, 7}}},
    {"scale", TN_ROLE_SCALE, {0}},
    {"norm", TN_ROLE_NORM, {1, {257}}},
    {"bias", TN_ROLE_BIAS, {1, {255}}},
    {"wide", TN_ROLE_MATRIX, {2, {17, 1009}}},
    {"tall", TN_ROLE_MATRIX, {2, {131, 37}}},
    {"small", TN_ROLE_MATRIX, {2, {7, 9}}},
    {"kernel", TN_ROLE_MATRIX, {4, {16, 29, 3, 3}}},
    {"embedding", TN_ROLE_EMBEDDING, {2, {513, 33}}},
    {"head", TN_ROLE_HEAD, {2, {129, 128}}},
};
#define N_SHAPES G_N_ELEMENTS (shapes)

#define VARIABLES(array) (TnVariable *const *) (array)->pdata, (array)->len

static float *
data_of (TnVariable *variable)
{
  return variable->data;
}

static void
release (gpointer variable)
{
  tn_variable_unref (variable);
}

static GPtrArray *
make_variables (void)
{
  GPtrArray *variables = g_ptr_array_new_with_free_func (release);

  for (guint i = 0; i < N_SHAPES; i++)
    {
      TnRandom random = tn_random_stream (5, shapes[i].name);
      TnVariable *variable = tn_variable_new (shapes[i].name, shapes[i].role, TN_DTYPE_F32, &shapes[i].shape, NULL);

      for (gsize k = 0; k < variable->count; k++)
        data_of (variable)[k] = (float) tn_random_normal (&random);
      g_ptr_array_add (variables, variable);
    }
  return variables;
}

static GPtrArray *
make_one (TnRole role, gsize rows, gsize columns)
{
  GPtrArray *variables = g_ptr_array_new_with_free_func (release);

  g_ptr_array_add (variables, tn_variable_new ("w", role, TN_DTYPE_F32, &TN_SHAPE (rows, columns), NULL));
  return variables;
}

/* Of step s: of many magnitudes. */
static void
fill_gradients (GPtrArray *variables, guint s)
{
  for (guint i = 0; i < variables->len; i++)
    {
      TnVariable *variable = variables->pdata[i];
      g_autofree char *name = g_strdup_printf ("%s %u", variable->name, s);
      TnRandom random = tn_random_stream (6, name);

      for (gsize k = 0; variable->gradient != NULL && k < variable->count; k++)
        ((float *) variable->gradient)[k] = (float) (0.01 * tn_random_normal (&random) * exp (tn_random_normal (&random)));
    }
}

static TnOptimizer *
make_optimizer (GPtrArray *variables, const TnOptimizerOptions *options)
{
  g_autoptr (GError) error = NULL;
  TnOptimizer *self = tn_optimizer_new (VARIABLES (variables), options, &error);

  g_assert_no_error (error);
  return self;
}

static const TnUpdate plain = {.rate = 0.01, .decay_factor = 1.0, .gradient_scale = 1.0, .gradient_limit = (double) INFINITY};

/* Six steps of five numbers, as PyTorch 1.13 takes them; w and g are sums of powers of two. */
static void
check_torch (const TnOptimizerOptions *options, double rate, double clip, const float *expected)
{
  g_autoptr (GPtrArray) variables = make_one (TN_ROLE_MATRIX, 1, 5);
  TnVariable *variable = variables->pdata[0];
  g_autoptr (TnOptimizer) self = make_optimizer (variables, options);
  float *w = variable->data, *g = variable->gradient;

  for (gint i = 0; i < 5; i++)
    w[i] = (float) (i + 1) / 8.0f * (i % 2 == 0 ? 1.0f : -1.0f);
  for (gint s = 0; s < 6; s++)
    {
      TnUpdate update = plain;
      TnGradientNorm norm;

      for (gint i = 0; i < 5; i++)
        g[i] = (float) ((i * 7 + s * 3) % 11 - 5) / 8.0f;
      tn_gradient_norm_measure (VARIABLES (variables), &norm);
      update.rate = rate;
      if (clip > 0.0)
        update.gradient_scale = tn_gradient_clip_factor (&(const TnGradientClip){TN_CLIP_NORM, clip}, norm.norm, 1.0);
      tn_optimizer_step (self, &update);
    }
  for (gint i = 0; i < 5; i++)
    if (!(fabsf (w[i] - expected[i]) <= 3e-7f))
      g_error ("%s, element %d: %.9g, expected %.9g", tn_optimizer_method_get_name (options->method), i, (double) w[i],
               (double) expected[i]);
}

static void
test_torch (void)
{
  TnOptimizerOptions options;

  /* SGD (lr 0.1) */
  tn_optimizer_options_init (&options, TN_OPTIMIZER_SGD);
  options.momentum = 0.0;
  check_torch (&options, 0.1, 0.0, (const float[]){0.212500006f, -0.275000006f, 0.375f, -0.474999994f, 0.537500024f});
  /* SGD (lr 0.1, momentum 0.9, weight_decay 0.05), and with nesterov */
  options.momentum = 0.9;
  options.weight_decay = 0.05;
  check_torch (&options, 0.1, 0.0, (const float[]){0.428543687f, -0.473571092f, 0.369137079f, -0.547264695f, 0.406388462f});
  options.nesterov = TRUE;
  check_torch (&options, 0.1, 0.0, (const float[]){0.473680437f, -0.461954445f, 0.358218402f, -0.49842307f, 0.326093733f});
  /* Adam (lr 0.05, betas (0.9, 0.95), weight_decay 0.05) */
  tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAM);
  options.weight_decay = 0.05;
  check_torch (&options, 0.05, 0.0, (const float[]){0.277538657f, -0.390647739f, 0.412355363f, -0.557820857f, 0.490656853f});
  /* AdamW (lr 0.05, betas (0.9, 0.95), weight_decay 0.1) */
  tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAMW);
  check_torch (&options, 0.05, 0.0, (const float[]){0.275834382f, -0.388133347f, 0.415977627f, -0.556083262f, 0.488974541f});
  /* The same with beta2 0.999 after clip_grad_norm_ (0.5) */
  options.beta2 = 0.999;
  check_torch (&options, 0.05, 0.5, (const float[]){0.264752477f, -0.380095631f, 0.412210554f, -0.557378769f, 0.500468433f});
}

/* AdamW of one variable, in double, with scale and limit; moments rounded to codes where 8-bit. */
typedef struct
{
  double *w, *m, *v;
} Slow;

static void
step_slowly (Slow *self, const float *g, gsize n, guint s, const TnUpdate *update, const TnOptimizerOptions *options)
{
  for (gsize i = 0; i < n; i++)
    {
      double x = CLAMP ((double) g[i] * update->gradient_scale, -update->gradient_limit, update->gradient_limit);

      self->m[i] = options->beta1 * self->m[i] + (1.0 - options->beta1) * x;
      self->v[i] = options->beta2 * self->v[i] + (1.0 - options->beta2) * x * x;
      self->w[i] *= 1.0 - update->rate * options->weight_decay * update->decay_factor;
      self->w[i] -= update->rate * (self->m[i] / (1.0 - pow (options->beta1, s))) /
                    (sqrt (self->v[i] / (1.0 - pow (options->beta2, s))) + options->epsilon);
    }
}

static void
round_moments (double *x, gsize n, TnDynamicSign sign)
{
  const float *map = tn_dynamic_map_get (sign);

  for (gsize first = 0; first < n; first += 256)
    {
      gsize end = MIN (n, first + 256);
      double most = 0.0;

      for (gsize i = first; i < end; i++)
        most = fmax (most, fabs (x[i]));
      for (gsize i = first; i < end && most > 0.0; i++)
        {
          guint best = sign == TN_DYNAMIC_UNSIGNED && x[i] > 0.0 ? 1 : 0;

          for (guint code = best; code < 256; code++)
            if (fabs (x[i] / most - (double) map[code]) < fabs (x[i] / most - (double) map[best]))
              best = code;
          x[i] = most * (double) map[best];
        }
    }
}

static void
check_slow (gsize n, gboolean eight)
{
  g_autoptr (GPtrArray) variables = make_one (TN_ROLE_MATRIX, 1, n);
  TnVariable *variable = variables->pdata[0];
  g_autofree double *w = g_new0 (double, n + 1), *m = g_new0 (double, n + 1), *v = g_new0 (double, n + 1);
  Slow slow = {w, m, v};
  TnOptimizerOptions options;
  g_autoptr (TnOptimizer) self = NULL;
  TnUpdate update = {.rate = 0.02, .decay_factor = 0.5, .gradient_scale = 0.5, .gradient_limit = 0.01};
  guint off = 0;

  tn_optimizer_options_init (&options, eight ? TN_OPTIMIZER_ADAMW8 : TN_OPTIMIZER_ADAMW);
  options.least_8bit = 0;
  self = make_optimizer (variables, &options);
  for (guint s = 1; s <= 5; s++)
    {
      fill_gradients (variables, s);
      tn_optimizer_step (self, &update);
      step_slowly (&slow, variable->gradient, n, s, &update, &options);
      if (eight)
        {
          round_moments (m, n, TN_DYNAMIC_SIGNED);
          round_moments (v, n, TN_DYNAMIC_UNSIGNED);
        }
    }
  /* Where a moment lies at the border of two codes, floats and doubles may take either. */
  for (gsize i = 0; i < n; i++)
    off += !(fabs ((double) data_of (variable)[i] - w[i]) <= 2e-6 + 1e-6 * fabs (w[i]));
  g_assert_cmpuint (off, <=, eight ? n / 500 : 0);
}

static void
test_slow (void)
{
  static const gsize sizes[] = {0, 1, 7, 8, 17, 255, 256, 257, 5003, 16384, 16385};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      check_slow (sizes[i], FALSE);
      check_slow (sizes[i], TRUE);
    }
}

/* One step of a matrix whose singular vectors are known: u = 3 a b^T + c d^T becomes s1 a b^T + s2 c d^T with s near 1, the
 * larger side of the matrix weighs in by its root, and weights decay. */
static void
test_muon (void)
{
  g_autoptr (GPtrArray) variables = make_one (TN_ROLE_MATRIX, 4, 2);
  TnVariable *variable = variables->pdata[0];
  static const float a[4] = {0.5f, 0.5f, 0.5f, 0.5f}, c[4] = {0.5f, -0.5f, 0.5f, -0.5f}, b[2] = {0.6f, 0.8f},
                     d[2] = {0.8f, -0.6f};
  TnOptimizerOptions options;
  g_autoptr (TnOptimizer) self = NULL;
  TnUpdate update = plain;
  double s1 = 0.0, s2 = 0.0;

  tn_optimizer_options_init (&options, TN_OPTIMIZER_MUON);
  self = make_optimizer (variables, &options);
  for (guint i = 0; i < 8; i++)
    {
      data_of (variable)[i] = 1.0f;
      ((float *) variable->gradient)[i] = 3.0f * a[i / 2] * b[i % 2] + c[i / 2] * d[i % 2];
    }
  update.rate = 0.1;
  tn_optimizer_step (self, &update);
  for (guint i = 0; i < 8; i++)
    {
      double direction = (1.0 - 0.1 * 0.1 - (double) data_of (variable)[i]) / (0.1 * sqrt (2.0));

      s1 += direction * (double) (a[i / 2] * b[i % 2]);
      s2 += direction * (double) (c[i / 2] * d[i % 2]);
    }
  /* The polynomial 3.4445 x - 4.7750 x^3 + 2.0315 x^5, five times from 3 / sqrt (10) and 1 / sqrt (10). */
  for (guint i = 0; i < 2; i++)
    {
      double x = (i == 0 ? 3.0 : 1.0) / sqrt (10.0);

      for (guint step = 0; step < 5; step++)
        x = 3.4445 * x - 4.7750 * x * x * x + 2.0315 * x * x * x * x * x;
      g_assert_cmpfloat_with_epsilon (i == 0 ? s1 : s2, x, 1e-4);
    }
}

static void
assert_same (GPtrArray *a, GPtrArray *b)
{
  for (guint i = 0; i < a->len; i++)
    {
      TnVariable *x = a->pdata[i], *y = b->pdata[i];

      for (gsize k = 0; k < x->count; k++)
        if (memcmp (data_of (x) + k, data_of (y) + k, sizeof (float)) != 0)
          g_error ("%s, element %zu: %.9g and %.9g", x->name, k, (double) data_of (x)[k], (double) data_of (y)[k]);
    }
}

/* Steps first … last - 1. */
static void
take_steps (TnOptimizer *self, GPtrArray *variables, guint first, guint last)
{
  for (guint s = first; s < last; s++)
    {
      TnUpdate update = plain;

      update.gradient_scale = 1.0 + s;
      fill_gradients (variables, s);
      tn_optimizer_step (self, &update);
    }
}

static void
test_same_bits (void)
{
  TnVariant before = tn_variant_get ();

  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    {
      g_autoptr (GPtrArray) expected = make_variables ();
      TnOptimizerOptions options;
      g_autoptr (TnOptimizer) first = NULL;

      tn_optimizer_options_init (&options, method);
      tn_device_set_threads (1);
      first = make_optimizer (expected, &options);
      take_steps (first, expected, 0, 3);
      for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
        for (guint threads = 1; threads <= 3 && tn_variant_use (variant); threads++)
          {
            g_autoptr (GPtrArray) variables = make_variables ();
            g_autoptr (TnOptimizer) self = NULL;

            tn_device_set_threads (threads);
            self = make_optimizer (variables, &options);
            take_steps (self, variables, 0, 3);
            assert_same (expected, variables);
          }
      tn_variant_use (before);
    }
  tn_device_set_threads (0);
}

/* Gradient release: one after the other, with gradients that the variables do not keep. */
static void
test_release (void)
{
  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    {
      g_autoptr (GPtrArray) kept = make_variables (), released = make_variables ();
      TnOptimizerOptions options;
      g_autoptr (TnOptimizer) a = NULL, b = NULL;

      tn_optimizer_options_init (&options, method);
      a = make_optimizer (kept, &options);
      b = make_optimizer (released, &options);
      for (guint i = 0; i < N_SHAPES; i++)
        tn_variable_drop_gradient (released->pdata[i]);
      g_assert_true (isnan (tn_optimizer_take_norm (a)));
      for (guint s = 0; s < 3; s++)
        {
          TnUpdate update = plain;
          TnGradientNorm norm;

          update.measure = TRUE;
          fill_gradients (kept, s);
          tn_gradient_norm_measure (VARIABLES (kept), &norm);
          tn_optimizer_step (a, &update);
          for (guint i = N_SHAPES; i-- > 0;)
            tn_optimizer_update (b, released->pdata[i], ((TnVariable *) kept->pdata[i])->gradient, &update);
          g_assert_cmpfloat (tn_optimizer_take_norm (a), ==, norm.norm);
          g_assert_cmpfloat (tn_optimizer_take_norm (b), ==, norm.norm);
          g_assert_true (isnan (tn_optimizer_take_norm (b)));
        }
      assert_same (kept, released);
    }
}

static void
test_resume (void)
{
  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    {
      g_autoptr (GPtrArray) straight = make_variables (), stopped = make_variables ();
      TnOptimizerOptions options;
      g_autoptr (TnOptimizer) a = NULL, b = NULL, c = NULL;
      g_autoptr (GError) unknown = NULL, other = NULL;
      const TnOptimizerTensor *tensors;
      guint n;

      tn_optimizer_options_init (&options, method);
      a = make_optimizer (straight, &options);
      take_steps (a, straight, 0, 6);
      b = make_optimizer (stopped, &options);
      take_steps (b, stopped, 0, 3);
      c = make_optimizer (stopped, &options);
      tensors = tn_optimizer_get_tensors (b, &n);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (tensors[i].count, ==, tn_shape_count (&tensors[i].shape));
          g_assert_cmpuint (tensors[i].bytes, ==, tensors[i].count * tn_dtype_block_bytes (tensors[i].dtype));
          g_assert_true (tn_optimizer_restore (c, tensors[i].name, tensors[i].dtype, tensors[i].count, tensors[i].data, NULL));
        }
      take_steps (c, stopped, 3, 6);
      assert_same (straight, stopped);

      g_assert_false (tn_optimizer_restore (c, "colour", TN_DTYPE_F32, 1, tensors[0].data, &unknown));
      g_assert_error (unknown, TN_ERROR, TN_ERROR_NOT_FOUND);
      g_assert_false (tn_optimizer_restore (c, "updates", TN_DTYPE_U64, N_SHAPES + 1, tensors[0].data, &other));
      g_assert_error (other, TN_ERROR, TN_ERROR_MISMATCH);
      g_assert_nonnull (strstr (other->message, "u64 of 11 elements; u64 of 10 was expected"));
    }
}

static void
test_state (void)
{
  static const char *const names[TN_N_OPTIMIZERS][2] = {
      {"wide.momentum", "norm.momentum"},     {"wide.moment1", "norm.moment2"},  {"wide.moment2", "norm.moment1"},
      {"wide.moment2_scale", "norm.moment1"}, {"wide.momentum", "head.moment1"},
  };

  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    {
      g_autoptr (GPtrArray) variables = make_variables ();
      TnPool *pool = tn_pool_default ();
      gsize state = tn_pool_get_current (pool, TN_PURPOSE_OPTIMIZER), scratch = tn_pool_get_current (pool, TN_PURPOSE_SCRATCH);
      TnOptimizerOptions options;
      TnOptimizerMemory memory;
      g_autoptr (TnOptimizer) self = NULL;
      const TnOptimizerTensor *tensors;
      guint n, found = 0;

      g_assert_true (tn_variable_set_trained (variables->pdata[7], FALSE, NULL));
      tn_optimizer_options_init (&options, method);
      tn_optimizer_estimate (VARIABLES (variables), &options, &memory);
      self = make_optimizer (variables, &options);
      g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_OPTIMIZER) - state, ==, memory.state_bytes);
      g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_SCRATCH) - scratch, ==, memory.scratch_bytes);
      g_assert_true ((memory.scratch_bytes > 0) == (method == TN_OPTIMIZER_MUON));
      tensors = tn_optimizer_get_tensors (self, &n);
      for (guint i = 0; i < n; i++)
        {
          found += strcmp (tensors[i].name, names[method][0]) == 0 || strcmp (tensors[i].name, names[method][1]) == 0;
          g_assert_false (g_str_has_prefix (tensors[i].name, "kernel"));
        }
      g_assert_cmpuint (found, ==, 2);
      /* A step allocates nothing. */
      take_steps (self, variables, 0, 1);
      g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_OPTIMIZER) - state, ==, memory.state_bytes);
    }
}

/* Two bytes a number and eight a block of 256, for what is large and no embedding. */
static void
test_8bit_state (void)
{
  g_autoptr (GPtrArray) variables = make_variables ();
  TnOptimizerOptions options;
  g_autoptr (TnOptimizer) self = NULL;
  const TnOptimizerTensor *tensors;
  guint n, bytes = 0;

  tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAMW8);
  self = make_optimizer (variables, &options);
  tensors = tn_optimizer_get_tensors (self, &n);
  for (guint i = 0; i < n; i++)
    {
      gboolean small = tensors[i].count < 4096 || g_str_has_prefix (tensors[i].name, "embedding");

      if (tensors[i].dtype == TN_DTYPE_U8)
        bytes++;
      g_assert_true (tensors[i].dtype != TN_DTYPE_U8 || !small);
    }
  /* wide, tall, kernel and head */
  g_assert_cmpuint (bytes, ==, 8);
}

static void
test_groups (void)
{
  g_autoptr (GPtrArray) variables = make_variables (), before = make_variables ();
  TnOptimizerOptions options;
  g_autoptr (TnOptimizer) self = NULL;
  TnUpdate update = plain;

  /* Without gradients only decay is left. */
  tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAMW);
  options.groups[TN_ROLE_EMBEDDING].decays = FALSE;
  options.groups[TN_ROLE_HEAD].rate_factor = 0.5;
  self = make_optimizer (variables, &options);
  update.rate = 0.5;
  tn_variable_drop_gradient (variables->pdata[6]);
  tn_optimizer_step (self, &update);
  for (guint i = 0; i < N_SHAPES; i++)
    {
      TnVariable *variable = variables->pdata[i];
      gboolean decays = variable->role == TN_ROLE_MATRIX || variable->role == TN_ROLE_HEAD;
      double factor = i == 6 || !decays ? 1.0 : 1.0 - 0.5 * 0.1 * (variable->role == TN_ROLE_HEAD ? 0.5 : 1.0);

      for (gsize k = 0; k < variable->count; k++)
        g_assert_cmpfloat (data_of (variable)[k], ==, (float) factor * data_of (before->pdata[i])[k]);
    }
  /* Nobody's variable. */
  tn_optimizer_update (self, before->pdata[4], ((TnVariable *) before->pdata[4])->gradient, &update);
}

static void
test_latent_clip (void)
{
  static const float scales[] = {0.5f, 0.25f, 1.0f, 0.125f};

  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    for (guint way = 0; way < 3; way++)
      {
        /* Rows that end inside blocks. */
        g_autoptr (GPtrArray) clipped = make_one (TN_ROLE_MATRIX, 4, 6007), free = make_one (TN_ROLE_MATRIX, 4, 6007);
        TnVariable *w = clipped->pdata[0], *v = free->pdata[0];
        TnOptimizerOptions options;
        g_autoptr (TnOptimizer) a = NULL, b = NULL;
        TnRandom random = tn_random_stream (9, "latents");

        for (gsize i = 0; i < w->count; i++)
          data_of (w)[i] = data_of (v)[i] = (float) tn_random_normal (&random);
        tn_optimizer_options_init (&options, method);
        a = make_optimizer (clipped, &options);
        b = make_optimizer (free, &options);
        tn_optimizer_clip_latents (a, w, 1.5, way == 0 ? NULL : scales, way == 1 ? 6007 : w->count);
        fill_gradients (clipped, 1);
        fill_gradients (free, 1);
        tn_optimizer_step (a, &plain);
        tn_optimizer_step (b, &plain);
        for (gsize i = 0; i < w->count; i++)
          {
            float limit = 1.5f * (way == 0 ? 1.0f : scales[way == 1 ? i / 6007 : 0]);

            g_assert_cmpfloat (data_of (w)[i], ==, CLAMP (data_of (v)[i], -limit, limit));
          }
        tn_optimizer_clip_latents (a, w, (double) INFINITY, NULL, 0);
        data_of (w)[5] = 100.0f;
        tn_optimizer_step (a, &plain);
        g_assert_cmpfloat (data_of (w)[5], >, 90.0f);
      }
}

/* f = sum of c_i (w_i - 1)^2 / 2, c from 0.1 to 10. */
static void
test_quadratic (void)
{
  static const double rates[TN_N_OPTIMIZERS] = {0.02, 0.05, 0.05, 0.05, 2.0};

  for (guint method = 0; method < TN_N_OPTIMIZERS; method++)
    {
      g_autoptr (GPtrArray) variables = make_one (TN_ROLE_MATRIX, 64, 70);
      TnVariable *variable = variables->pdata[0];
      TnOptimizerOptions options;
      g_autoptr (TnOptimizer) self = NULL;
      double loss = 0.0;

      tn_optimizer_options_init (&options, method);
      options.weight_decay = 0.0;
      self = make_optimizer (variables, &options);
      for (guint s = 0; s < 600; s++)
        {
          TnUpdate update = plain;

          update.rate = rates[method] * (1.0 - s / 600.0);
          loss = 0.0;
          for (gsize i = 0; i < variable->count; i++)
            {
              double c = 0.1 + 9.9 * (double) (i % 13) / 12.0, error = (double) data_of (variable)[i] - 1.0;

              ((float *) variable->gradient)[i] = (float) (c * error);
              loss += 0.5 * c * error * error;
            }
          tn_optimizer_step (self, &update);
        }
      /* From 11300. */
      if (!(loss < 2.0))
        g_error ("%s ends at %g", tn_optimizer_method_get_name (method), loss);
    }
}

/* (1 - x)^2 + 100 (y - x^2)^2 from (-1.2, 1), for each pair of numbers. */
static void
test_rosenbrock (void)
{
  static const double rates[TN_OPTIMIZER_MUON] = {2e-4, 0.02, 0.02, 0.02};

  for (guint method = 0; method < TN_OPTIMIZER_MUON; method++)
    {
      g_autoptr (GPtrArray) variables = make_one (TN_ROLE_MATRIX, 2, 257);
      TnVariable *variable = variables->pdata[0];
      float *x = variable->data, *y = x + 257, *dx = variable->gradient, *dy = dx + 257;
      TnOptimizerOptions options;
      g_autoptr (TnOptimizer) self = NULL;
      TnUpdate update = plain;

      tn_optimizer_options_init (&options, method);
      options.weight_decay = 0.0;
      options.least_8bit = 0;
      self = make_optimizer (variables, &options);
      for (guint i = 0; i < 257; i++)
        {
          x[i] = -1.2f;
          y[i] = 1.0f;
        }
      for (guint s = 0; s < 8000; s++)
        {
          for (guint i = 0; i < 257; i++)
            {
              dx[i] = -2.0f * (1.0f - x[i]) - 400.0f * x[i] * (y[i] - x[i] * x[i]);
              dy[i] = 200.0f * (y[i] - x[i] * x[i]);
            }
          update.rate = rates[method] * (1.0 - s / 8000.0);
          tn_optimizer_step (self, &update);
        }
      for (guint i = 0; i < 257; i++)
        if (!(fabsf (x[i] - 1.0f) < 0.02f && fabsf (y[i] - 1.0f) < 0.04f))
          g_error ("%s ends at (%g, %g)", tn_optimizer_method_get_name (method), (double) x[i], (double) y[i]);
    }
}

static void
test_nonfinite (void)
{
  g_autoptr (GPtrArray) variables = make_variables ();
  TnOptimizerOptions options;
  g_autoptr (TnOptimizer) self = NULL;
  TnUpdate update = plain;

  tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAMW8);
  self = make_optimizer (variables, &options);
  fill_gradients (variables, 0);
  ((float *) ((TnVariable *) variables->pdata[4])->gradient)[17000] = NAN;
  update.measure = TRUE;
  tn_optimizer_step (self, &update);
  g_assert_false (isfinite (tn_optimizer_take_norm (self)));
}

static void
test_refused (void)
{
  static const struct
  {
    const char *says;
    gsize offset;
    double value;
  } cases[] = {
      {"momentum = 1:", offsetof (TnOptimizerOptions, momentum), 1.0},
      {"beta1 = -0.1:", offsetof (TnOptimizerOptions, beta1), -0.1},
      {"beta2 = nan:", offsetof (TnOptimizerOptions, beta2), (double) NAN},
      {"epsilon = 0:", offsetof (TnOptimizerOptions, epsilon), 0.0},
      {"weight_decay = inf:", offsetof (TnOptimizerOptions, weight_decay), (double) INFINITY},
      {"rate_factor of norm = -2:", offsetof (TnOptimizerOptions, groups[TN_ROLE_NORM].rate_factor), -2.0},
  };
  TnOptimizerOptions options;
  TnOptimizerMethod method;
  g_autoptr (GError) unknown = NULL, steps = NULL, wide = NULL;
  g_autoptr (TnVariable) variable = tn_variable_new ("w", TN_ROLE_MATRIX, TN_DTYPE_F64, &TN_SHAPE (3), NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      tn_optimizer_options_init (&options, TN_OPTIMIZER_ADAMW);
      *(double *) (void *) ((char *) &options + cases[i].offset) = cases[i].value;
      g_assert_null (tn_optimizer_new (NULL, 0, &options, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_true (g_str_has_prefix (error->message, cases[i].says));
    }
  tn_optimizer_options_init (&options, TN_OPTIMIZER_MUON);
  options.newton_schulz_steps = 21;
  g_assert_false (tn_optimizer_options_check (&options, &steps));
  g_assert_error (steps, TN_ERROR, TN_ERROR_ARGUMENT);
  for (guint i = 0; i < TN_N_OPTIMIZERS; i++)
    {
      g_assert_true (tn_optimizer_method_parse (tn_optimizer_method_get_name (i), &method, NULL));
      g_assert_cmpint (method, ==, i);
    }
  g_assert_false (tn_optimizer_method_parse ("lion", &method, &unknown));
  g_assert_nonnull (strstr (unknown->message, "sgd, adam, adamw, adamw8, muon"));
  tn_optimizer_options_init (&options, TN_OPTIMIZER_SGD);
  g_assert_null (tn_optimizer_new (&variable, 1, &options, &wide));
  g_assert_error (wide, TN_ERROR, TN_ERROR_UNSUPPORTED);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/optimizer/torch", test_torch);
  g_test_add_func ("/optimizer/slow", test_slow);
  g_test_add_func ("/optimizer/muon", test_muon);
  g_test_add_func ("/optimizer/same-bits", test_same_bits);
  g_test_add_func ("/optimizer/release", test_release);
  g_test_add_func ("/optimizer/resume", test_resume);
  g_test_add_func ("/optimizer/state", test_state);
  g_test_add_func ("/optimizer/8bit-state", test_8bit_state);
  g_test_add_func ("/optimizer/groups", test_groups);
  g_test_add_func ("/optimizer/latent-clip", test_latent_clip);
  g_test_add_func ("/optimizer/quadratic", test_quadratic);
  g_test_add_func ("/optimizer/rosenbrock", test_rosenbrock);
  g_test_add_func ("/optimizer/nonfinite", test_nonfinite);
  g_test_add_func ("/optimizer/refused", test_refused);
  return g_test_run ();
}
