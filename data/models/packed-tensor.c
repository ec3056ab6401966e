/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/packed-tensor.h"

#include <stdint.h>
#include <string.h>

static const struct
{
  const char *name;
  guint bits;
} packings[TN_N_PACKINGS] = {{"u1", 1}, {"u2", 2}, {"u4", 4}, {"u8", 8}, {"i8", 8}};

const char *
tn_packing_get_name (TnPacking packing)
{
  return packings[packing].name;
}

gboolean
tn_packing_parse (const char *name, TnPacking *packing)
{
  for (guint i = 0; i < TN_N_PACKINGS; i++)
    if (strcmp (name, packings[i].name) == 0)
      {
        *packing = (TnPacking) i;
        return TRUE;
      }
  return FALSE;
}

guint
tn_packing_get_bits (TnPacking packing)
{
  return packings[packing].bits;
}

void
tn_packed_layout_init (TnPackedLayout *self, const TnScheme *scheme, const TnTensor *tensor)
{
  guint bits = scheme->kind == TN_SCHEME_INTEGER ? scheme->bits : 2;

  *self = (TnPackedLayout){.asymmetric = scheme->asymmetric, .n_dims = tensor->n_dims};
  memcpy (self->shape, tensor->shape, sizeof self->shape);
  if (scheme->granularity == TN_PER_GROUP)
    self->unit = scheme->group_size;
  else if (scheme->granularity != TN_PER_TENSOR)
    self->unit = tn_tensor_columns (tensor);
  if (scheme->kind == TN_SCHEME_BINARY)
    self->packing = TN_PACKING_U1;
  else if (bits == 2)
    self->packing = TN_PACKING_U2;
  else if (bits <= 4)
    self->packing = TN_PACKING_U4;
  else
    self->packing = scheme->asymmetric ? TN_PACKING_U8 : TN_PACKING_I8;
  if (!scheme->asymmetric && (self->packing == TN_PACKING_U2 || self->packing == TN_PACKING_U4))
    self->offset = (1 << (bits - 1)) - 1;
}

static gboolean
measure_shape (const TnPackedLayout *self, guint64 *rows, guint64 *columns)
{
  *rows = 1;
  for (guint i = 0; i + 1 < self->n_dims; i++)
    if (!g_uint64_checked_mul (rows, *rows, self->shape[i]))
      return FALSE;
  *columns = self->n_dims > 0 ? self->shape[self->n_dims - 1] : 1;
  return TRUE;
}

gboolean
tn_packed_layout_measure (const TnPackedLayout *self, guint64 *bytes, guint64 *units)
{
  guint64 rows, columns, count;
  guint bits = packings[self->packing].bits;

  if (!measure_shape (self, &rows, &columns) || !g_uint64_checked_mul (&count, rows, columns) || count > G_MAXUINT64 - 7 ||
      (self->unit > 0 && columns % self->unit != 0))
    return FALSE;
  *bytes = (count + 8 / bits - 1) / (8 / bits);
  *units = self->unit > 0 ? count / self->unit : 1;
  return TRUE;
}

guint
tn_packed_layout_scales (const TnPackedLayout *self, guint64 shape[2])
{
  guint64 columns = 1;

  measure_shape (self, &shape[0], &columns);
  if (self->unit == 0)
    shape[0] = 1;
  shape[1] = self->unit > 0 ? columns / self->unit : 1;
  return shape[1] == 1 ? 1 : 2;
}

/* Keeps the file, the scales where they had to be copied for their alignment, and what the decoder needs. */
typedef struct
{
  TnSafetensors *file;
  TnBlock *copy;
  TnTensor *codes; /* releases the pages of the codes */
  TnPackedLayout layout;
  const guint8 *zero_points; /* NULL: the offset */
} Owner;

static void
owner_free (gpointer data)
{
  Owner *self = data;

  tn_block_free (self->copy);
  tn_tensor_unref (self->codes);
  tn_safetensors_unref (self->file);
  g_free (self);
}

