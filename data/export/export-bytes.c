/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/export-bytes.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/mapped-file.h"
#include "data/files/quote.h"
#include "engine/error.h"
#include "engine/tensor/ggml-encode.h"

#define COPY_BYTES ((guint64) 4 << 20)

typedef struct
{
  TnExportItem *item;
  TnAtomicFile *file;
  TnBlock *bytes; /* of a chunk, encoded */
  TnBlock *small; /* codes and scales of a row */
  TnBlock *decoded;
} Writing;

static void
writing_clear (Writing *self)
{
  tn_block_free (self->bytes);
  tn_block_free (self->small);
  tn_block_free (self->decoded);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Writing, writing_clear)

gboolean
tn_export_bytes_measure (const TnExportItem *item, guint64 *bytes, GError **error)
{
  const TnTensor *tensor = item->source->tensor;

  if (item->form == TN_EXPORT_COPY)
    {
      *bytes = tensor->bytes;
      return TRUE;
    }
  if (tn_dtype_check_width (item->dtype, tn_tensor_columns (tensor), error) && tn_dtype_bytes (item->dtype, tensor->count, bytes))
    return TRUE;
  if (error != NULL && *error == NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_SHAPE, _ ("it is larger than a file can be"));
  return FALSE;
}

static gboolean
keep_block (TnBlock **block, gsize n, gsize size, GError **error)
{
  if (*block == NULL)
    *block = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, n, size, error);
  return *block != NULL;
}

/* Each row from its own codes and scales. */
static gboolean
encode_codes (Writing *self, const TnExportChunk *chunk, gsize row_bytes, GError **error)
{
  gsize block = tn_dtype_block_elements (self->item->dtype);
  gsize columns = (gsize) chunk->columns, units = (gsize) chunk->units_per_row;
  gint8 *codes;
  float *scales;

  if (!keep_block (&self->small, columns + sizeof (float), sizeof (float) + 1, error))
    return FALSE;
  scales = self->small;
  codes = (gint8 *) (scales + units);
  for (guint64 row = 0; row < chunk->n_rows; row++)
    {
      for (gsize i = 0; i < units; i++)
        scales[i] = chunk->units[row * units + i].scale;
      for (gsize i = 0; i < columns; i++)
        codes[i] = (gint8) chunk->codes[row * columns + i];
      if (!tn_ggml_encode_codes (self->item->dtype, codes, columns / block, scales, columns / block / MAX (units, 1),
                                 (guint8 *) self->bytes + row * row_bytes, error))
        {
          g_prefix_error (error, _ ("row %" PRIu64 ": "), chunk->first_row + row);
          return FALSE;
        }
    }
  return TRUE;
}

/* What the encoding lost. */
static gboolean
measure_loss (Writing *self, const TnExportChunk *chunk, GError **error)
{
  TnCodeSums *sums = &self->item->sums;
  gsize columns = (gsize) chunk->columns,
        row_bytes = columns / tn_dtype_block_elements (self->item->dtype) * tn_dtype_block_bytes (self->item->dtype);

  if (!keep_block (&self->decoded, columns, sizeof (float), error))
    return FALSE;
  for (guint64 row = 0; row < chunk->n_rows; row++)
    {
      const float *x = chunk->values + row * columns, *y = self->decoded;

      tn_dtype_decode (self->item->dtype, (guint8 *) self->bytes + row * row_bytes, columns, self->decoded);
      for (gsize i = 0; i < columns; i++)
        if (isfinite (x[i]))
          {
            sums->square += (double) x[i] * (double) x[i];
            sums->error_square += ((double) x[i] - (double) y[i]) * ((double) x[i] - (double) y[i]);
          }
        else
          sums->nonfinite++;
    }
  return TRUE;
}

static gboolean
encode_chunk (Writing *self, const TnExportChunk *chunk, gsize *bytes, GError **error)
{
  TnDtype dtype = self->item->dtype;
  gsize n = (gsize) (chunk->n_rows * chunk->columns);
  gsize row_bytes = (gsize) chunk->columns / tn_dtype_block_elements (dtype) * tn_dtype_block_bytes (dtype);

  *bytes = row_bytes * (gsize) chunk->n_rows;
  /* The first chunk is the largest. */
  if (!keep_block (&self->bytes, *bytes, 1, error))
    return FALSE;
  if (self->item->form == TN_EXPORT_BLOCKS)
    return encode_codes (self, chunk, row_bytes, error);
  return tn_dtype_encode (dtype, chunk->values, n, self->bytes, error) &&
         (self->item->form != TN_EXPORT_NUMBERS || measure_loss (self, chunk, error));
}

static void
name_tensor (const TnExportItem *item, GError **error)
{
  g_autofree char *quoted = tn_quote_string (item->source->name);

  g_prefix_error (error, _ ("tensor %s: "), quoted);
}

static gboolean
write_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  Writing *self = user_data;
  gsize bytes;

  if (!encode_chunk (self, chunk, &bytes, error))
    {
      name_tensor (self->item, error);
      return FALSE;
    }
  return tn_atomic_file_write (self->file, self->bytes, bytes, error);
}

static gboolean
step_copy (TnExportRun *run, guint64 bytes, GError **error)
{
  run->done += (double) bytes;
  tn_listener_progress (run->listener, run->done, run->total, "bytes");
  return tn_listener_boundary (run->listener, error) && !g_cancellable_set_error_if_cancelled (run->cancellable, error);
}

static void
release (const TnTensor *tensor, guint64 start, guint64 bytes)
{
  if (tensor->owner_release != NULL && bytes > 0)
    tensor->owner_release (tensor->owner, (const guint8 *) tensor->data + start, (gsize) bytes);
}

