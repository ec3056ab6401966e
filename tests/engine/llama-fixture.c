/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/llama-fixture.h"

#include <math.h>
#include <string.h>

#include "engine/nn/bit-linear.h"
#include "engine/nn/model-private.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"
#include "tests/realdata.h"

static void
add_parameter (GPtrArray *parameters, char *name, TnTensor *tensor)
{
  TnParameter *parameter = g_new (TnParameter, 1);

  parameter->source_name = g_strdup (name);
  parameter->name = name;
  parameter->tensor = tensor;
  g_ptr_array_add (parameters, parameter);
}

/* rows x columns from values, which is moved on; rows == 0: a vector. */
static TnTensor *
take_tensor (TnDtype dtype, guint64 rows, guint64 columns, const float **values)
{
  const guint64 shape[] = {rows, columns};
  TnTensor *tensor = tn_tensor_new (dtype, rows > 0 ? 2 : 1, rows > 0 ? shape : shape + 1, TN_PURPOSE_WEIGHTS, NULL);
  void *data = tn_tensor_get_writable (tensor);

  for (guint64 i = 0; i < tensor->count; i++)
    {
      float value = *(*values)++;

      if (dtype == TN_DTYPE_F32)
        ((float *) data)[i] = value;
      else
        ((guint16 *) data)[i] = dtype == TN_DTYPE_F16 ? tn_f32_to_f16 (value) : tn_f32_to_bf16 (value);
    }
  return tensor;
}

typedef struct
{
  const char *name;
  guint rows, columns; /* rows == 0: a norm */
} Shape;

#define N_SHAPES 9

/* In the order of llama2.c's files, where all layers of one kind lie together. */
static void
block_shapes (const TnLlamaConfig *config, Shape *shapes)
{
  guint width = config->n_embd, heads = config->n_head * config->head_dim, heads_kv = config->n_head_kv * config->head_dim;
  const Shape all[N_SHAPES] = {
      {"attn_norm", 0, width},           {"attn_q", heads, width},          {"attn_k", heads_kv, width},
      {"attn_v", heads_kv, width},       {"attn_output", width, heads},     {"ffn_norm", 0, width},
      {"ffn_gate", config->n_ff, width}, {"ffn_down", width, config->n_ff}, {"ffn_up", config->n_ff, width},
  };

  memcpy (shapes, all, sizeof all);
}

static void
add_random (GPtrArray *parameters, TnRandom *random, TnDtype dtype, char *name, guint rows, guint columns, double scale)
{
  gsize n = (gsize) MAX (rows, 1) * columns;
  g_autofree float *values = g_new (float, n);
  const float *next = values;

  for (gsize i = 0; i < n; i++)
    values[i] = (float) (rows == 0 ? 1.0 + 0.2 * tn_random_normal (random) : scale * tn_random_normal (random));
  add_parameter (parameters, name, take_tensor (rows == 0 ? TN_DTYPE_F32 : dtype, rows, columns, &next));
}

TnModel *
llama_fixture_new (const TnLlamaConfig *config, TnDtype dtype, guint64 seed)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  TnRandom random = tn_random_stream (seed, "llama");
  g_autoptr (GError) error = NULL;
  Shape shapes[N_SHAPES];
  TnModel *model;

  block_shapes (config, shapes);
  add_random (parameters, &random, dtype, g_strdup ("token_embd.weight"), config->n_vocab, config->n_embd, 1.0);
  for (guint layer = 0; layer < config->n_layer; layer++)
    for (guint i = 0; i < N_SHAPES; i++)
      add_random (parameters, &random, dtype, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name), shapes[i].rows,
                  shapes[i].columns, 1.5 / sqrt (shapes[i].columns));
  if (config->activation == TN_ACTIVATION_RELU2)
    for (guint layer = 0; layer < config->n_layer; layer++)
      {
        add_random (parameters, &random, dtype, g_strdup_printf ("blk.%u.attn_sub_norm.weight", layer), 0,
                    config->n_head * config->head_dim, 1.0);
        add_random (parameters, &random, dtype, g_strdup_printf ("blk.%u.ffn_sub_norm.weight", layer), 0, config->n_ff, 1.0);
      }
  if (config->rope_base == 500000.0)
    add_random (parameters, &random, dtype, g_strdup ("rope_freqs.weight"), 0, config->rope_dim / 2, 1.0);
  add_random (parameters, &random, dtype, g_strdup ("output_norm.weight"), 0, config->n_embd, 1.0);
  if (!config->tied)
    add_random (parameters, &random, dtype, g_strdup ("output.weight"), config->n_vocab, config->n_embd,
                3.0 / sqrt (config->n_embd));
  model = tn_model_new_llama (config, parameters, seed, &error);
  g_assert_no_error (error);
  return model;
}

