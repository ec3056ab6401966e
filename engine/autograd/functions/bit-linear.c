/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/bit-linear.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/autograd/functions/quantize-rows.h"
#include "engine/autograd/functions/ternarize.h"
#include "engine/error.h"
#include "engine/kernels/matrix-multiply.h"
#include "engine/kernels/stochastic-rows.h"
#include "engine/kernels/ternarize.h"
#include "engine/kernels/ternary-multiply.h"
#include "engine/kernels/token-product.h"
#include "engine/random.h"

/* Tokens whose numbers are unpacked at a time: chains of products go on from one piece to the next. */
#define PIECE_TOKENS 512

static const char *const names[TN_N_BACKWARDS] = {"fp32", "bf16", "int8"};

gboolean
tn_backward_parse (const char *name, TnBackward *backward, GError **error)
{
  for (guint i = 0; i < TN_N_BACKWARDS; i++)
    if (strcmp (name, names[i]) == 0)
      {
        *backward = (TnBackward) i;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Backward products “%s” are unknown; expected fp32, bf16 or int8"), name);
  return FALSE;
}

const char *
tn_backward_get_name (TnBackward self)
{
  return names[self];
}

typedef struct
{
  gsize tokens, in, out;
} Sizes;

static Sizes
get_sizes (const TnShape *x, const TnShape *w)
{
  return (Sizes){tn_shape_rows (x), tn_shape_columns (x), tn_shape_rows (w)};
}

static gsize
align (gsize bytes)
{
  return (bytes + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
}

/* Scratch of the gradient of x: numbers of w and (bf16) of g, or codes of g and the turned tiles; then of the product. */
static gsize
of_input_bytes (const Sizes *sizes, TnBackward backward, guint threads)
{
  gsize tokens = MIN (sizes->tokens, PIECE_TOKENS);

  if (backward == TN_BACKWARD_INT8)
    return align (tn_int8_rows_bytes (sizes->tokens, sizes->out)) + align (tn_ternary_bytes (sizes->in, sizes->out)) +
           tn_ternary_multiply_scratch_bytes (sizes->out, threads);
  return align (sizes->out * sizes->in * sizeof (float)) +
         (backward == TN_BACKWARD_BF16 ? align (tokens * sizes->out * sizeof (float)) : 0) +
         tn_matrix_multiply_scratch (TN_MULTIPLY_PLAIN, backward == TN_BACKWARD_BF16 ? tokens : sizes->tokens, sizes->in,
                                     sizes->out, threads);
}

static gsize
of_weight_bytes (const Sizes *sizes, TnBackward backward, guint threads)
{
  gsize tokens = MIN (sizes->tokens, PIECE_TOKENS);

  if (backward == TN_BACKWARD_INT8)
    return tn_token_product_scratch_bytes (sizes->out, threads);
  return align (tokens * sizes->in * sizeof (float)) +
         (backward == TN_BACKWARD_BF16 ? align (tokens * sizes->out * sizeof (float)) : 0) +
         tn_matrix_multiply_scratch (TN_MULTIPLY_A_TRANSPOSED, sizes->out, sizes->in, tokens, threads);
}

static gboolean
infer_bit_linear (TnInference *inference, GError **error)
{
  const TnBitLinearOptions *options = inference->attributes;
  const TnShape *x = &inference->inputs[0].shape, *w = &inference->inputs[1].shape;
  Sizes sizes = get_sizes (x, w);

  if (!tn_packed_rows_check (inference, 0, error) || !tn_packed_ternary_check (inference, 1, error))
    return FALSE;
  if (x->n_dims == 0 || sizes.in != tn_shape_columns (w))
    {
      g_autofree char *rows = tn_shape_to_string (x), *matrix = tn_shape_to_string (w);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "x is %s and w is %s, expected rows of one width", rows, matrix);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = *x;
  inference->outputs[0].shape.dims[x->n_dims - 1] = sizes.out;
  inference->reads_inputs = 3;
  inference->forward_scratch_bytes = tn_ternary_multiply_scratch_bytes (sizes.in, inference->threads);
  inference->backward_scratch_bytes = MAX (of_input_bytes (&sizes, options->of_input, inference->threads),
                                           of_weight_bytes (&sizes, options->of_weight, inference->threads));
  return TRUE;
}

static void
bit_linear_forward (const TnCall *call)
{
  const TnShape *x = &call->input_infos[0].shape;
  TnPackedTernary w;
  TnInt8Rows rows;

  tn_packed_rows_place (&rows, x, call->inputs[0]);
  tn_packed_ternary_get (&w, &call->input_infos[1].shape, call->inputs[1]);
  tn_ternary_multiply (&(TnTernaryMultiply){.matrix = w.matrix, .scales = w.scales, .per_row = w.per_row, .y = call->outputs[0]},
                       &rows, tn_shape_rows (x), call->scratch, call->threads);
}

/* To the nearest number of 8 bits, half to even; NaN stays NaN. */
static inline float
round_bf16 (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  bits = (bits & 0x7fffffff) > 0x7f800000 ? bits : (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  memcpy (&x, &bits, sizeof bits);
  return x;
}

/* out = g times a factor a row or column (columns NULL: a row), as bf16. */
static void
scale_rounded (const float *g, gsize rows, gsize columns, const float *of_rows, const float *of_columns, gboolean one_column,
               float *out, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize row = 0; row < rows; row++)
    for (gsize i = 0; i < columns; i++)
      {
        float factor = of_rows != NULL ? of_rows[row] : of_columns[one_column ? 0 : i];

        out[row * columns + i] = round_bf16 (g[row * columns + i] * factor);
      }
}

static void
unpack_weights (const TnPackedTernary *w, const float *scales, gboolean per_row, float *out, guint threads)
{
  gsize rows = (gsize) w->matrix.rows, columns = (gsize) w->matrix.columns;

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize row = 0; row < rows; row++)
    tn_ternary_dequantize_rows (&w->matrix, row, 1, scales + (per_row ? row : 0), FALSE, out + row * columns, columns);
}

static guint64
get_key (const TnCall *call, guint64 which)
{
  const TnBitLinearOptions *options = call->attributes;
  TnRandom random = {.key = options->seed};

  return tn_random_at (&random, 2 * call->step + which);
}

static void
input_by_integers (const TnCall *call, const Sizes *sizes, const TnPackedTernary *w)
{
  static const float one = 1.0f;
  guint8 *memory = call->scratch, *tiles = memory + align (tn_int8_rows_bytes (sizes->tokens, sizes->out));
  TnTernaryMultiply product = {.matrix = {sizes->in, sizes->out, tiles},
                               .scales = w->per_row ? &one : w->scales,
                               .adds = call->adds[0],
                               .y = call->input_gradients[0]};
  TnInt8Rows rows;

  tn_int8_rows_place (&rows, memory, sizes->tokens, sizes->out);
  tn_int8_rows_quantize_stochastic (&rows, call->output_gradients[0], w->per_row ? w->scales : NULL, sizes->tokens, sizes->out,
                                    get_key (call, 0), call->threads);
  tn_ternary_transpose (&w->matrix, tiles, call->threads);
  tn_ternary_multiply (&product, &rows, sizes->tokens, tiles + align (tn_ternary_bytes (sizes->in, sizes->out)), call->threads);
}

static void
input_by_floats (const TnCall *call, const Sizes *sizes, const TnPackedTernary *w, gboolean rounded)
{
  static const float one = 1.0f;
  const float *g = call->output_gradients[0];
  float *weights = call->scratch, *room = weights + align (sizes->out * sizes->in * sizeof (float)) / sizeof (float);
  gsize piece = rounded ? MIN (sizes->tokens, PIECE_TOKENS) : sizes->tokens;
  void *scratch = rounded ? room + align (piece * sizes->out * sizeof (float)) / sizeof (float) : room;

  unpack_weights (w, rounded ? &one : w->scales, !rounded && w->per_row, weights, call->threads);
  for (gsize token = 0, n; token < sizes->tokens; token += n)
    {
      TnMatrixMultiply product = {.form = TN_MULTIPLY_PLAIN, .n = sizes->in, .depth = sizes->out, .b = weights};

      n = MIN (piece, sizes->tokens - token);
      product.m = n;
      product.a = g + token * sizes->out;
      product.c = (float *) call->input_gradients[0] + token * sizes->in;
      product.adds = call->adds[0];
      if (rounded)
        {
          scale_rounded (product.a, n, sizes->out, NULL, w->scales, !w->per_row, room, call->threads);
          product.a = room;
        }
      tn_matrix_multiply (&product, call->threads, scratch);
    }
}

static void
copy_codes (const TnInt8Rows *rows, gsize n_rows, gsize width, float *out, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize row = 0; row < n_rows; row++)
    for (gsize i = 0; i < width; i++)
      out[row * width + i] = (float) rows->codes[row * rows->stride + i];
}

