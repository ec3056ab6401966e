/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/packed-tensor.h"

#include <stdint.h>
#include <string.h>

#include "engine/quant/packing.h"

#define PIECE 512

static const char *const names[TN_N_PACKINGS] = {"ternary", "bits", "int8"};

const char *
tn_packing_get_name (TnPacking packing)
{
  return names[packing];
}

gboolean
tn_packing_parse (const char *name, TnPacking *packing)
{
  for (guint i = 0; i < TN_N_PACKINGS; i++)
    if (strcmp (name, names[i]) == 0)
      {
        *packing = (TnPacking) i;
        return TRUE;
      }
  return FALSE;
}

void
tn_packed_layout_init (TnPackedLayout *self, const TnScheme *scheme, const TnTensor *tensor)
{
  *self = (TnPackedLayout){.asymmetric = scheme->asymmetric, .n_dims = tensor->n_dims};
  memcpy (self->shape, tensor->shape, sizeof self->shape);
  if (scheme->granularity == TN_PER_GROUP)
    self->unit = scheme->group_size;
  else if (scheme->granularity != TN_PER_TENSOR)
    self->unit = tn_tensor_columns (tensor);
  if (scheme->kind == TN_SCHEME_TERNARY)
    {
      self->packing = TN_PACKING_TERNARY;
      self->bits = 2;
      return;
    }
  self->bits = scheme->kind == TN_SCHEME_BINARY ? 1 : scheme->bits;
  self->packing = self->bits == 8 ? TN_PACKING_INT8 : TN_PACKING_BITS;
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

  if (!measure_shape (self, &rows, &columns) || !g_uint64_checked_mul (&count, rows, columns) || count > G_MAXINT64 ||
      (self->unit > 0 && columns % self->unit != 0))
    return FALSE;
  *units = self->unit > 0 ? count / self->unit : 1;
  *bytes = self->packing == TN_PACKING_TERNARY ? tn_pack_ternary2_bytes (count) : count;
  return self->packing != TN_PACKING_BITS || tn_pack_bits_bytes (self->bits, rows, columns, bytes);
}

guint
tn_packed_layout_codes (const TnPackedLayout *self, guint64 shape[TN_TENSOR_MAX_DIMS])
{
  guint64 rows = 0, columns = 0, units;

  measure_shape (self, &rows, &columns);
  switch (self->packing)
    {
    case TN_PACKING_TERNARY:
      tn_packed_layout_measure (self, &shape[0], &units);
      return 1;
    case TN_PACKING_BITS:
      shape[0] = rows;
      shape[1] = tn_pack_bits_row_bytes (self->bits, (gsize) columns);
      return 2;
    case TN_PACKING_INT8:
    case TN_N_PACKINGS:
    default:
      memcpy (shape, self->shape, sizeof self->shape);
      return self->n_dims;
    }
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
  guint bits;
  const gint8 *zero_points; /* or NULL */
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

/* n codes of one row, from its element first on, which is element start of the tensor. */
static void
scale_codes (const TnTensor *self, guint64 start, const gint8 *codes, gsize n, float *out)
{
  const gint8 *zero_points = ((const Owner *) self->owner)->zero_points;

  for (gsize i = 0; i < n;)
    {
      guint64 unit = (start + i) / self->group_size;
      gsize stop = (gsize) MIN (n, (unit + 1) * self->group_size - start);
      gint zero = zero_points != NULL ? zero_points[unit] : 0;
      float scale = self->scales[unit];

      for (; i < stop; i++)
        out[i] = (float) (codes[i] - zero) * scale;
    }
}

static void
decode (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const Owner *owner = self->owner;
  guint64 columns = tn_tensor_columns (self);
  gsize row_bytes = tn_pack_bits_row_bytes (owner->bits, (gsize) columns);
  gint8 codes[PIECE];

  for (guint64 end = first + n; first < end;)
    {
      guint64 row = first / columns, column = first % columns;
      gsize piece = (gsize) MIN (MIN (PIECE, end - first), columns - column);

      tn_unpack_bits (owner->bits, (const guint8 *) self->data + row * row_bytes, (gsize) column, piece, codes);
      scale_codes (self, first, codes, piece, out);
      first += piece;
      out += piece;
    }
}

static void
decode_int8 (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  scale_codes (self, first, (const gint8 *) self->data + first, (gsize) n, out);
}

TnTensor *
tn_packed_tensor_new (const TnPackedLayout *layout, TnSafetensors *file, const TnSafetensorsEntry *codes,
                      const TnSafetensorsEntry *scales, const TnSafetensorsEntry *zero_points, GError **error)
{
  const float *scale_data = (const float *) (gconstpointer) scales->data;
  g_autoptr (TnBlock) copy = NULL;
  Owner *owner;
  TnTensor *self;

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
  owner->bits = layout->bits;
  owner->zero_points = zero_points != NULL ? (const gint8 *) zero_points->data : NULL;
  if (layout->packing == TN_PACKING_TERNARY)
    self = tn_tensor_new_mapped (TN_DTYPE_TERNARY, layout->n_dims, layout->shape, codes->data, codes->bytes, owner, owner_free,
                                 owner_release);
  else if (layout->packing == TN_PACKING_INT8 && zero_points == NULL)
    self = tn_tensor_new_mapped (TN_DTYPE_Q8_GROUP, layout->n_dims, layout->shape, codes->data, codes->bytes, owner, owner_free,
                                 owner_release);
  else
    self =
        tn_tensor_new_packed_mapped (layout->n_dims, layout->shape, codes->data, codes->bytes,
                                     layout->packing == TN_PACKING_INT8 ? decode_int8 : decode, owner, owner_free, owner_release);
  self->scales = scale_data;
  self->group_size = (gsize) (layout->unit > 0 ? layout->unit : MAX (self->count, 1));
  return self;
}