TnModel *
llama_fixture_stories (void)
{
  g_autofree char *path = tn_test_realdata ("stories260k/stories260K.bin");
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  Shape shapes[N_SHAPES];
  TnLlamaConfig config;
  const float *next;
  TnModel *model;
  gint32 header[7];
  gsize size;

  if (path == NULL)
    return NULL;
  g_file_get_contents (path, &bytes, &size, &error);
  g_assert_no_error (error);
  memcpy (header, bytes, sizeof header);
  config = (TnLlamaConfig){
      .n_vocab = (guint) header[5],
      .n_embd = (guint) header[0],
      .n_layer = (guint) header[2],
      .n_head = (guint) header[3],
      .n_head_kv = (guint) header[4],
      .head_dim = (guint) (header[0] / header[3]),
      .n_ff = (guint) header[1],
      .n_context = (guint) header[6],
      .rope_dim = (guint) (header[0] / header[3]),
      .rope_base = 10000.0,
      .rope_scale = 1.0,
      .norm_epsilon = 1e-5,
      .tied = TRUE,
      .bos = 1,
      .eos = 2,
  };
  block_shapes (&config, shapes);
  next = (const float *) (bytes + sizeof header);
  add_parameter (parameters, g_strdup ("token_embd.weight"), take_tensor (TN_DTYPE_F32, config.n_vocab, config.n_embd, &next));
  for (guint i = 0; i < N_SHAPES; i++)
    for (guint layer = 0; layer < config.n_layer; layer++)
      add_parameter (parameters, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name),
                     take_tensor (TN_DTYPE_F32, shapes[i].rows, shapes[i].columns, &next));
  add_parameter (parameters, g_strdup ("output_norm.weight"), take_tensor (TN_DTYPE_F32, 0, config.n_embd, &next));
  /* What is left are the two tables of the rotation. */
  g_assert_cmpuint ((gsize) ((const char *) next - bytes) + config.n_context * config.head_dim * sizeof (float), ==, size);
  model = tn_model_new_llama (&config, parameters, 1, &error);
  g_assert_no_error (error);
  return model;
}

GArray *
llama_fixture_stories_greedy (void)
{
  g_autofree char *path = tn_test_realdata ("expected_stories260k.json");
  GArray *tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *text = NULL;
  const char *at, *end;

  g_assert_nonnull (path);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  at = strstr (text, "\"greedy_from_bos\"");
  g_assert_nonnull (at);
  end = strchr (at, ']');
  for (at = strchr (at, '[') + 1; at < end; at++)
    {
      char *next;
      gint32 token = (gint32) g_ascii_strtoll (at, &next, 10);

      if (next == at)
        break;
      g_array_append_val (tokens, token);
      at = next;
      while (at < end && *at != ',')
        at++;
    }
  return tokens;
}

