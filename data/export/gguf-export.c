/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/export/export-bytes.h"
#include "data/export/export-private.h"
#include "data/export/export-selection.h"
#include "data/export/gguf-keys.h"
#include "data/files/quote.h"
#include "data/models/gguf-types.h"
#include "data/models/model-file-private.h"

static const TnDtype written_types[] = {TN_DTYPE_TQ2_0, TN_DTYPE_TQ1_0, TN_DTYPE_Q4_0, TN_DTYPE_Q4_1, TN_DTYPE_Q5_0,
                                        TN_DTYPE_Q5_1,  TN_DTYPE_Q8_0,  TN_DTYPE_F16,  TN_DTYPE_BF16, TN_DTYPE_F32};

TnDtype
tn_export_type_parse (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (written_types); i++)
    if (g_ascii_strcasecmp (name, tn_gguf_type_of (written_types[i])->name) == 0)
      return written_types[i];
  return TN_DTYPE_INVALID;
}

static gboolean
is_float (TnDtype dtype)
{
  return dtype == TN_DTYPE_F32 || dtype == TN_DTYPE_F16 || dtype == TN_DTYPE_BF16;
}

/* Largest magnitude of codes counted from zero. */
static int
largest_code (const TnScheme *scheme)
{
  if (scheme->kind != TN_SCHEME_INTEGER)
    return 1;
  return scheme->asymmetric ? (1 << scheme->bits) - 1 : (1 << (scheme->bits - 1)) - 1;
}

/* Codes that a block form holds in both directions; 0: its scales are no plain factors. */
static int
code_range (TnDtype dtype)
{
  switch ((guint) dtype)
    {
    case TN_DTYPE_TQ1_0:
    case TN_DTYPE_TQ2_0:
      return 1;
    case TN_DTYPE_Q4_0:
      return 7;
    case TN_DTYPE_Q5_0:
      return 15;
    case TN_DTYPE_Q8_0:
      return 127;
    default:
      return 0;
    }
}

/* scheme NULL: the type's own rounding. */
static gboolean
fits_type (TnDtype dtype, const TnScheme *scheme, guint64 columns)
{
  gsize block = tn_dtype_block_elements (dtype);

  if (columns % block != 0)
    return FALSE;
  if (scheme == NULL || is_float (dtype))
    return TRUE;
  return largest_code (scheme) <= code_range (dtype) && (scheme->granularity != TN_PER_GROUP || scheme->group_size % block == 0);
}

static TnDtype
type_of_scheme (const TnScheme *scheme)
{
  int largest = largest_code (scheme);

  if (largest == 1 && scheme->kind != TN_SCHEME_INTEGER)
    return TN_DTYPE_TQ2_0;
  return largest <= code_range (TN_DTYPE_Q4_0) ? TN_DTYPE_Q4_0 : TN_DTYPE_Q8_0;
}

static gboolean
set_misfit (const TnModelTensor *entry, TnDtype dtype, const TnScheme *scheme, GError **error)
{
  guint64 columns = tn_tensor_columns (entry->tensor);
  g_autofree char *quoted = tn_quote_string (entry->name);
  g_autofree char *name = scheme != NULL ? tn_scheme_to_string (scheme) : NULL;
  g_autoptr (GString) fitting = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (written_types); i++)
    if (fits_type (written_types[i], scheme, columns))
      g_string_append_printf (fitting, "%s%s", fitting->len > 0 ? ", " : "", tn_gguf_type_of (written_types[i])->name);
  if (columns % tn_dtype_block_elements (dtype) != 0)
    g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
                 _ ("tensor %s: rows of %" PRIu64
                    " elements do not fit %s, whose blocks have %zu; --type can be %s here, or a plan "
                    "can keep the tensor"),
                 quoted, columns, tn_gguf_type_of (dtype)->name, tn_dtype_block_elements (dtype), fitting->str);
  else
    g_set_error (
        error, TN_ERROR, TN_ERROR_SHAPE,
        _ ("tensor %s: %s cannot hold the codes and scales of scheme %s; --type can be %s here, or a plan can keep the tensor"),
        quoted, tn_gguf_type_of (dtype)->name, name, fitting->str);
  return FALSE;
}

