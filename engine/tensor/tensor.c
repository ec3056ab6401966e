/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/tensor.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"

static gboolean
count_elements (guint n_dims, const guint64 *shape, guint64 *count)
{
  gboolean empty = FALSE;

  *count = 1;
  for (guint i = 0; i < n_dims; i++)
    empty |= shape[i] == 0;
  if (empty)
    {
      *count = 0;
      return TRUE;
    }
  for (guint i = 0; i < n_dims; i++)
    if (!g_uint64_checked_mul (count, *count, shape[i]))
      return FALSE;
  return TRUE;
}

static TnTensor *
allocate (TnDtype dtype, guint n_dims, const guint64 *shape, guint64 count, guint64 bytes)
{
  TnTensor *self = g_new0 (TnTensor, 1);

  self->dtype = dtype;
  self->n_dims = n_dims;
  if (n_dims > 0)
    memcpy (self->shape, shape, n_dims * sizeof *shape);
  self->count = count;
  self->bytes = bytes;
  g_atomic_ref_count_init (&self->ref_count);
  return self;
}

TnTensor *
tn_tensor_new (TnDtype dtype, guint n_dims, const guint64 *shape, TnPurpose purpose, GError **error)
{
  guint64 count, bytes;
  TnTensor *self;
  void *block;

  if (n_dims > TN_TENSOR_MAX_DIMS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("A tensor has %u dimensions; at most %d are possible"), n_dims,
                   TN_TENSOR_MAX_DIMS);
      return NULL;
    }
  if (!count_elements (n_dims, shape, &count) || !tn_dtype_bytes (dtype, count, &bytes) || bytes > G_MAXSSIZE)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
                   _ ("A tensor of type %s has a shape whose size overflows or is no multiple of %zu elements"),
                   tn_dtype_get_name (dtype), tn_dtype_block_elements (dtype));
      return NULL;
    }
  block = tn_pool_alloc (tn_pool_default (), purpose, (gsize) bytes, error);
  if (block == NULL)
    return NULL;

  self = allocate (dtype, n_dims, shape, count, bytes);
  self->block = block;
  self->data = block;
  return self;
}

TnTensor *
tn_tensor_new_mapped (TnDtype dtype, guint n_dims, const guint64 *shape, const void *data, guint64 bytes, gpointer owner,
                      GDestroyNotify owner_unref, void (*owner_release) (gpointer owner, const void *start, gsize bytes))
{
  guint64 count;
  TnTensor *self;

  g_return_val_if_fail (n_dims <= TN_TENSOR_MAX_DIMS, NULL);
  g_return_val_if_fail (count_elements (n_dims, shape, &count), NULL);

  self = allocate (dtype, n_dims, shape, count, bytes);
  self->data = data;
  self->owner = owner;
  self->owner_unref = owner_unref;
  self->owner_release = owner_release;
  return self;
}

TnTensor *
tn_tensor_new_packed_mapped (guint n_dims, const guint64 *shape, const void *data, guint64 bytes, TnTensorDecodeFunc decode,
                             gpointer owner, GDestroyNotify owner_unref,
                             void (*owner_release) (gpointer owner, const void *start, gsize bytes))
{
  TnTensor *self = tn_tensor_new_mapped (TN_DTYPE_PACKED, n_dims, shape, data, bytes, owner, owner_unref, owner_release);

  if (self != NULL)
    self->decode = decode;
  return self;
}

TnTensor *
tn_tensor_new_packed (guint n_dims, const guint64 *shape, gsize bytes, TnPurpose purpose, TnTensorDecodeFunc decode,
                      GError **error)
{
  void *block = tn_pool_alloc (tn_pool_default (), purpose, bytes, error);
  TnTensor *self;

  if (block == NULL)
    return NULL;
  self = tn_tensor_new_packed_mapped (n_dims, shape, block, bytes, decode, NULL, NULL, NULL);
  self->block = block;
  return self;
}