static void
owner_release (gpointer data, const void *start, gsize bytes)
{
  const TnTensor *codes = ((Owner *) data)->codes;

  codes->owner_release (codes->owner, start, bytes);
}

static void
decode (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const Owner *owner = self->owner;
  const guint8 *data = self->data;
  guint bits = packings[owner->layout.packing].bits, per_byte = 8 / bits, mask = (1u << bits) - 1;
  gint factor = bits == 1 ? 2 : 1, zero = bits == 1 ? 1 : owner->layout.offset;

  for (guint64 i = first, end = first + n; i < end;)
    {
      guint64 unit = i / self->group_size, stop = MIN (end, (unit + 1) * self->group_size);
      float scale = self->scales[unit];

      if (owner->zero_points != NULL)
        zero = owner->zero_points[unit];
      for (; i < stop; i++)
        *out++ = (float) (factor * (gint) ((data[i / per_byte] >> (i % per_byte * bits)) & mask) - zero) * scale;
    }
}

TnTensor *
tn_packed_tensor_new (const TnPackedLayout *layout, TnSafetensors *file, const TnSafetensorsEntry *codes,
                      const TnSafetensorsEntry *scales, const TnSafetensorsEntry *zero_points, GError **error)
{
  const float *scale_data = (const float *) (gconstpointer) scales->data;
  Owner *owner;
  TnTensor *self;
  g_autoptr (TnBlock) copy = NULL;

  if ((uintptr_t) scales->data % sizeof (float) != 0)
    {
      copy = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_WEIGHTS, (gsize) scales->bytes, error);
      if (copy == NULL)
        return NULL;
      memcpy (copy, scales->data, (gsize) scales->bytes);
      scale_data = copy;
    }
  owner = g_new0 (Owner, 1);
  owner->file = tn_safetensors_ref (file);
  owner->copy = g_steal_pointer (&copy);
  owner->codes = tn_safetensors_create_tensor (file, codes);
  owner->layout = *layout;
  owner->zero_points = zero_points != NULL ? zero_points->data : NULL;
  if (layout->packing == TN_PACKING_I8)
    self = tn_tensor_new_mapped (TN_DTYPE_Q8_GROUP, layout->n_dims, layout->shape, codes->data, codes->bytes, owner, owner_free,
                                 owner_release);
  else if (layout->packing == TN_PACKING_U2 && zero_points == NULL && layout->offset == 1)
    self = tn_tensor_new_mapped (TN_DTYPE_TERNARY, layout->n_dims, layout->shape, codes->data, codes->bytes, owner, owner_free,
                                 owner_release);
  else
    self = tn_tensor_new_packed_mapped (layout->n_dims, layout->shape, codes->data, codes->bytes, decode, owner, owner_free,
                                        owner_release);
  self->scales = scale_data;
  self->group_size = (gsize) (layout->unit > 0 ? layout->unit : MAX (self->count, 1));
  return self;
}

void
tn_packer_add (TnPacker *self, const gint16 *codes, gsize n, gint zero, GByteArray *out)
{
  guint bits = packings[self->layout.packing].bits, per_byte = 8 / bits;
  guint start = out->len;
  guint8 *bytes;

  g_byte_array_set_size (out, start + (guint) ((n + self->n_pending) / per_byte));
  bytes = out->data + start;
  for (gsize i = 0; i < n; i++)
    {
      guint code = bits == 1 ? codes[i] > 0 : (guint) (codes[i] + zero) & ((1u << bits) - 1);

      self->pending |= code << (self->n_pending * bits);
      if (++self->n_pending == per_byte)
        {
          *bytes++ = (guint8) self->pending;
          self->pending = 0;
          self->n_pending = 0;
        }
    }
}

void
tn_packer_end (TnPacker *self, GByteArray *out)
{
  guint8 byte = (guint8) self->pending;

  if (self->n_pending > 0)
    g_byte_array_append (out, &byte, 1);
  self->pending = 0;
  self->n_pending = 0;
}
