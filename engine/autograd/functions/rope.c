/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/rope.h"

#include <omp.h>
#include <string.h>

#include "engine/autograd/functions/real.h"
#include "engine/error.h"

typedef struct
{
  gsize length, head_dim;
  TnRopeLayout layout;
} Attributes;

void
tn_tape_rope_table (TnTape *tape, gsize length, gsize dim, double base, double scale, const float *factors, TnValue **cosines,
                    TnValue **sines)
{
  const TnShape shape = TN_SHAPE (length, dim / 2);
  gsize n = length * (dim / 2);
  g_autofree float *tables = g_new (float, 2 * n);
  g_autofree double *wide = g_new (double, 2 * n);
  gboolean is_wide = tn_tape_get_dtype (tape) == TN_DTYPE_F64;

  tn_rope_table (0, length, dim, base, scale, factors, tables, tables + n);
  for (gsize i = 0; i < 2 * n; i++)
    wide[i] = (double) tables[i];
  *cosines = tn_tape_constant (tape, TN_VALUE_FLOAT, &shape, is_wide ? (gconstpointer) wide : tables);
  *sines = tn_tape_constant (tape, TN_VALUE_FLOAT, &shape, is_wide ? (gconstpointer) (wide + n) : (tables + n));
}

gboolean
tn_rope_check_tables (const TnInference *inference, guint i, gsize length, gsize head_dim, GError **error)
{
  const TnShape *cosines = &inference->inputs[i].shape;
  g_autofree char *text = tn_shape_to_string (cosines);

  if (!tn_inference_check_kind (inference, i, "cosines", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, i + 1, "sines", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, i, "cosines", 2, error) ||
      !tn_inference_check_shape (inference, i + 1, "sines", cosines, error))
    return FALSE;
  if (cosines->dims[0] >= length && 2 * cosines->dims[1] <= head_dim)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "cosines is %s, expected at least %zu positions of at most %zu pairs", text,
               length, head_dim / 2);
  return FALSE;
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const Attributes *attributes = inference->attributes;
  const TnShape *x = &inference->inputs[0].shape;
  g_autofree char *text = tn_shape_to_string (x);

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, 0, "x", 2, error))
    return FALSE;
  if (attributes->length == 0 || attributes->head_dim == 0 || x->dims[0] % attributes->length != 0 ||
      x->dims[1] % attributes->head_dim != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "x is %s, expected whole sequences of %zu tokens and whole heads of %zu",
                   text, attributes->length, attributes->head_dim);
      return FALSE;
    }
  if (!tn_rope_check_tables (inference, 1, attributes->length, attributes->head_dim, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = *x;
  inference->reads_inputs = 1 << 1 | 1 << 2;
  inference->backward_scratch_bytes = inference->threads * x->dims[1] * tn_real_bytes (inference->dtype);
  return TRUE;
}

/* x: all heads of one row. */
static void
rotate_wide (const Attributes *attributes, double *x, gsize n_heads, gsize half, const double *cosines, const double *sines,
             double sign)
{
  gboolean interleaved = attributes->layout == TN_ROPE_INTERLEAVED;

  for (gsize head = 0; head < n_heads; head++, x += attributes->head_dim)
    for (gsize i = 0; i < half; i++)
      {
        double *a = x + (interleaved ? 2 * i : i), *b = x + (interleaved ? 2 * i + 1 : i + half), old = *a;

        *a = old * cosines[i] - sign * *b * sines[i];
        *b = sign * old * sines[i] + *b * cosines[i];
      }
}

/* Rows of an array, in place. */
static void
rotate_row (const TnCall *call, void *row, gsize index, gboolean back)
{
  const Attributes *attributes = call->attributes;
  gsize half = call->input_infos[1].shape.dims[1], place = index % attributes->length * half;
  gsize n_heads = call->input_infos[0].shape.dims[1] / attributes->head_dim;
  const float *cosines = call->inputs[1], *sines = call->inputs[2];

  if (call->dtype == TN_DTYPE_F64)
    rotate_wide (attributes, row, n_heads, half, (const double *) call->inputs[1] + place,
                 (const double *) call->inputs[2] + place, back ? -1.0 : 1.0);
  else if (back)
    tn_rope_back (attributes->layout, row, n_heads, attributes->head_dim, 2 * half, cosines + place, sines + place);
  else
    tn_rope_get_func (attributes->layout) (row, n_heads, attributes->head_dim, 2 * half, cosines + place, sines + place);
}

static void
forward (const TnCall *call)
{
  gint64 n = (gint64) call->input_infos[0].shape.dims[0];
  gsize bytes = call->input_infos[0].shape.dims[1] * tn_real_bytes (call->dtype);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      char *row = (char *) call->outputs[0] + (gsize) i * bytes;

      if (call->outputs[0] != call->inputs[0])
        memcpy (row, (const char *) call->inputs[0] + (gsize) i * bytes, bytes);
      rotate_row (call, row, (gsize) i, FALSE);
    }
}

static void
add_row (TnDtype dtype, const void *row, gsize n, void *sums)
{
  for (gsize i = 0; i < n; i++)
    if (dtype == TN_DTYPE_F64)
      ((double *) sums)[i] += ((const double *) row)[i];
    else
      ((float *) sums)[i] += ((const float *) row)[i];
}

/* Where gradients are added to what is there, rows are turned in a place of the thread's own. */
static void
backward (const TnCall *call)
{
  gint64 n = (gint64) call->input_infos[0].shape.dims[0];
  gsize width = call->input_infos[0].shape.dims[1], bytes = width * tn_real_bytes (call->dtype);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      char *place = (char *) call->input_gradients[0] + (gsize) i * bytes;
      char *row = call->adds[0] ? (char *) call->scratch + (gsize) omp_get_thread_num () * bytes : place;

      memcpy (row, (const char *) call->output_gradients[0] + (gsize) i * bytes, bytes);
      rotate_row (call, row, (gsize) i, TRUE);
      if (call->adds[0])
        add_row (call->dtype, row, width, place);
    }
}

TnValue *
tn_tape_rope (TnTape *tape, TnValue *x, TnValue *cosines, TnValue *sines, guint length, gsize head_dim, TnRopeLayout layout)
{
  static const TnFunction function = {.name = "rope",
                                      .attribute_bytes = sizeof (Attributes),
                                      .flags = TN_FUNCTION_IN_PLACE,
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};
  const Attributes attributes = {.length = length, .head_dim = head_dim, .layout = layout};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, cosines, sines}, 3, &attributes, NULL);
}