TnTensor *
tn_tensor_ref (TnTensor *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_tensor_unref (TnTensor *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  tn_pool_release (tn_pool_default (), self->block);
  if (self->owner != NULL && self->owner_unref != NULL)
    self->owner_unref (self->owner);
  g_free (self);
}

void *
tn_tensor_get_writable (TnTensor *self)
{
  g_return_val_if_fail (self->block != NULL, NULL);

  return self->block;
}

guint64
tn_tensor_rows (const TnTensor *self)
{
  guint64 rows = 1;

  for (guint i = 0; i + 1 < self->n_dims; i++)
    rows *= self->shape[i];
  return rows;
}

guint64
tn_tensor_columns (const TnTensor *self)
{
  return self->n_dims == 0 ? 1 : self->shape[self->n_dims - 1];
}

void
tn_tensor_decode_rows (const TnTensor *self, guint64 first_row, guint64 n_rows, float *out)
{
  guint64 columns = tn_tensor_columns (self);

  g_return_if_fail (first_row <= tn_tensor_rows (self) && n_rows <= tn_tensor_rows (self) - first_row);

  tn_tensor_decode (self, first_row * columns, n_rows * columns, out);
}

static void
decode_groups (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const gint8 *codes = self->data;
  guint64 end = first + n;

  for (guint64 i = first; i < end;)
    {
      guint64 group = i / self->group_size;
      guint64 group_end = MIN (end, (group + 1) * self->group_size);
      float scale = self->scales[group];

      for (; i < group_end; i++)
        *out++ = (float) codes[i] * scale;
    }
}

/* out holds decoded codes. */
static void
apply_scales (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  for (guint64 i = first, end = first + n; i < end;)
    {
      guint64 group = i / self->group_size, stop = MIN (end, (group + 1) * self->group_size);
      float scale = self->scales[group];

      for (; i < stop; i++)
        *out++ *= scale;
    }
}

void
tn_tensor_decode (const TnTensor *self, guint64 first, guint64 n, float *out)
{
  const guint8 *data = self->data;
  gsize elements = tn_dtype_block_elements (self->dtype);
  gsize block_bytes = tn_dtype_block_bytes (self->dtype);

  g_return_if_fail (tn_dtype_can_decode (self->dtype));
  g_return_if_fail (first <= self->count && n <= self->count - first);

  if (n == 0)
    return;
  if (self->dtype == TN_DTYPE_PACKED)
    {
      self->decode (self, first, n, out);
      return;
    }
  if (self->dtype == TN_DTYPE_Q8_GROUP)
    {
      g_return_if_fail (self->scales != NULL && self->group_size > 0);
      decode_groups (self, first, n, out);
      return;
    }
  if (self->dtype == TN_DTYPE_TERNARY && self->scales != NULL)
    {
      TnTensor codes = *self;

      codes.scales = NULL;
      tn_tensor_decode (&codes, first, n, out);
      apply_scales (self, first, n, out);
      return;
    }
  if (first % elements != 0)
    {
      float block[TN_DTYPE_MOST_BLOCK_ELEMENTS];
      guint64 skip = first % elements;
      guint64 head = MIN (n, elements - skip);

      tn_dtype_decode (self->dtype, data + first / elements * block_bytes, (gsize) (skip + head), block);
      memcpy (out, block + skip, (gsize) head * sizeof (float));
      first += head;
      n -= head;
      out += head;
    }
  tn_dtype_decode (self->dtype, data + first / elements * block_bytes, (gsize) n, out);
}

void
tn_tensor_release (const TnTensor *self, guint64 first, guint64 n)
{
  gsize elements = tn_dtype_block_elements (self->dtype);
  gsize block_bytes = tn_dtype_block_bytes (self->dtype);
  guint64 start, end;

  g_return_if_fail (first <= self->count && n <= self->count - first);

  if (self->owner_release == NULL || n == 0)
    return;
  if (self->dtype == TN_DTYPE_PACKED && n == self->count)
    self->owner_release (self->owner, self->data, (gsize) self->bytes);
  if (elements == 0)
    return;
  start = first / elements * block_bytes;
  end = MIN (self->bytes, ((first + n - 1) / elements + 1) * block_bytes);
  self->owner_release (self->owner, (const guint8 *) self->data + start, (gsize) (end - start));
}

void
tn_tensor_release_rows (const TnTensor *self, guint64 first_row, guint64 n_rows)
{
  guint64 columns = tn_tensor_columns (self);

  g_return_if_fail (first_row <= tn_tensor_rows (self) && n_rows <= tn_tensor_rows (self) - first_row);

  tn_tensor_release (self, first_row * columns, n_rows * columns);
}

char *
tn_tensor_shape_to_string (const TnTensor *self)
{
  GString *text = g_string_new (NULL);

  if (self->n_dims == 0)
    g_string_append (text, _ ("scalar"));
  for (guint i = 0; i < self->n_dims; i++)
    {
      if (i > 0)
        /* TRANSLATORS: stands between the dimensions of a matrix, as in "64 × 172". */
        g_string_append_printf (text, " %s ", _ ("×"));
      g_string_append_printf (text, "%" G_GUINT64_FORMAT, self->shape[i]);
    }
  return g_string_free (text, FALSE);
}