/* What is not quantized. Vectors are F32 there, as every reader of GGUF wants them. */
static void
keep_tensor (TnModelFile *source, TnExportItem *item)
{
  const TnTensor *tensor = item->source->tensor;
  gboolean is_gguf = strcmp (source->format, "gguf") == 0;

  item->form = is_gguf || (is_float (tensor->dtype) && (tensor->n_dims > 1 || tensor->dtype == TN_DTYPE_F32)) ? TN_EXPORT_COPY
                                                                                                              : TN_EXPORT_NUMBERS;
  item->dtype = item->form == TN_EXPORT_COPY ? tensor->dtype : TN_DTYPE_F32;
}

static gboolean
choose_form (TnModelFile *source, TnExportItem *item, const TnSelection *selection, const TnExportOptions *options,
             GError **error)
{
  const TnScheme *scheme = selection->select == TN_SELECT_SCHEME ? &selection->scheme : NULL;
  TnDtype dtype = options->type;

  if (selection->select == TN_SELECT_KEEP)
    {
      keep_tensor (source, item);
      return TRUE;
    }
  if (dtype == TN_DTYPE_INVALID)
    dtype = type_of_scheme (scheme);
  if (!fits_type (dtype, scheme, tn_tensor_columns (item->source->tensor)))
    return set_misfit (item->source, dtype, scheme, error);
  item->dtype = dtype;
  item->form = scheme == NULL ? TN_EXPORT_NUMBERS : is_float (dtype) ? TN_EXPORT_VALUES : TN_EXPORT_BLOCKS;
  if (scheme != NULL)
    item->scheme = *scheme;
  return TRUE;
}

/* Tensors that GGUF has no place for: the head of a model that takes its embedding, tables of frequencies that follow from the
 * keys. */
static gboolean
is_left_out (TnModelFile *source, const TnModelTensor *entry)
{
  return strcmp (source->format, "gguf") != 0 &&
         ((source->config.tied && strcmp (entry->name, "output.weight") == 0) ||
          g_str_has_suffix (entry->name, "rotary_emb.inv_freq") || g_str_has_suffix (entry->name, ".weight_scale"));
}

static gboolean
check_name (TnModelFile *source, const TnModelTensor *entry, GError **error)
{
  g_autofree char *quoted = NULL;

  if (strcmp (source->format, "gguf") == 0 || g_str_has_prefix (entry->name, "blk.") ||
      strcmp (entry->name, "token_embd.weight") == 0 || strcmp (entry->name, "output_norm.weight") == 0 ||
      strcmp (entry->name, "output.weight") == 0)
    return TRUE;
  quoted = tn_quote_string (entry->source_name);
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: tensor %s has no name in a GGUF file of a llama model"),
               source->path, quoted);
  return FALSE;
}

static GPtrArray *
make_items (TnModelFile *source, const TnExportOptions *options, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_export_item_free);
  g_autofree TnSelection *selections = tn_export_select (source, options->plan, options->scheme, error);

  if (selections == NULL)
    return NULL;
  for (guint i = 0; i < tn_model_file_n_tensors (source); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (source, i);
      TnExportItem *item;

      if (is_left_out (source, entry))
        continue;
      item = tn_export_item_new (entry, strcmp (source->format, "gguf") == 0 ? entry->source_name : entry->name);
      g_ptr_array_add (items, item);
      if (!check_name (source, entry, error) || !choose_form (source, item, &selections[i], options, error) ||
          /* The architectures of BitNet rotate halves there, too. */
          (!source->bitnet.sub_norms && !tn_export_item_set_rows (item, source, TN_ROPE_INTERLEAVED, error)))
        return NULL;
      if (!tn_export_bytes_measure (item, &item->bytes, error))
        {
          g_autofree char *quoted = tn_quote_string (entry->name);

          g_prefix_error (error, _ ("tensor %s: "), quoted);
          return NULL;
        }
    }
  return g_steal_pointer (&items);
}

