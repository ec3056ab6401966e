/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/export.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/export/export-bytes.h"
#include "data/export/export-private.h"
#include "data/export/export-selection.h"
#include "data/files/quote.h"
#include "data/models/gguf-types.h"
#include "data/models/model-file-private.h"
#include "data/models/packed-tensor.h"

static void
exported_tensor_free (gpointer data)
{
  TnExportedTensor *self = data;

  g_free (self->name);
  g_free (self->scheme);
  g_free (self->type);
  g_free (self);
}

void
tn_export_result_clear (TnExportResult *self)
{
  g_clear_pointer (&self->tensors, g_ptr_array_unref);
}

char *
tn_export_item_get_type (const TnExportItem *item)
{
  TnPackedLayout layout;

  if (item->form == TN_EXPORT_COPY)
    return g_strdup (item->source->dtype_name);
  if (item->form == TN_EXPORT_BITNET)
    return g_strdup ("BitNet U8");
  if (item->form != TN_EXPORT_PACKED)
    return g_strdup (tn_gguf_type_of (item->dtype)->name);
  tn_packed_layout_init (&layout, &item->scheme, item->source->tensor);
  return layout.packing == TN_PACKING_BITS ? g_strdup_printf ("%u bits", layout.bits)
                                           : g_strdup (tn_packing_get_name (layout.packing));
}

void
tn_export_result_fill (TnExportResult *result, GPtrArray *items, guint64 bytes)
{
  result->bytes = bytes;
  result->tensors = g_ptr_array_new_with_free_func (exported_tensor_free);
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      TnExportedTensor *tensor = g_new0 (TnExportedTensor, 1);

      tensor->name = g_strdup (item->source->name);
      tensor->scheme = tn_export_item_is_rounded (item) ? tn_scheme_to_string (&item->scheme) : NULL;
      tensor->type = tn_export_item_get_type (item);
      tensor->bytes = item->bytes;
      tensor->sqnr_db = tn_export_item_sqnr_db (item);
      tensor->scale_change = item->sums.scale_change;
      g_ptr_array_add (result->tensors, tensor);
    }
}

gboolean
tn_export_item_set_rows (TnExportItem *item, TnModelFile *source, TnRopeLayout layout, GError **error)
{
  const TnLlamaConfig *config = &source->config;

  if (source->cannot_run != NULL || config->rope_layout == layout ||
      (!g_str_has_suffix (item->source->name, ".attn_q.weight") && !g_str_has_suffix (item->source->name, ".attn_k.weight")))
    return TRUE;
  if (config->rope_dim != config->head_dim || tn_tensor_rows (item->source->tensor) % config->head_dim != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: %u of the %u dimensions of a head are rotated; the new file cannot say that"), source->path,
                   config->rope_dim, config->head_dim);
      return FALSE;
    }
  item->order = layout == TN_ROPE_INTERLEAVED ? TN_ROWS_INTERLEAVED : TN_ROWS_HALVED;
  item->head_dim = config->head_dim;
  return TRUE;
}

static gboolean
is_ternary_a_row (const TnScheme *scheme)
{
  return scheme->granularity != TN_PER_GROUP &&
         (scheme->kind != TN_SCHEME_INTEGER || (scheme->bits == 2 && !scheme->asymmetric));
}

gboolean
tn_export_check_bitnet (GPtrArray *items, GError **error)
{
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      g_autofree char *quoted = NULL, *name = NULL;

      if (!tn_export_item_is_rounded (item) || !tn_export_is_linear (item->source) || is_ternary_a_row (&item->scheme))
        continue;
      quoted = tn_quote_string (item->source->name);
      name = tn_scheme_to_string (&item->scheme);
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("tensor %s: the model is a BitNet, whose linear layers are ternary with one scale a tensor or row, not %s; ternion "
                      "eval measures that without a file"),
                   quoted, name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_stored_ternary (const TnModelTensor *entry)
{
  switch ((guint) entry->tensor->dtype)
    {
    case TN_DTYPE_TERNARY:
    case TN_DTYPE_TQ1_0:
    case TN_DTYPE_TQ2_0:
      return TRUE;
    default:
      return g_str_has_prefix (entry->dtype_name, "ternary") || strcmp (entry->dtype_name, "I2_S") == 0;
    }
}

/* Only a level of least squares is the one that is there. */
static gboolean
changes_level (const TnScheme *scheme)
{
  return scheme->kind == TN_SCHEME_TERNARY && scheme->rule != TN_RULE_LEAST_SQUARES && scheme->rule != TN_RULE_LLOYD;
}

static void
warn_of_second_rounding (TnExportRun *run, GPtrArray *items)
{
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      g_autofree char *quoted = NULL, *text = NULL;

      if (!tn_export_item_is_rounded (item) || !tn_export_is_rounded_already (item->source->tensor) ||
          (is_stored_ternary (item->source) && !changes_level (&item->scheme)))
        continue;
      quoted = tn_quote_string (item->source->name);
      text = g_strdup_printf (
          is_stored_ternary (item->source)
              ? _ ("tensor %s is ternary already, and its scheme gives it another scale; ternary:ls keeps the one it has")
              : _ ("tensor %s has rounded weights already; they are rounded a second time"),
          quoted);
      tn_listener_event (run->listener, "warning", text);
      return;
    }
}

void
tn_export_begin (TnExportRun *run, GPtrArray *items)
{
  warn_of_second_rounding (run, items);
  run->done = run->total = 0;
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);

      run->total += 2.0 * (double) item->source->tensor->bytes;
    }
}

gboolean
tn_export_fail (const char *temporary, const char *path, GError **error)
{
  g_autoptr (GString) message = NULL;

  if (error == NULL || *error == NULL || temporary == NULL)
    return FALSE;
  message = g_string_new ((*error)->message);
  g_string_replace (message, temporary, path, 0);
  g_free ((*error)->message);
  (*error)->message = g_string_free (g_steal_pointer (&message), FALSE);
  return FALSE;
}

gboolean
tn_export_verify_items (TnModelFile *written, const char *path, GPtrArray *items, guint n_more, TnExportRun *run, GError **error)
{
  if (tn_model_file_n_tensors (written) != items->len + n_more)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: %u tensors were written and %u are read"), path, items->len + n_more,
                   tn_model_file_n_tensors (written));
      return FALSE;
    }
  for (guint i = 0; i < items->len; i++)
    {
      TnExportItem *item = g_ptr_array_index (items, i);
      const TnModelTensor *entry = tn_model_file_find_tensor (written, item->name);

      if (entry == NULL)
        {
          g_autofree char *quoted = tn_quote_string (item->name);

          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: tensor %s was written and is not there"), path, quoted);
          return FALSE;
        }
      if (!tn_export_item_compare (item, run, entry->tensor, error))
        {
          g_prefix_error (error, "%s: ", path);
          return FALSE;
        }
    }
  return TRUE;
}
