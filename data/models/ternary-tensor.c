/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/ternary-tensor.h"

#include <math.h>
#include <string.h>

#include "engine/quant/packing.h"

#define I2_S_BYTES 32

/* What a tensor in another layout keeps of the one in the file. */
typedef struct
{
  TnTensor *source;
  float scale;
  guint64 stride; /* Hugging Face: rows between those of a byte */
} Wrapping;

static void
wrapping_free (gpointer data)
{
  Wrapping *self = data;

  tn_tensor_unref (self->source);
  g_free (self);
}

static void
release_source (gpointer owner, const void *start, gsize bytes)
{
  const TnTensor *source = ((Wrapping *) owner)->source;

  if (source->owner_release != NULL)
    source->owner_release (source->owner, start, bytes);
}

static TnTensor *
wrap (TnTensor *source, guint64 rows, float scale, TnTensorDecodeFunc decode)
{
  Wrapping *wrapping = g_new (Wrapping, 1);
  guint64 shape[TN_TENSOR_MAX_DIMS] = {0};
  TnTensor *self;

  if (source->n_dims > 0)
    memcpy (shape, source->shape, source->n_dims * sizeof *shape);
  *wrapping = (Wrapping){tn_tensor_ref (source), scale, source->n_dims > 0 ? shape[0] : 1};
  if (rows > 0)
    shape[0] = rows;
  self = tn_tensor_new_packed_mapped (source->n_dims, shape, source->data, source->bytes, decode, wrapping, wrapping_free,
                                      release_source);
  self->scales = &wrapping->scale;
  self->group_size = (gsize) MAX (self->count, 1);
  return self;
}

/* code: the two bits of an element. */
static inline float
get_level (guint code, float scale)
{
  return code == 3 ? NAN : (float) ((gint) code - 1) * scale;
}

static void
decode_huggingface (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const Wrapping *wrapping = self->owner;
  const guint8 *bytes = self->data;
  guint64 columns = tn_tensor_columns (self);

  while (n > 0)
    {
      guint64 row = first / columns, start = first % columns, taken = MIN (n, columns - start);
      const guint8 *line = bytes + row % wrapping->stride * columns + start;
      guint shift = 2 * (guint) (row / wrapping->stride);

      for (guint64 i = 0; i < taken; i++)
        out[i] = get_level (line[i] >> shift & 3, wrapping->scale);
      out += taken;
      first += taken;
      n -= taken;
    }
}

TnTensor *
tn_ternary_tensor_new_huggingface (TnTensor *source, guint64 rows, float scale)
{
  return wrap (source, rows, scale, decode_huggingface);
}

static void
decode_i2_s (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const guint8 *bytes = self->data;
  float scale = self->scales[0];

  for (guint64 i = first; i < first + n; i++)
    {
      guint place = (guint) (i % TN_I2_S_BLOCK);

      *out++ = get_level (bytes[i / TN_I2_S_BLOCK * I2_S_BYTES + place % 32] >> (6 - 2 * (place / 32)) & 3, scale);
    }
}

TnTensor *
tn_ternary_tensor_new_i2_s (TnTensor *source)
{
  float scale;

  memcpy (&scale, (const guint8 *) source->data + source->count / 4, sizeof scale);
  return wrap (source, 0, scale, decode_i2_s);
}

static void
decode_scaled (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const Wrapping *wrapping = self->owner;

  tn_tensor_decode (wrapping->source, first, n, out);
  for (guint64 i = 0; i < n; i++)
    out[i] *= wrapping->scale;
}

TnTensor *
tn_scaled_tensor_new (TnTensor *source, float factor)
{
  return wrap (source, 0, factor, decode_scaled);
}
