/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/dataset-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/data-files.h"
#include "data/tokenizers/utf8.h"
#include "engine/error.h"

#define PREVIEW_TOKENS 256
#define MOST_LABELS 65536

const char *
tn_dataset_describe_file (const TnDataset *self, guint index)
{
  return tn_byte_stream_describe (tn_dataset_file (self, index));
}

static void
data_file_clear (gpointer data)
{
  g_free (((TnDataFile *) data)->path);
}

/* The kind by the first bytes, where the name does not tell; standard input stays open for who reads it. */
static gboolean
look_inside (TnDataset *self, TnDataFile *file, GError **error)
{
  TnByteStream *stream = tn_byte_stream_open (file->path, error);
  const char *head;
  gboolean ok;
  gsize bytes;

  if (stream == NULL)
    return FALSE;
  ok = tn_byte_stream_peek (stream, TN_BYTE_STREAM_MOST_PEEKED, &head, &bytes, error);
  if (ok)
    file->format = tn_record_format_find (file->path, head, bytes);
  if (ok && strcmp (file->path, TN_STANDARD_INPUT) == 0)
    self->standard_input = stream;
  else
    tn_byte_stream_free (stream);
  return ok;
}

static gboolean
add_file (TnDataset *self, const char *path, const TnRecordFormat *forced, GError **error)
{
  TnDataFile *file;
  GStatBuf info;

  g_array_set_size (self->files, self->files->len + 1);
  file = &g_array_index (self->files, TnDataFile, self->files->len - 1);
  file->path = g_strdup (path);
  file->format = forced != NULL ? forced : tn_record_format_of_name (path);
  if (strcmp (path, TN_STANDARD_INPUT) != 0)
    {
      if (g_stat (path, &info) != 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), path, g_strerror (errno));
          return FALSE;
        }
      file->bytes = (guint64) info.st_size;
    }
  if (file->format == NULL && !look_inside (self, file, error))
    return FALSE;
  return TRUE;
}

static gboolean
check_kinds (TnDataset *self, GError **error)
{
  gboolean unknown = FALSE;

  for (guint i = 0; i < self->files->len; i++)
    {
      const TnDataFile *file = &g_array_index (self->files, TnDataFile, i);
      gboolean tokens = tn_record_format_is_tokens (file->format);

      if (i > 0 && tokens != self->tokens)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s and %s: text and files of tokens (%s) cannot be mixed"),
                       tn_dataset_describe_file (self, 0), tn_dataset_describe_file (self, i),
                       (tokens ? file : &g_array_index (self->files, TnDataFile, 0))->format->name);
          return FALSE;
        }
      self->tokens = tokens;
      self->bytes += file->bytes;
      unknown = unknown || strcmp (file->path, TN_STANDARD_INPUT) == 0;
      if (file->bytes == 0 && !unknown && self->files->len == 1)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the file is empty"), file->path);
          return FALSE;
        }
    }
  if (unknown)
    self->bytes = 0;
  if (!self->tokens && self->tokenizer == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: text needs a tokenizer: name one with --tokenizer"),
                   tn_dataset_describe_file (self, 0));
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_dataset_needs_tokenizer (const char *const *paths, const TnDatasetOptions *options)
{
  g_autoptr (GPtrArray) found = NULL;
  const TnRecordFormat *forced = NULL;

  if (options != NULL && options->format != NULL)
    return (forced = tn_record_format_parse (options->format, NULL)) != NULL && !tn_record_format_is_tokens (forced);
  if ((found = tn_data_files_find (paths, NULL, NULL)) == NULL)
    return FALSE;
  for (guint i = 0; i < found->len; i++)
    {
      const TnRecordFormat *format = tn_record_format_of_name (g_ptr_array_index (found, i));

      if (format == NULL || !tn_record_format_is_tokens (format))
        return TRUE;
    }
  return FALSE;
}

TnDataset *
tn_dataset_open (const char *const *paths, const TnDatasetOptions *options, TnTokenizer *tokenizer, guint n_vocab,
                 const TnListener *listener, GError **error)
{
  static const TnDatasetOptions defaults = {NULL};
  g_autoptr (TnDataset) self = g_new0 (TnDataset, 1);
  g_autoptr (GPtrArray) found = NULL;
  const TnRecordFormat *forced = NULL;

  options = options != NULL ? options : &defaults;
  g_atomic_ref_count_init (&self->ref_count);
  self->files = g_array_new (FALSE, TRUE, sizeof (TnDataFile));
  g_array_set_clear_func (self->files, data_file_clear);
  self->label_indices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->labels = g_ptr_array_new ();
  self->tokenizer = tokenizer != NULL ? tn_tokenizer_ref (tokenizer) : NULL;
  self->n_vocab = n_vocab;
  self->field = g_strdup (options->field);
  self->label = g_strdup (options->label);
  if (options->format != NULL && (forced = tn_record_format_parse (options->format, error)) == NULL)
    return NULL;
  if ((found = tn_data_files_find (paths, listener, error)) == NULL)
    return NULL;
  for (guint i = 0; i < found->len; i++)
    if (!add_file (self, g_ptr_array_index (found, i), forced, error))
      return NULL;
  return check_kinds (self, error) ? g_steal_pointer (&self) : NULL;
}

