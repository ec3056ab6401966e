/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/packed-content.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/models/packed-tensor.h"
#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/quant/packing.h"

struct _TnPackedContent
{
  TnExportItem *item;
  TnExportRun *run;
  TnPackedLayout layout;
  TnAtomicFile *file; /* while a part is written */
  GByteArray *buffer;
  gint8 *codes; /* of a chunk, while codes are written */
  gboolean first_unit;
  guint32 code_sum, scale_sum;
};

TnPackedContent *
tn_packed_content_new (TnExportItem *item, TnExportRun *run, GError **error)
{
  g_autoptr (TnPackedContent) self = g_new0 (TnPackedContent, 1);
  guint64 bytes, units;

  self->item = item;
  self->run = run;
  self->buffer = g_byte_array_new ();
  tn_packed_layout_init (&self->layout, &item->scheme, item->source->tensor);
  if (!tn_packed_layout_measure (&self->layout, &bytes, &units))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_SHAPE, _ ("the groups of the scheme do not divide its rows"));
      return NULL;
    }
  item->bytes = bytes + units * (sizeof (float) + (item->scheme.asymmetric ? 1 : 0));
  return g_steal_pointer (&self);
}

void
tn_packed_content_free (TnPackedContent *self)
{
  if (self == NULL)
    return;
  g_byte_array_unref (self->buffer);
  g_free (self);
}

static gboolean
flush (TnPackedContent *self, guint32 *sum, GError **error)
{
  if (sum != NULL)
    *sum = tn_crc32c (*sum, self->buffer->data, self->buffer->len);
  return tn_atomic_file_write (self->file, self->buffer->data, self->buffer->len, error);
}

/* What is added to codes, which count from the zero point, to get the stored ones: the stored zero point. */
static gint
zero_point_of (const TnPackedContent *self, const TnRounding *unit)
{
  return self->layout.asymmetric ? (gint) -unit->low - (1 << (self->layout.bits - 1)) : 0;
}

/* Rows in bytes of their own. */
static void
pack_rows (TnPackedContent *self, const TnExportChunk *chunk)
{
  gsize columns = (gsize) chunk->columns, row_bytes = tn_pack_bits_row_bytes (self->layout.bits, columns);

  g_byte_array_set_size (self->buffer, (guint) (chunk->n_rows * row_bytes));
  for (guint64 row = 0; row < chunk->n_rows; row++)
    tn_pack_bits (self->layout.bits, self->codes + row * columns, columns, self->buffer->data + row * row_bytes);
}

static gboolean
write_code_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;
  gsize n = (gsize) (chunk->n_rows * chunk->columns);
  gsize unit = chunk->units_per_row > 0 ? (gsize) (chunk->columns / chunk->units_per_row) : 0;
  gsize wrong = 0;

  /* The first chunk is the largest. */
  if (self->codes == NULL && (self->codes = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, n, error)) == NULL)
    return FALSE;
  for (guint64 i = 0; i < chunk->n_rows * chunk->units_per_row; i++)
    wrong += tn_codes_narrow (chunk->codes + i * unit, unit, zero_point_of (self, &chunk->units[i]), self->codes + i * unit);
  g_return_val_if_fail (wrong == 0, FALSE);
  if (self->layout.packing == TN_PACKING_BITS)
    pack_rows (self, chunk);
  else if (self->layout.packing == TN_PACKING_TERNARY)
    {
      g_byte_array_set_size (self->buffer, (guint) tn_pack_ternary2_bytes (n));
      tn_pack_ternary2 (self->codes, n, self->buffer->data);
    }
  else
    {
      g_byte_array_set_size (self->buffer, 0);
      g_byte_array_append (self->buffer, (const guint8 *) self->codes, (guint) n);
    }
  return flush (self, &self->code_sum, error);
}

static gboolean
write_codes (TnAtomicFile *file, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;
  gboolean written;

  self->file = file;
  self->code_sum = 0;
  written = tn_export_item_visit (self->item, FALSE, self->run, write_code_chunk, self, error);
  g_clear_pointer ((TnBlock **) &self->codes, tn_block_free);
  return written;
}

