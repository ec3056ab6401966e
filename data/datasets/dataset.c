/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/dataset-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/token-file.h"
#include "data/tokenizers/utf8.h"
#include "engine/error.h"

#define TOKEN_FILE_SUFFIX ".bin"
#define PREVIEW_TOKENS 256

gboolean
tn_sampler_parse (const char *name, TnSampler *sampler, GError **error)
{
  if (strcmp (name, "random") == 0)
    *sampler = TN_SAMPLER_RANDOM;
  else if (strcmp (name, "systematic") == 0)
    *sampler = TN_SAMPLER_SYSTEMATIC;
  else
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--sampler: “%s” is none of random, systematic"), name);
      return FALSE;
    }
  return TRUE;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
add_folder (TnDataset *self, const char *path, GError **error)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (folder == NULL)
    return FALSE;
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (name[0] != '.' && g_file_test (file, G_FILE_TEST_IS_REGULAR))
        g_ptr_array_add (found, g_steal_pointer (&file));
    }
  if (found->len == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the folder holds no file to read"), path);
      return FALSE;
    }
  g_ptr_array_sort (found, compare_names);
  g_ptr_array_extend_and_steal (self->files, g_steal_pointer (&found));
  return TRUE;
}

static gboolean
add_path (TnDataset *self, const char *path, GError **error)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return add_folder (self, path, error);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: there is no such file or folder"), path);
      return FALSE;
    }
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: is neither a file nor a folder"), path);
      return FALSE;
    }
  g_ptr_array_add (self->files, g_strdup (path));
  return TRUE;
}

static gboolean
check_kinds (TnDataset *self, GError **error)
{
  for (guint i = 0; i < self->files->len; i++)
    {
      gboolean tokens = g_str_has_suffix (tn_dataset_file (self, i), TOKEN_FILE_SUFFIX);
      GStatBuf info;

      if (i > 0 && tokens != self->tokens)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s and %s: text and token files (.bin) cannot be mixed"),
                       tn_dataset_file (self, 0), tn_dataset_file (self, i));
          return FALSE;
        }
      self->tokens = tokens;
      if (g_stat (tn_dataset_file (self, i), &info) != 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), tn_dataset_file (self, i), g_strerror (errno));
          return FALSE;
        }
      self->bytes += (guint64) info.st_size;
      if (info.st_size == 0 && self->files->len == 1)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the file is empty"), tn_dataset_file (self, i));
          return FALSE;
        }
    }
  if (!self->tokens && self->tokenizer == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: text needs a tokenizer: name one with --tokenizer"),
                   tn_dataset_file (self, 0));
      return FALSE;
    }
  return TRUE;
}

static gboolean
holds_tokens (const char *path)
{
  g_autoptr (TnDataset) folder = NULL;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_str_has_suffix (path, TOKEN_FILE_SUFFIX);
  folder = g_new0 (TnDataset, 1);
  g_atomic_ref_count_init (&folder->ref_count);
  folder->files = g_ptr_array_new_with_free_func (g_free);
  if (!add_folder (folder, path, NULL))
    return FALSE;
  for (guint i = 0; i < folder->files->len; i++)
    if (!g_str_has_suffix (tn_dataset_file (folder, i), TOKEN_FILE_SUFFIX))
      return FALSE;
  return TRUE;
}

gboolean
tn_dataset_needs_tokenizer (const char *const *paths)
{
  for (; *paths != NULL; paths++)
    if (!holds_tokens (*paths))
      return TRUE;
  return FALSE;
}

TnDataset *
tn_dataset_open (const char *const *paths, TnTokenizer *tokenizer, guint n_vocab, GError **error)
{
  g_autoptr (TnDataset) self = g_new0 (TnDataset, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->files = g_ptr_array_new_with_free_func (g_free);
  self->tokenizer = tokenizer != NULL ? tn_tokenizer_ref (tokenizer) : NULL;
  self->n_vocab = n_vocab;
  if (paths == NULL || paths[0] == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("no data are named"));
      return NULL;
    }
  for (; *paths != NULL; paths++)
    if (!add_path (self, *paths, error))
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
  g_ptr_array_unref (self->files);
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_free (self);
}

guint64
tn_dataset_get_bytes (TnDataset *self)
{
  return self->bytes;
}

GPtrArray *
tn_dataset_get_files (TnDataset *self)
{
  return self->files;
}

gboolean
tn_dataset_encode (TnDataset *self, guint file, const TnPassage *passage, GArray *ids, GError **error)
{
  guint first = ids->len;

  if (!tn_tokenizer_encode (self->tokenizer, passage->text, passage->bytes, passage->begins_document, ids, error))
    {
      g_prefix_error (error, _ ("%s: text at byte %" PRIu64 ": "), tn_dataset_file (self, file), passage->offset);
      return FALSE;
    }
  for (guint i = first; i < ids->len; i++)
    if ((guint) g_array_index (ids, gint32, i) >= self->n_vocab)
      {
        g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                     _ ("%s: text at byte %" PRIu64 ": the tokenizer gives token %d, the model's vocabulary has %u"),
                     tn_dataset_file (self, file), passage->offset, g_array_index (ids, gint32, i), self->n_vocab);
        return FALSE;
      }
  return TRUE;
}

static char *
preview_tokens (TnDataset *self, gsize bytes, GError **error)
{
  g_autoptr (TnTokenFile) file = tn_token_file_open (tn_dataset_file (self, 0), error);
  g_autoptr (GString) text = g_string_new (NULL);
  gint32 ids[PREVIEW_TOKENS];
  guint n;

  if (file == NULL)
    return NULL;
  n = (guint) MIN (tn_token_file_count (file), PREVIEW_TOKENS);
  if (!tn_token_file_read (file, 0, n, self->n_vocab, ids, error))
    return NULL;
  for (guint i = 0; i < n && text->len < bytes; i++)
    if (self->tokenizer == NULL)
      g_string_append_printf (text, "%s%d", i > 0 ? " " : "", ids[i]);
    else if (!tn_tokenizer_decode (self->tokenizer, ids[i], text, error))
      return NULL;
  return g_utf8_make_valid (text->str, (gssize) text->len);
}

void
tn_dataset_set_nothing (TnDataset *self, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               self->tokens ? _ ("%s: there are too few tokens to read") : _ ("%s: there is nothing but white space to read"),
               tn_dataset_file (self, 0));
}

char *
tn_dataset_preview (TnDataset *self, gsize bytes, GError **error)
{
  g_autoptr (TnPassageScanner) scanner = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  GError *local = NULL;
  TnPassage passage;

  if (self->tokens)
    return preview_tokens (self, bytes, error);
  scanner = tn_passage_scanner_new (tn_dataset_file (self, 0), MAX (bytes, 16), error);
  if (scanner == NULL)
    return NULL;
  while (text->len < bytes && tn_passage_scanner_next (scanner, &passage, &local))
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