/* NULL where the model has none of that name. */
static double *
weights_of (TnModel *model, const char *format, guint layer)
{
  g_autofree char *name =
      strchr (format, '%') == NULL ? g_strdup (format) : g_strdup_printf ("blk.%u.%s", layer, strchr (format, '%') + 2);
  const TnParameter *parameter = tn_model_find_parameter (model, name);
  g_autofree float *values = NULL;
  double *doubles;

  if (parameter == NULL)
    return NULL;
  values = g_new (float, parameter->tensor->count);
  doubles = g_new (double, parameter->tensor->count);
  tn_tensor_decode (parameter->tensor, 0, parameter->tensor->count, values);
  for (guint64 i = 0; i < parameter->tensor->count; i++)
    doubles[i] = (double) values[i];
  return doubles;
}

static void
multiply (const double *x, guint n, guint in, const double *w, guint out, double *y)
{
  for (guint t = 0; t < n; t++)
    for (guint o = 0; o < out; o++)
      {
        double sum = 0.0;

        for (guint i = 0; i < in; i++)
          sum += x[(gsize) t * in + i] * w[(gsize) o * in + i];
        y[(gsize) t * out + o] = sum;
      }
}

static void
norm (const double *x, guint n, guint width, const double *w, double epsilon, double *y)
{
  for (guint t = 0; t < n; t++, x += width, y += width)
    {
      double sum = 0.0;

      for (guint i = 0; i < width; i++)
        sum += x[i] * x[i];
      for (guint i = 0; i < width; i++)
        y[i] = x[i] / sqrt (sum / width + epsilon) * w[i];
    }
}

static void
rotate (double *x, guint n, guint n_heads, const TnLlamaConfig *config, const double *factors)
{
  guint half = config->rope_dim / 2;

  for (guint t = 0; t < n; t++)
    for (guint h = 0; h < n_heads; h++)
      for (guint i = 0; i < half; i++)
        {
          double *head = x + ((gsize) t * n_heads + h) * config->head_dim;
          double angle = t / config->rope_scale * pow (config->rope_base, -2.0 * i / config->rope_dim) /
                         (factors != NULL ? factors[i] : 1.0);
          double *a = config->rope_layout == TN_ROPE_INTERLEAVED ? head + 2 * i : head + i;
          double *b = config->rope_layout == TN_ROPE_INTERLEAVED ? head + 2 * i + 1 : head + i + half;
          double first = *a, second = *b;

          *a = first * cos (angle) - second * sin (angle);
          *b = first * sin (angle) + second * cos (angle);
        }
}

static void
attend (const double *q, const double *k, const double *v, guint n, const TnLlamaConfig *config, double *out)
{
  guint d = config->head_dim, heads = config->n_head, heads_kv = config->n_head_kv;
  g_autofree double *scores = g_new (double, n);

  for (guint t = 0; t < n; t++)
    for (guint h = 0; h < heads; h++)
      {
        guint g = h / (heads / heads_kv);
        double most = -INFINITY, sum = 0.0;

        for (guint s = 0; s <= t; s++)
          {
            scores[s] = 0.0;
            for (guint i = 0; i < d; i++)
              scores[s] += q[((gsize) t * heads + h) * d + i] * k[((gsize) s * heads_kv + g) * d + i];
            scores[s] /= sqrt (d);
            most = fmax (most, scores[s]);
          }
        for (guint s = 0; s <= t; s++)
          sum += exp (scores[s] - most);
        for (guint i = 0; i < d; i++)
          {
            double value = 0.0;

            for (guint s = 0; s <= t; s++)
              value += exp (scores[s] - most) / sum * v[((gsize) s * heads_kv + g) * d + i];
            out[((gsize) t * heads + h) * d + i] = value;
          }
      }
}

typedef struct
{
  TnModel *model;
  guint n, layer;
  LlamaReferenceFunc func;
  gpointer user_data;
} Reference;

static void
show (const Reference *self, const char *name, double *x, guint width)
{
  g_autofree char *site = self->layer == G_MAXUINT ? g_strdup (name) : g_strdup_printf ("blk.%u.%s", self->layer, name);

  self->func (site, x, width, self->user_data);
}