/* The units of a tensor with one scale are all the same. */
static guint64
units_of (TnPackedContent *self, const TnExportChunk *chunk)
{
  guint64 n = chunk->n_rows * chunk->units_per_row;

  if (self->layout.unit > 0)
    return n;
  n = self->first_unit ? 0 : MIN (n, 1);
  self->first_unit |= n > 0;
  return n;
}

static gboolean
write_scale_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;
  guint64 n = units_of (self, chunk);

  g_byte_array_set_size (self->buffer, 0);
  for (guint64 i = 0; i < n; i++)
    g_byte_array_append (self->buffer, (const guint8 *) &chunk->units[i].scale, sizeof (float));
  return flush (self, &self->scale_sum, error);
}

static gboolean
write_zero_point_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;
  guint64 n = units_of (self, chunk);

  g_byte_array_set_size (self->buffer, 0);
  for (guint64 i = 0; i < n; i++)
    {
      gint8 zero_point = (gint8) zero_point_of (self, &chunk->units[i]);

      g_byte_array_append (self->buffer, (const guint8 *) &zero_point, 1);
    }
  return flush (self, NULL, error);
}

static gboolean
write_units (TnPackedContent *self, TnAtomicFile *file, TnExportChunkFunc func, GError **error)
{
  self->file = file;
  self->first_unit = FALSE;
  return tn_export_item_visit (self->item, TRUE, self->run, func, self, error);
}

static gboolean
write_scales (TnAtomicFile *file, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;

  self->scale_sum = 0;
  return write_units (self, file, write_scale_chunk, error);
}

static gboolean
write_zero_points (TnAtomicFile *file, gpointer user_data, GError **error)
{
  return write_units (user_data, file, write_zero_point_chunk, error);
}

gboolean
tn_packed_content_add (TnPackedContent *self, TnSafetensorsWriter *writer, GError **error)
{
  const TnPackedLayout *layout = &self->layout;
  g_autofree char *scale_name = g_strconcat (self->item->name, TN_PACKED_SCALE_SUFFIX, NULL);
  g_autofree char *zero_name = g_strconcat (self->item->name, TN_PACKED_ZERO_POINT_SUFFIX, NULL);
  guint64 code_shape[TN_TENSOR_MAX_DIMS], shape[2];
  guint n_code_dims = tn_packed_layout_codes (layout, code_shape), n_dims = tn_packed_layout_scales (layout, shape);

  return tn_safetensors_writer_add_content (writer, self->item->name,
                                            layout->packing == TN_PACKING_INT8 ? TN_DTYPE_I8 : TN_DTYPE_U8, n_code_dims,
                                            code_shape, write_codes, self, error) &&
         tn_safetensors_writer_add_content (writer, scale_name, TN_DTYPE_F32, n_dims, shape, write_scales, self, error) &&
         (!layout->asymmetric ||
          tn_safetensors_writer_add_content (writer, zero_name, TN_DTYPE_I8, n_dims, shape, write_zero_points, self, error));
}

static void
add_text (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_number (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) value);
}

void
tn_packed_content_describe (TnPackedContent *self, JsonBuilder *builder)
{
  const TnPackedLayout *layout = &self->layout;
  g_autofree char *scheme = tn_scheme_to_string (&self->item->scheme);
  g_autofree char *code_sum = g_strdup_printf ("%08" PRIx32, self->code_sum);
  g_autofree char *scale_sum = g_strdup_printf ("%08" PRIx32, self->scale_sum);

  json_builder_begin_object (builder);
  add_text (builder, "scheme", scheme);
  add_text (builder, "packing", tn_packing_get_name (layout->packing));
  add_number (builder, "bits", layout->bits);
  add_number (builder, "unit", layout->unit);
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (guint i = 0; i < layout->n_dims; i++)
    json_builder_add_int_value (builder, (gint64) layout->shape[i]);
  json_builder_end_array (builder);
  add_text (builder, "crc32c", code_sum);
  add_text (builder, "scale_crc32c", scale_sum);
  json_builder_end_object (builder);
}