/* Rows of a COPY in chunks: bytes of the new file from one place of memory on. */
typedef gboolean (*CopyFunc) (const guint8 *data, guint64 start, gsize bytes, gpointer user_data, GError **error);

static gboolean
visit_copy (TnExportItem *item, TnExportRun *run, CopyFunc func, gpointer user_data, GError **error)
{
  const TnTensor *tensor = item->source->tensor;
  gsize unit = item->order == TN_ROWS_KEPT ? 1 : tn_export_item_row_bytes (item) * (gsize) item->head_dim;
  gsize chunk = (gsize) MAX (1, COPY_BYTES / MAX (unit, 1)) * unit;
  g_autoptr (TnBlock) moved = NULL;

  if (item->order != TN_ROWS_KEPT &&
      (moved = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) MIN (chunk, tensor->bytes), error)) == NULL)
    return FALSE;
  for (guint64 start = 0; start < tensor->bytes; start += chunk)
    {
      gsize bytes = (gsize) MIN (chunk, tensor->bytes - start), row_bytes = tn_export_item_row_bytes (item);
      const guint8 *data = (const guint8 *) tensor->data + start;

      if (moved != NULL)
        {
          tn_export_item_copy_rows (item, start / row_bytes, bytes / row_bytes, moved);
          data = moved;
        }
      if (!func (data, start, bytes, user_data, error))
        return FALSE;
      release (tensor, start, bytes);
      if (!step_copy (run, bytes, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_copy (const guint8 *data, guint64 start, gsize bytes, gpointer user_data, GError **error)
{
  return tn_atomic_file_write (user_data, data, bytes, error);
}

gboolean
tn_export_bytes_write (TnExportItem *item, TnExportRun *run, TnAtomicFile *file, GError **error)
{
  g_auto (Writing) self = {.item = item, .file = file};

  if (item->form == TN_EXPORT_COPY)
    return visit_copy (item, run, write_copy, file, error);
  item->sums = (TnCodeSums){0};
  return tn_export_item_visit (item, FALSE, run, write_chunk, &self, error);
}

typedef struct
{
  Writing writing; /* to encode what a form rounds again */
  const TnTensor *written;
  TnBlock *values; /* of a row of it */
} Comparison;

static void
comparison_clear (Comparison *self)
{
  writing_clear (&self->writing);
  tn_block_free (self->values);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Comparison, comparison_clear)

static gboolean
set_different (const TnExportItem *item, guint64 row, GError **error)
{
  g_autofree char *quoted = tn_quote_string (item->source->name);

  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("tensor %s: row %" PRIu64 " reads differently from what was written; the file is not kept"), quoted, row);
  return FALSE;
}

/* The values that rows of the chunk have to read as, in place of what they were before encoding. */
static gboolean
expect_values (Comparison *self, const TnExportChunk *chunk, guint64 row, float *expected, GError **error)
{
  const TnExportItem *item = self->writing.item;
  gsize columns = (gsize) chunk->columns;
  const float *values = chunk->values + row * columns;

  if (item->form == TN_EXPORT_NUMBERS || item->form == TN_EXPORT_VALUES)
    {
      if (!keep_block (&self->writing.bytes, columns + sizeof (float), sizeof (float), error) ||
          !tn_dtype_encode (item->dtype, values, columns, self->writing.bytes, error))
        return FALSE;
      tn_dtype_decode (item->dtype, self->writing.bytes, columns, expected);
    }
  else
    memcpy (expected, values, columns * sizeof (float));
  return TRUE;
}

static gboolean
compare_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  Comparison *self = user_data;
  gsize columns = (gsize) chunk->columns;
  float *found, *expected;

  if (!keep_block (&self->values, columns, 2 * sizeof (float), error))
    return FALSE;
  found = self->values;
  expected = found + columns;
  for (guint64 row = 0; row < chunk->n_rows; row++)
    {
      if (!expect_values (self, chunk, row, expected, error))
        return FALSE;
      tn_tensor_decode_rows (self->written, chunk->first_row + row, 1, found);
      for (gsize i = 0; i < columns; i++)
        /* Zeros of both signs are the same number. */
        if (memcmp (&found[i], &expected[i], sizeof (float)) != 0 && found[i] != expected[i])
          return set_different (self->writing.item, chunk->first_row + row, error);
    }
  tn_tensor_release_rows (self->written, chunk->first_row, chunk->n_rows);
  return TRUE;
}

static gboolean
compare_copy (const guint8 *data, guint64 start, gsize bytes, gpointer user_data, GError **error)
{
  Comparison *self = user_data;
  gsize row_bytes = MAX (tn_export_item_row_bytes (self->writing.item), 1);

  if (memcmp ((const guint8 *) self->written->data + start, data, bytes) != 0)
    return set_different (self->writing.item, start / row_bytes, error);
  release (self->written, start, bytes);
  return TRUE;
}

gboolean
tn_export_item_compare (TnExportItem *item, TnExportRun *run, const TnTensor *written, GError **error)
{
  g_auto (Comparison) self = {.writing = {.item = item}, .written = written};
  const TnTensor *source = item->source->tensor;
  gboolean same;

  if (written->n_dims != source->n_dims || memcmp (written->shape, source->shape, source->n_dims * sizeof (guint64)) != 0 ||
      (item->form == TN_EXPORT_COPY && written->bytes != source->bytes))
    return set_different (item, 0, error);
  if (item->form == TN_EXPORT_COPY)
    return visit_copy (item, run, compare_copy, &self, error);
  same = tn_export_item_visit (item, FALSE, run, compare_chunk, &self, error);
  /* Layouts without rows are released as a whole. */
  tn_tensor_release (written, 0, written->count);
  return same;
}
