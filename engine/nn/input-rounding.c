/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/input-rounding.h"

#include <glib/gi18n-lib.h>

#include "engine/error.h"
#include "engine/kernels/row-quantize.h"

static gboolean
set_fixed (TnInputRounding *self, const TnQuantParams *params, GError **error)
{
  float scale;

  if (self->scheme.kind != TN_SCHEME_INTEGER || params->scheme.kind != TN_SCHEME_INTEGER ||
      params->scheme.bits != self->scheme.bits || params->scheme.asymmetric != self->scheme.asymmetric)
    {
      g_autofree char *found = tn_scheme_to_string (&params->scheme), *wanted = tn_scheme_to_string (&self->scheme);

      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("activations %s: the parameters are of %s, expected those of one integer scheme"), wanted, found);
      return FALSE;
    }
  scale = (float) params->scale;
  if (!isfinite ((float) params->offset))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("activations: the offset is %g, expected a finite number"),
                   params->offset);
      return FALSE;
    }
  if (!isfinite (scale) || scale < 0.0f)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("activations: the scale is %g, expected a finite number from 0"),
                   params->scale);
      return FALSE;
    }
  /* Scale 0: everything that was seen was zero. */
  self->fixed = tn_rounding_from_scale (&self->scheme, params->scale, params->zero_point);
  self->offset = (float) params->offset;
  if (self->fixed.overflow > 0.0f)
    {
      g_autofree char *name = tn_scheme_to_string (&self->scheme);

      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("Scheme %s: a scale is beyond 65504, the largest 16 bits hold; expected :f32"), name);
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_input_rounding_init (TnInputRounding *self, const TnScheme *scheme, const TnQuantParams *params, guint64 width, GError **error)
{
  g_autofree char *name = tn_scheme_to_string (scheme);

  *self = (TnInputRounding){.rounds = TRUE, .scheme = *scheme};
  switch (scheme->granularity)
    {
    case TN_PER_TENSOR:
      if (params != NULL)
        return set_fixed (self, params, error);
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("activations %s: one scale a tensor has to come from statistics; expected one a token (%s:t)"), name, name);
      return FALSE;
    case TN_PER_CHANNEL:
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("activations %s: a scale a channel cannot leave the product; expected :t, :gN or one a tensor"), name);
      return FALSE;
    case TN_PER_GROUP:
    case TN_PER_TOKEN:
    default:
      return tn_scheme_check (scheme, 1, width, error);
    }
}

gboolean
tn_input_rounding_is_int8 (const TnInputRounding *self)
{
  return self->rounds && self->scheme.kind == TN_SCHEME_INTEGER && self->scheme.bits == 8 && !self->scheme.asymmetric &&
         self->scheme.granularity == TN_PER_TOKEN && tn_scheme_get_scale_type (&self->scheme) == TN_SCALE_F32;
}

gboolean
tn_input_rounding_equal (const TnInputRounding *a, const TnInputRounding *b)
{
  if (!a->rounds || !b->rounds)
    return a->rounds == b->rounds;
  return tn_scheme_equal (&a->scheme, &b->scheme) && a->fixed.scale == b->fixed.scale && a->fixed.low == b->fixed.low &&
         a->fixed.high == b->fixed.high && a->offset == b->offset;
}

/* As the quantizer it was learned by has it: engine/autograd/estimators/element-loops.h. */
static void
round_with_offset (const TnInputRounding *self, const float *x, gsize width, float *out)
{
  for (gsize i = 0; i < width; i++)
    out[i] = x[i] - self->offset;
  tn_rounding_round (&self->fixed, out, width, out);
  for (gsize i = 0; i < width; i++)
    out[i] += self->offset;
}

static void
round_row (const TnInputRounding *self, const float *x, gsize width, float *out)
{
  gsize length = self->scheme.granularity == TN_PER_GROUP ? self->scheme.group_size : width;

  if (self->offset != 0.0f)
    {
      round_with_offset (self, x, width, out);
      return;
    }
  for (gsize start = 0; start < width; start += length)
    {
      TnRounding rounding =
          self->scheme.granularity == TN_PER_TENSOR ? self->fixed : tn_rounding_find (&self->scheme, x + start, length);

      tn_rounding_round (&rounding, x + start, length, out + start);
    }
}

void
tn_input_rounding_apply (const TnInputRounding *self, const float *x, gsize n_rows, gsize width, float *out, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads) if (n_rows > 1)
  for (gsize row = 0; row < n_rows; row++)
    round_row (self, x + row * width, width, out + row * width);
}

void
tn_input_rounding_round (const TnInputRounding *self, const float *x, gsize n_rows, gsize width, float *out, guint threads)
{
  g_autofree gint8 *codes = NULL;

  if (!tn_input_rounding_is_int8 (self))
    {
      tn_input_rounding_apply (self, x, n_rows, width, out, threads);
      return;
    }
  codes = g_new (gint8, MAX (n_rows * width, 1));
#pragma omp parallel for schedule(static) num_threads((int) threads) if (n_rows > 1)
  for (gsize row = 0; row < n_rows; row++)
    {
      gint8 *row_codes = codes + row * width;
      gint32 sum;
      float scale;

      tn_quantize_rows (x + row * width, width, 1, width, row_codes, width, &scale, &sum);
      for (gsize i = 0; i < width; i++)
        out[row * width + i] = (float) row_codes[i] * scale;
    }
}
