/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/packed-content.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/models/packed-tensor.h"
#include "engine/crc32c.h"
#include "engine/error.h"

struct _TnPackedContent
{
  TnExportItem *item;
  TnExportRun *run;
  TnPacker packer;
  TnAtomicFile *file; /* while a part is written */
  GByteArray *buffer;
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
  tn_packed_layout_init (&self->packer.layout, &item->scheme, item->source->tensor);
  if (!tn_packed_layout_measure (&self->packer.layout, &bytes, &units))
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

static gboolean
write_code_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;
  guint64 unit = chunk->units_per_row > 0 ? chunk->columns / chunk->units_per_row : 0;

  g_byte_array_set_size (self->buffer, 0);
  for (guint64 i = 0; i < chunk->n_rows * chunk->units_per_row; i++)
    tn_packer_add (&self->packer, chunk->codes + i * unit, (gsize) unit,
                   self->packer.layout.asymmetric ? (gint) -chunk->units[i].low : self->packer.layout.offset, self->buffer);
  return flush (self, &self->code_sum, error);
}

static gboolean
write_codes (TnAtomicFile *file, gpointer user_data, GError **error)
{
  TnPackedContent *self = user_data;

  self->file = file;
  self->code_sum = 0;
  if (!tn_export_item_visit (self->item, FALSE, self->run, write_code_chunk, self, error))
    return FALSE;
  g_byte_array_set_size (self->buffer, 0);
  tn_packer_end (&self->packer, self->buffer);
  return flush (self, &self->code_sum, error);
}

/* The units of a tensor with one scale are all the same. */
static guint64
units_of (TnPackedContent *self, const TnExportChunk *chunk)
{
  guint64 n = chunk->n_rows * chunk->units_per_row;

  if (self->packer.layout.unit > 0)
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
      guint8 zero_point = (guint8) -chunk->units[i].low;

      g_byte_array_append (self->buffer, &zero_point, 1);
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
  const TnPackedLayout *layout = &self->packer.layout;
  g_autofree char *scale_name = g_strconcat (self->item->name, TN_PACKED_SCALE_SUFFIX, NULL);
  g_autofree char *zero_name = g_strconcat (self->item->name, TN_PACKED_ZERO_POINT_SUFFIX, NULL);
  gboolean whole_bytes = tn_packing_get_bits (layout->packing) == 8;
  guint64 bytes, units, shape[2];
  guint n_dims = tn_packed_layout_scales (layout, shape);

  return tn_packed_layout_measure (layout, &bytes, &units) &&
         tn_safetensors_writer_add_content (writer, self->item->name,
                                            layout->packing == TN_PACKING_I8 ? TN_DTYPE_I8 : TN_DTYPE_U8,
                                            whole_bytes ? layout->n_dims : 1, whole_bytes ? layout->shape : &bytes, write_codes,
                                            self, error) &&
         tn_safetensors_writer_add_content (writer, scale_name, TN_DTYPE_F32, n_dims, shape, write_scales, self, error) &&
         (!layout->asymmetric ||
          tn_safetensors_writer_add_content (writer, zero_name, TN_DTYPE_U8, n_dims, shape, write_zero_points, self, error));
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
  const TnPackedLayout *layout = &self->packer.layout;
  g_autofree char *scheme = tn_scheme_to_string (&self->item->scheme);
  g_autofree char *code_sum = g_strdup_printf ("%08" PRIx32, self->code_sum);
  g_autofree char *scale_sum = g_strdup_printf ("%08" PRIx32, self->scale_sum);

  json_builder_begin_object (builder);
  add_text (builder, "scheme", scheme);
  add_text (builder, "packing", tn_packing_get_name (layout->packing));
  add_number (builder, "offset", (guint64) layout->offset);
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