typedef struct
{
  TnExportItem *item;
  TnExportRun *run;
} Content;

static gboolean
write_content (TnAtomicFile *file, gpointer user_data, GError **error)
{
  Content *content = user_data;

  return tn_export_bytes_write (content->item, content->run, file, error);
}

static guint32
type_number (const TnExportItem *item, TnGguf *gguf)
{
  return item->form == TN_EXPORT_COPY && gguf != NULL ? tn_gguf_find_entry (gguf, item->name)->type_id
                                                      : tn_gguf_type_of (item->dtype)->id;
}

/* contents: as many as items; they must live until the file is written. */
static gboolean
add_tensors (TnGgufWriter *writer, GPtrArray *items, TnGguf *gguf, Content *contents, TnExportRun *run, GError **error)
{
  for (guint i = 0; i < items->len; i++)
    {
      TnExportItem *item = g_ptr_array_index (items, i);
      const TnTensor *tensor = item->source->tensor;
      guint64 dims[TN_TENSOR_MAX_DIMS];

      contents[i] = (Content){item, run};
      for (guint k = 0; k < tensor->n_dims; k++)
        dims[k] = tensor->shape[tensor->n_dims - 1 - k];
      if (!tn_gguf_writer_add_content (writer, item->name, type_number (item, gguf), tensor->n_dims, dims, item->bytes,
                                       write_content, &contents[i], error))
        return FALSE;
    }
  return TRUE;
}

/* The file has the keys that were meant, and the tensors. */
static gboolean
verify (const char *readable, const char *path, GPtrArray *items, TnGgufKeys *keys, TnExportRun *run, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (readable, error);
  g_autoptr (TnGguf) gguf = file != NULL ? tn_gguf_open (file, error) : NULL;
  g_autoptr (TnModelFile) model = gguf != NULL ? tn_model_file_open (readable, error) : NULL;

  if (model == NULL || !tn_gguf_keys_compare (keys, gguf, error))
    return FALSE;
  if (tn_gguf_n_entries (gguf) != items->len)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: %u tensors were written and %u are read"), path, items->len,
                   tn_gguf_n_entries (gguf));
      return FALSE;
    }
  return tn_export_verify_items (model, path, items, 0, run, error) && tn_model_file_check (model, error);
}

gboolean
tn_export_gguf (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run, TnExportResult *result,
                GError **error)
{
  g_autoptr (GPtrArray) items = make_items (source, options, error);
  g_autoptr (TnAtomicFile) file = NULL;
  g_autoptr (TnGgufWriter) writer = NULL;
  g_autoptr (TnGgufKeys) keys = NULL;
  g_autofree Content *contents = NULL;
  const char *readable;

  if (items == NULL || (source->bitnet.sub_norms && !tn_export_check_bitnet (items, error)))
    return FALSE;
  keys = tn_gguf_keys_new (source, items, options, run->listener, error);
  if (keys == NULL || (file = tn_atomic_file_create (path, error)) == NULL)
    return FALSE;
  contents = g_new0 (Content, items->len + 1);
  writer = tn_gguf_writer_new ();
  tn_export_begin (run, items);
  if (!tn_gguf_keys_write (keys, writer, error) ||
      !add_tensors (writer, items, tn_gguf_keys_get_source (keys), contents, run, error) ||
      !tn_gguf_writer_write_to (writer, file, error) || !tn_model_file_check (source, error) ||
      (readable = tn_atomic_file_get_readable (file, error)) == NULL)
    return FALSE;
  if (!verify (readable, path, items, keys, run, error))
    return tn_export_fail (readable, path, error);
  tn_export_result_fill (result, items, tn_atomic_file_tell (file));
  return tn_atomic_file_commit (file, error);
}