static void
weight_by_floats (const TnCall *call, const Sizes *sizes, const TnInt8Rows *x, gboolean rounded)
{
  gsize piece = MIN (sizes->tokens, PIECE_TOKENS);
  float *numbers = call->scratch, *room = numbers + align (piece * sizes->in * sizeof (float)) / sizeof (float);
  void *scratch = rounded ? room + align (piece * sizes->out * sizeof (float)) / sizeof (float) : room;

  for (gsize token = 0, n; token < sizes->tokens || token == 0; token += n)
    {
      TnMatrixMultiply product = {.form = TN_MULTIPLY_A_TRANSPOSED, .m = sizes->out, .n = sizes->in, .b = numbers};
      TnInt8Rows part = {.codes = x->codes + token * x->stride, .stride = x->stride, .scales = x->scales + token};

      n = MIN (piece, sizes->tokens - token);
      product.depth = n;
      product.a = (const float *) call->output_gradients[0] + token * sizes->out;
      product.c = call->input_gradients[1];
      product.adds = call->adds[1] || token > 0;
      if (rounded)
        {
          scale_rounded (product.a, n, sizes->out, part.scales, NULL, FALSE, room, call->threads);
          product.a = room;
          copy_codes (&part, n, sizes->in, numbers, call->threads);
        }
      else
        tn_int8_rows_decode (&part, n, sizes->in, numbers, call->threads);
      tn_matrix_multiply (&product, call->threads, scratch);
      if (n == 0)
        break;
    }
}