/* What a row becomes before a product: as it is, int8 by the formula of BitNet (code times scale), or its scheme's rounding. The
 * scale is that of the codes then, else 1; out holds codes or values. */
static double
round_row (const TnInputRounding *input, const double *x, guint width, double *out)
{
  g_autofree float *values = g_new (float, width);
  float absmax = 1e-5f;

  for (guint i = 0; i < width; i++)
    {
      values[i] = (float) x[i];
      absmax = fmaxf (absmax, fabsf (values[i]));
      out[i] = x[i];
    }
  if (!input->rounds)
    return 1.0;
  if (tn_input_rounding_is_int8 (input))
    {
      for (guint i = 0; i < width; i++)
        {
          float factor = 127.0f / absmax, product = values[i] * factor;

          out[i] = CLAMP (rint ((double) product), -128.0, 127.0);
        }
      return (double) (absmax / 127.0f);
    }
  if (input->scheme.granularity == TN_PER_TENSOR)
    for (guint i = 0; i < width; i++)
      values[i] = tn_rounding_apply (&input->fixed, values[i]);
  else
    g_assert_true (tn_quantize_values (&input->scheme, values, 1, width, values, NULL));
  for (guint i = 0; i < width; i++)
    out[i] = (double) values[i];
  return 1.0;
}

/* Rows rounded as the layer's input is, and products of whole numbers where the layer has them: exact in double. */
static void
multiply_rounded (TnModel *model, const char *name, const double *x, guint n, guint in, const double *w, guint out, double *y)
{
  const TnTensor *weight = tn_model_find_parameter (model, name)->tensor;
  g_autofree double *row = g_new (double, in), *codes = g_new (double, in);
  TnLayerKind kind;
  guint block;

  g_assert_true (tn_model_find_layer (model, name, &block, &kind));
  for (guint t = 0; t < n; t++)
    {
      double scale = round_row (&model->blocks[block].inputs[kind], x + (gsize) t * in, in, row);

      for (guint o = 0; o < out; o++)
        {
          double level = tn_bit_linear_is (weight) ? (double) weight->scales[o * (gsize) in / weight->group_size] : 1.0;

          for (guint i = 0; i < in; i++)
            codes[i] = level != 0.0 ? w[(gsize) o * in + i] / level : 0.0;
          multiply (row, 1, in, codes, 1, &y[(gsize) t * out + o]);
          y[(gsize) t * out + o] *= scale * level;
        }
    }
}

/* A linear layer with its two sites. */
static void
apply (const Reference *self, const char *name, double *x, guint in, double *y, guint out)
{
  g_autofree char *weight = g_strdup_printf ("%%u%s.weight", name);
  g_autofree char *whole = g_strdup_printf ("blk.%u.%s.weight", self->layer, name);
  g_autofree char *input = g_strdup_printf ("%s.in", name), *output = g_strdup_printf ("%s.out", name);
  g_autofree double *w = weights_of (self->model, weight, self->layer);

  show (self, input, x, in);
  multiply_rounded (self->model, whole, x, self->n, in, w, out, y);
  show (self, output, y, out);
}

static void
add (double *x, const double *y, gsize n)
{
  for (gsize i = 0; i < n; i++)
    x[i] += y[i];
}