TnDataset *
tn_dataset_ref (TnDataset *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_dataset_unref (TnDataset *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->files);
  g_hash_table_unref (self->label_indices);
  g_ptr_array_unref (self->labels);
  tn_byte_stream_free (self->standard_input);
  g_free (self->field);
  g_free (self->label);
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_free (self);
}

guint64
tn_dataset_get_bytes (TnDataset *self)
{
  return self->bytes;
}

guint
tn_dataset_n_files (TnDataset *self)
{
  return self->files->len;
}

const char *
tn_dataset_get_file (TnDataset *self, guint index)
{
  return tn_dataset_file (self, index);
}

gboolean
tn_dataset_encode (TnDataset *self, guint file, const TnPassage *passage, GArray *ids, GError **error)
{
  guint first = ids->len;

  if (!tn_tokenizer_encode (self->tokenizer, passage->text, passage->bytes, passage->begins_document, ids, error))
    {
      g_prefix_error (error, _ ("%s: text at byte %" PRIu64 ": "), tn_dataset_describe_file (self, file), passage->offset);
      return FALSE;
    }
  for (guint i = first; i < ids->len; i++)
    if ((guint) g_array_index (ids, gint32, i) >= self->n_vocab)
      {
        g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                     _ ("%s: text at byte %" PRIu64 ": the tokenizer gives token %d, the model's vocabulary has %u"),
                     tn_dataset_describe_file (self, file), passage->offset, g_array_index (ids, gint32, i), self->n_vocab);
        return FALSE;
      }
  return TRUE;
}

TnRecordFile *
tn_dataset_open_file (TnDataset *self, guint index, guint limit, GError **error)
{
  const TnDataFile *file = &g_array_index (self->files, TnDataFile, index);
  const TnRecordOptions options = {.limit = limit, .field = self->field, .label = self->label, .n_vocab = self->n_vocab};
  TnByteStream *stream;

  if (strcmp (file->path, TN_STANDARD_INPUT) != 0)
    stream = tn_byte_stream_open (file->path, error);
  else if (!self->input_taken)
    {
      stream = self->standard_input != NULL ? g_steal_pointer (&self->standard_input) : tn_byte_stream_open (file->path, error);
      self->input_taken = TRUE;
    }
  else
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("standard input can be read once only: what was asked for has to go through the data twice"));
      return NULL;
    }
  return stream != NULL ? tn_record_file_open (file->format, stream, &options, error) : NULL;
}

gboolean
tn_dataset_intern_label (TnDataset *self, const char *label, guint32 *index, GError **error)
{
  gpointer known = label != NULL ? g_hash_table_lookup (self->label_indices, label) : NULL;
  char *text;

  *index = TN_NO_LABEL;
  if (label == NULL)
    return TRUE;
  if (known == NULL && self->labels->len == MOST_LABELS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: field “%s” has more than %u different values: it is no label"),
                   tn_dataset_describe_file (self, 0), self->label, MOST_LABELS);
      return FALSE;
    }
  if (known == NULL)
    {
      text = g_strdup (label);
      g_ptr_array_add (self->labels, text);
      known = GUINT_TO_POINTER (self->labels->len);
      g_hash_table_insert (self->label_indices, text, known);
    }
  *index = GPOINTER_TO_UINT (known);
  return TRUE;
}

const char *
tn_dataset_get_label (TnDataset *self, guint32 index)
{
  return index != TN_NO_LABEL ? g_ptr_array_index (self->labels, index - 1) : NULL;
}

void
tn_dataset_set_nothing (TnDataset *self, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               self->tokens ? _ ("%s: there are too few tokens to read") : _ ("%s: there is nothing but white space to read"),
               tn_dataset_describe_file (self, 0));
}

static char *
preview_tokens (TnDataset *self, TnRecordFile *file, gsize bytes, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  GError *local = NULL;
  TnRecord record;

  if (!tn_record_file_next (file, &record, &local))
    {
      if (local == NULL)
        return g_strdup ("");
      g_propagate_error (error, local);
      return NULL;
    }
  if (!tn_record_file_read_tokens (file, &record, ids, error))
    return NULL;
  for (guint i = 0; i < record.length && text->len < bytes; i++)
    if (self->tokenizer == NULL)
      g_string_append_printf (text, "%s%d", i > 0 ? " " : "", g_array_index (ids, gint32, i));
    else if (!tn_tokenizer_decode (self->tokenizer, g_array_index (ids, gint32, i), text, error))
      return NULL;
  return g_utf8_make_valid (text->str, (gssize) text->len);
}

static char *
preview_text (TnRecordFile *file, gsize bytes, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GError *local = NULL;
  TnRecord record;
  TnPassage passage;

  while (text->len < bytes && tn_record_file_next (file, &record, &local) &&
         tn_record_file_read_text (file, &record, &passage, &local))
    {
      if (text->len > 0)
        g_string_append (text, passage.begins_document ? "\n\n" : " ");
      g_string_append_len (text, passage.text, (gssize) passage.bytes);
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  if (text->len > bytes)
    g_string_truncate (text, tn_utf8_valid_prefix (text->str, bytes));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
tn_dataset_preview (TnDataset *self, gsize bytes, GError **error)
{
  g_autoptr (TnRecordFile) file =
      tn_dataset_open_file (self, 0, self->tokens ? PREVIEW_TOKENS : (guint) CLAMP (bytes, 16, (gsize) 1 << 20), error);

  if (file == NULL)
    return NULL;
  return self->tokens ? preview_tokens (self, file, bytes, error) : preview_text (file, bytes, error);
}