static void
bit_linear_backward (const TnCall *call)
{
  const TnBitLinearOptions *options = call->attributes;
  Sizes sizes = get_sizes (&call->input_infos[0].shape, &call->input_infos[1].shape);
  TnPackedTernary w;
  TnInt8Rows x;

  tn_packed_rows_place (&x, &call->input_infos[0].shape, call->inputs[0]);
  tn_packed_ternary_get (&w, &call->input_infos[1].shape, call->inputs[1]);
  if (call->input_gradients[0] != NULL && options->of_input == TN_BACKWARD_INT8)
    input_by_integers (call, &sizes, &w);
  else if (call->input_gradients[0] != NULL)
    input_by_floats (call, &sizes, &w, options->of_input == TN_BACKWARD_BF16);
  if (call->input_gradients[1] != NULL && options->of_weight == TN_BACKWARD_INT8)
    tn_token_product (&(TnTokenProduct){.n_tokens = sizes.tokens,
                                        .m = sizes.out,
                                        .n = sizes.in,
                                        .a = call->output_gradients[0],
                                        .x = &x,
                                        .c = call->input_gradients[1],
                                        .adds = call->adds[1],
                                        .key = get_key (call, 1)},
                      call->scratch, call->threads);
  else if (call->input_gradients[1] != NULL)
    weight_by_floats (call, &sizes, &x, options->of_weight == TN_BACKWARD_BF16);
}

TnValue *
tn_tape_bit_linear (TnTape *tape, TnValue *x, TnValue *w, const TnBitLinearOptions *options)
{
  static const TnFunction function = {.name = "bit linear",
                                      .attribute_bytes = sizeof (TnBitLinearOptions),
                                      .infer = infer_bit_linear,
                                      .forward = bit_linear_forward,
                                      .backward = bit_linear_backward};
  static const TnBitLinearOptions exact = {.of_input = TN_BACKWARD_FP32};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, w}, 2, options != NULL ? options : &exact, NULL);
}