void
llama_fixture_reference (TnModel *model, const gint32 *tokens, guint length, LlamaReferenceFunc func, gpointer user_data)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  guint n = length, width = config->n_embd, ff = config->n_ff;
  guint heads = config->n_head * config->head_dim, heads_kv = config->n_head_kv * config->head_dim;
  Reference self = {model, n, G_MAXUINT, func, user_data};
  gsize most = (gsize) n * MAX (MAX (MAX (width, heads), ff), config->n_vocab);
  g_autofree double *x = g_new (double, most), *h = g_new (double, most), *q = g_new (double, most), *k = g_new (double, most);
  g_autofree double *v = g_new (double, most), *a = g_new (double, most);
  g_autofree double *embedding = weights_of (model, "token_embd.weight", 0);
  g_autofree double *factors = weights_of (model, "rope_freqs.weight", 0);
  g_autofree double *output_norm = weights_of (model, "output_norm.weight", 0);
  g_autofree double *head = weights_of (model, config->tied ? "token_embd.weight" : "output.weight", 0);

  for (guint t = 0; t < n; t++)
    memcpy (x + (gsize) t * width, embedding + (gsize) tokens[t] * width, width * sizeof (double));
  show (&self, "embd.residual", x, width);
  for (self.layer = 0; self.layer < config->n_layer; self.layer++)
    {
      g_autofree double *attn_norm = weights_of (model, "%uattn_norm.weight", self.layer);
      g_autofree double *ffn_norm = weights_of (model, "%uffn_norm.weight", self.layer);
      g_autofree double *attn_sub_norm = weights_of (model, "%uattn_sub_norm.weight", self.layer);
      g_autofree double *ffn_sub_norm = weights_of (model, "%uffn_sub_norm.weight", self.layer);

      norm (x, n, width, attn_norm, config->norm_epsilon, h);
      apply (&self, "attn_q", h, width, q, heads);
      apply (&self, "attn_k", h, width, k, heads_kv);
      apply (&self, "attn_v", h, width, v, heads_kv);
      rotate (q, n, config->n_head, config, factors);
      rotate (k, n, config->n_head_kv, config, factors);
      attend (q, k, v, n, config, a);
      if (attn_sub_norm != NULL)
        norm (a, n, heads, attn_sub_norm, config->norm_epsilon, a);
      apply (&self, "attn_output", a, heads, h, width);
      add (x, h, (gsize) n * width);
      norm (x, n, width, ffn_norm, config->norm_epsilon, h);
      apply (&self, "ffn_gate", h, width, q, ff);
      apply (&self, "ffn_up", h, width, k, ff);
      for (gsize i = 0; i < (gsize) n * ff; i++)
        q[i] = (config->activation == TN_ACTIVATION_SILU ? q[i] / (1.0 + exp (-q[i])) : q[i] > 0.0 ? q[i] * q[i] : 0.0) * k[i];
      if (ffn_sub_norm != NULL)
        norm (q, n, ff, ffn_sub_norm, config->norm_epsilon, q);
      apply (&self, "ffn_down", q, ff, h, width);
      add (x, h, (gsize) n * width);
      show (&self, "residual", x, width);
    }
  self.layer = G_MAXUINT;
  norm (x, n, width, output_norm, config->norm_epsilon, h);
  show (&self, "output.in", h, width);
  multiply (h, n, width, head, config->n_vocab, q);
  show (&self, "output.out", q, config->n_vocab);
}

TnBatch *
llama_fixture_batch (const TnLlamaConfig *config, const guint *lengths, guint n, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "batch");
  g_autoptr (GPtrArray) storage = g_ptr_array_new_with_free_func (g_free);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n);

  for (guint s = 0; s < n; s++)
    {
      gint32 *tokens = g_new (gint32, 2 * lengths[s] + 1);

      g_ptr_array_add (storage, tokens);
      for (guint i = 0; i < lengths[s]; i++)
        tokens[i] = (gint32) tn_random_below (&random, config->n_vocab);
      for (guint i = 0; i < lengths[s]; i++)
        tokens[lengths[s] + i] = i % 5 == 3 ? -1 : (gint32) tn_random_below (&random, config->n_vocab);
      sequences[s] =
          (TnSequence){.hash = tn_random_next (&random), .length = lengths[s], .tokens = tokens, .targets = tokens + lengths[s]};
    }
  return tn_batch_new (sequences, n);
}
