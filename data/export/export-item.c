/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/export-item.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/quote.h"
#include "engine/device/device.h"
#include "engine/error.h"

/* Of a chunk: what stands between the passes stays small beside any model. */
#define CHUNK_ELEMENTS ((guint64) 1 << 19)

/* Chunks end where codes of any number of bits fill a byte. */
#define CHUNK_ROWS ((guint64) 8)

typedef struct
{
  TnExportItem *item;
  TnExportRun *run;
  gboolean units_only;
  TnCoder *coder; /* of forms with a scheme */
  guint64 first, n, columns, units_per_row;
  gint16 *codes, *source_codes;     /* the same memory where rows keep their order */
  TnRounding *units, *source_units; /* likewise */
  float *values, *source_values;    /* likewise; source_values of NUMBERS only */
  TnCodeSums sums;
  gboolean ok;
  GError *error;
} Visit;

TnExportItem *
tn_export_item_new (const TnModelTensor *source, const char *name)
{
  TnExportItem *self = g_new0 (TnExportItem, 1);

  self->source = source;
  self->name = g_strdup (name);
  return self;
}

void
tn_export_item_free (TnExportItem *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self);
}

gboolean
tn_export_item_is_rounded (const TnExportItem *self)
{
  return self->form != TN_EXPORT_COPY && self->form != TN_EXPORT_NUMBERS;
}

double
tn_export_item_sqnr_db (const TnExportItem *self)
{
  if (self->form == TN_EXPORT_COPY)
    return (double) NAN;
  return self->sums.error_square > 0.0 ? 10.0 * log10 (self->sums.square / self->sums.error_square) : (double) INFINITY;
}

/* Where row k of a head comes from. */
static guint64
source_row (TnRowOrder order, guint64 head_dim, guint64 row)
{
  guint64 head = row / head_dim * head_dim, k = row % head_dim, half = head_dim / 2;

  switch (order)
    {
    case TN_ROWS_INTERLEAVED:
      return head + k % 2 * half + k / 2;
    case TN_ROWS_HALVED:
      return head + k % half * 2 + k / half;
    case TN_ROWS_KEPT:
    default:
      return row;
    }
}

/* Chunks hold whole heads where rows move inside of them. */
static void
reorder (const Visit *self, const void *from, void *to, gsize row_bytes)
{
  if (from == to)
    return;
  for (guint64 i = 0; i < self->n; i++)
    memcpy ((guint8 *) to + i * row_bytes,
            (const guint8 *) from + source_row (self->item->order, self->item->head_dim, i) * row_bytes, row_bytes);
}

static void
start_on_compute_thread (gpointer user_data)
{
  Visit *self = user_data;
  const TnExportItem *item = self->item;
  TnCodeStorage storage = {
      .scales = item->form == TN_EXPORT_BLOCKS ? TN_DTYPE_F16 : TN_DTYPE_F32,
      .values = item->form == TN_EXPORT_VALUES ? item->dtype : TN_DTYPE_F32,
  };

  self->coder = tn_coder_new (item->source->tensor, &item->scheme, &storage, self->run->cancellable, &self->error);
  self->ok = self->coder != NULL;
}

static void
multiply (const Visit *self)
{
  guint64 unit = self->units_per_row > 0 ? self->columns / self->units_per_row : 0;

  for (guint64 i = 0; i < self->n * self->units_per_row; i++)
    for (guint64 k = i * unit; k < (i + 1) * unit; k++)
      self->values[k] = (float) self->codes[k] * self->units[i].scale;
}

static void
read_on_compute_thread (gpointer user_data)
{
  Visit *self = user_data;
  const TnTensor *tensor = self->item->source->tensor;

  if (self->coder == NULL)
    {
      tn_tensor_decode_rows (tensor, self->first, self->n, self->source_values);
      tn_tensor_release_rows (tensor, self->first, self->n);
      reorder (self, self->source_values, self->values, (gsize) self->columns * sizeof (float));
      self->ok = TRUE;
      return;
    }
  self->ok = tn_coder_read (self->coder, self->first, self->n, self->units_only ? NULL : self->source_codes, self->source_units,
                            &self->sums, self->run->cancellable, &self->error);
  if (!self->ok)
    return;
  reorder (self, self->source_units, self->units, (gsize) self->units_per_row * sizeof (TnRounding));
  if (self->units_only)
    return;
  reorder (self, self->source_codes, self->codes, (gsize) self->columns * sizeof (gint16));
  multiply (self);
}

static gboolean
run_on_compute_thread (Visit *self, TnComputeFunc func, GError **error)
{
  g_autofree char *quoted = NULL;

  tn_compute_run (func, self);
  if (self->ok)
    return TRUE;
  if (g_error_matches (self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, self->error);
      return FALSE;
    }
  quoted = tn_quote_string (self->item->source->name);
  g_propagate_prefixed_error (error, self->error, _ ("tensor %s: "), quoted);
  return FALSE;
}

static gboolean
check_finite (const Visit *self, GError **error)
{
  g_autofree char *quoted = NULL;

  if (self->sums.nonfinite == 0)
    return TRUE;
  quoted = tn_quote_string (self->item->source->name);
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("tensor %s: %" PRIu64 " of its first %" PRIu64 " elements are not finite; no scheme can round them"), quoted,
               self->sums.nonfinite, (self->first + self->n) * self->columns);
  return FALSE;
}

static gboolean
visit_chunks (Visit *self, guint64 rows, guint64 chunk_rows, TnExportChunkFunc func, gpointer user_data, GError **error)
{
  const TnTensor *tensor = self->item->source->tensor;

  for (self->first = 0; self->first < rows; self->first += self->n)
    {
      TnExportChunk chunk = {.first_row = self->first, .columns = self->columns, .units_per_row = self->units_per_row};

      if (!tn_listener_boundary (self->run->listener, error) ||
          g_cancellable_set_error_if_cancelled (self->run->cancellable, error))
        return FALSE;
      self->n = MIN (chunk_rows, rows - self->first);
      if (!run_on_compute_thread (self, read_on_compute_thread, error) || !check_finite (self, error))
        return FALSE;
      chunk.n_rows = self->n;
      chunk.values = self->values;
      chunk.codes = self->codes;
      chunk.units = self->units;
      if (!func (&chunk, user_data, error))
        return FALSE;
      if (!self->units_only)
        self->run->done += (double) tensor->bytes * (double) self->n / (double) rows;
      tn_listener_progress (self->run->listener, self->run->done, self->run->total, "bytes");
    }
  return TRUE;
}

/* Two copies where rows move. */
static void *
alloc_rows (const Visit *self, guint64 rows, gsize row_bytes, void **source, GError **error)
{
  gsize copies = self->item->order != TN_ROWS_KEPT ? 2 : 1;
  guint8 *memory = NULL;
  gsize bytes;

  if (g_size_checked_mul (&bytes, (gsize) rows, row_bytes))
    memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, copies, error);
  else
    g_set_error_literal (error, TN_ERROR, TN_ERROR_SHAPE, _ ("a row is larger than memory can be"));
  *source = memory != NULL && copies == 2 ? memory + bytes : memory;
  return memory;
}

gboolean
tn_export_item_visit (TnExportItem *item, gboolean units_only, TnExportRun *run, TnExportChunkFunc func, gpointer user_data,
                      GError **error)
{
  guint64 rows = tn_tensor_rows (item->source->tensor), columns = tn_tensor_columns (item->source->tensor);
  guint64 chunk_rows = MAX (1, CHUNK_ELEMENTS / MAX (columns, 1));
  Visit self = {.item = item, .run = run, .units_only = units_only, .columns = columns};
  g_autoptr (TnCoder) coder = NULL;
  g_autoptr (TnBlock) codes = NULL;
  g_autoptr (TnBlock) units = NULL;
  g_autoptr (TnBlock) values = NULL;

  g_return_val_if_fail (item->form != TN_EXPORT_COPY, FALSE);

  if (item->order != TN_ROWS_KEPT)
    chunk_rows = MAX (1, chunk_rows / item->head_dim) * item->head_dim;
  else
    chunk_rows = MAX (1, chunk_rows / CHUNK_ROWS) * CHUNK_ROWS;
  chunk_rows = MIN (chunk_rows, MAX (rows, 1));
  if (tn_export_item_is_rounded (item))
    {
      if (!run_on_compute_thread (&self, start_on_compute_thread, error))
        return FALSE;
      coder = self.coder;
      self.units_per_row = tn_coder_units_per_row (coder);
      units = self.units =
          alloc_rows (&self, chunk_rows, (gsize) self.units_per_row * sizeof (TnRounding), (void **) &self.source_units, error);
      if (units == NULL)
        return FALSE;
      if (!units_only)
        {
          codes = self.codes =
              alloc_rows (&self, chunk_rows, (gsize) columns * sizeof (gint16), (void **) &self.source_codes, error);
          if (codes == NULL)
            return FALSE;
        }
    }
  if (!units_only)
    {
      values = self.values =
          alloc_rows (&self, chunk_rows, (gsize) columns * sizeof (float), (void **) &self.source_values, error);
      if (values == NULL)
        return FALSE;
    }
  if (units_only && tn_coder_is_per_tensor (coder))
    rows = MIN (rows, chunk_rows);
  if (!visit_chunks (&self, rows, chunk_rows, func, user_data, error))
    return FALSE;
  if (coder != NULL && !units_only)
    item->sums = self.sums;
  return TRUE;
}

gsize
tn_export_item_row_bytes (const TnExportItem *self)
{
  const TnTensor *tensor = self->source->tensor;
  gsize block = tn_dtype_block_elements (tensor->dtype);
  guint64 columns = tn_tensor_columns (tensor);

  return block > 0 && columns % block == 0 ? (gsize) (columns / block * tn_dtype_block_bytes (tensor->dtype)) : 0;
}

void
tn_export_item_copy_rows (const TnExportItem *self, guint64 first, guint64 n, guint8 *out)
{
  const guint8 *data = self->source->tensor->data;
  gsize row_bytes = tn_export_item_row_bytes (self);

  for (guint64 i = 0; i < n; i++)
    memcpy (out + i * row_bytes, data + source_row (self->order, self->head_dim, first + i) * row_bytes, row_bytes);
}
