/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/model-file.h"

#include <string.h>
#include <sys/stat.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/model-file-private.h"
#include "engine/crc32c.h"
#include "engine/error.h"
#include "engine/hash.h"

#define MAX_METADATA_BYTES 65536
/* Content samples of a fingerprint: both ends and pages spread between them. */
#define SAMPLE_BYTES 4096
#define SPREAD_SAMPLES 16
#define FINGERPRINT_SEED 0x7465726e696f6e31u

static void
model_tensor_free (gpointer data)
{
  TnModelTensor *self = data;

  g_free (self->name);
  g_free (self->source_name);
  tn_tensor_unref (self->tensor);
  g_free (self);
}

TnModelFile *
tn_model_file_new (const char *path, const char *format, const char *architecture)
{
  TnModelFile *self = g_new0 (TnModelFile, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->mutex);
  self->path = g_strdup (path);
  self->format = format;
  self->architecture = g_strdup (architecture);
  self->files = g_ptr_array_new_with_free_func (g_free);
  self->tensors = g_ptr_array_new_with_free_func (model_tensor_free);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_source_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->checksums = g_array_new (FALSE, FALSE, sizeof (TnModelChecksum));
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->bitnet.exceptions = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
tn_model_file_add_part (TnModelFile *self, TnMappedFile *file)
{
  g_ptr_array_add (self->files, g_strdup (tn_mapped_file_get_path (file)));
  self->bytes += tn_mapped_file_get_size (file);
}

void
tn_model_file_add_tensor (TnModelFile *self, const char *name, const char *source_name, const char *dtype_name, TnTensor *tensor)
{
  TnModelTensor *entry = g_new0 (TnModelTensor, 1);

  if (name == NULL || g_hash_table_contains (self->by_name, name))
    name = source_name;
  entry->name = g_strdup (name);
  entry->source_name = g_strdup (source_name);
  entry->dtype_name = dtype_name;
  entry->tensor = tensor;
  self->n_elements += tensor->count;
  g_ptr_array_add (self->tensors, entry);
  g_hash_table_insert (self->by_name, entry->name, entry);
  g_hash_table_insert (self->by_source_name, entry->source_name, entry);
}

void
tn_model_file_replace_tensor (TnModelFile *self, TnModelTensor *entry, const char *dtype_name, TnTensor *tensor)
{
  self->n_elements += tensor->count - entry->tensor->count;
  tn_tensor_unref (entry->tensor);
  entry->tensor = tensor;
  entry->dtype_name = dtype_name;
}

void
tn_model_file_add_metadata (TnModelFile *self, const char *key, char *value)
{
  if (strlen (value) > MAX_METADATA_BYTES)
    {
      char *end = g_utf8_find_prev_char (value, value + MAX_METADATA_BYTES);
      char *cut;

      *(end != NULL ? end : value) = '\0';
      cut = g_strconcat (value, "…", NULL);
      g_free (value);
      value = cut;
    }
  g_hash_table_replace (self->metadata, g_strdup (key), value);
}

void
tn_model_file_refuse_run (TnModelFile *self, TnErrorCode code, const char *format, ...)
{
  va_list arguments;

  if (self->cannot_run != NULL)
    return;
  va_start (arguments, format);
  self->cannot_run = g_error_new_valist (TN_ERROR, (int) code, format, arguments);
  va_end (arguments);
  g_prefix_error (&self->cannot_run, "%s: ", self->path);
}

TnModelFile *
tn_model_file_ref (TnModelFile *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_model_file_unref (TnModelFile *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->by_source_name);
  g_hash_table_unref (self->metadata);
  g_ptr_array_unref (self->tensors);
  g_array_unref (self->checksums);
  g_ptr_array_unref (self->bitnet.exceptions);
  g_clear_error (&self->cannot_run);
  g_ptr_array_unref (self->files);
  g_free (self->config_json);
  g_mutex_clear (&self->mutex);
  g_free (self->architecture);
  g_free (self->path);
  g_free (self);
}

const char *
tn_model_file_get_path (TnModelFile *self)
{
  return self->path;
}

const char *
tn_model_file_get_format (TnModelFile *self)
{
  return self->format;
}

const char *
tn_model_file_get_architecture (TnModelFile *self)
{
  return self->architecture;
}

guint64
tn_model_file_get_bytes (TnModelFile *self)
{
  return self->bytes;
}

GPtrArray *
tn_model_file_get_files (TnModelFile *self)
{
  return self->files;
}

static gboolean
is_same_file (const struct stat *info, const char *path)
{
  struct stat other;

  return stat (path, &other) == 0 && other.st_dev == info->st_dev && other.st_ino == info->st_ino;
}

gboolean
tn_model_file_check_output (TnModelFile *self, const char *path, GError **error)
{
  struct stat info;

  if (stat (path, &info) != 0)
    return TRUE;
  for (guint i = 0; i < self->files->len; i++)
    {
      const char *file = g_ptr_array_index (self->files, i);
      g_autofree char *folder = g_path_get_dirname (file);

      if (is_same_file (&info, file) || is_same_file (&info, folder))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                       _ ("%s: the output is (a part of) the model that is read; give another name"), path);
          return FALSE;
        }
    }
  return TRUE;
}

guint64
tn_model_file_get_n_elements (TnModelFile *self)
{
  return self->n_elements;
}

guint
tn_model_file_n_tensors (TnModelFile *self)
{
  return self->tensors->len;
}

const TnModelTensor *
tn_model_file_get_tensor (TnModelFile *self, guint index)
{
  g_return_val_if_fail (index < self->tensors->len, NULL);

  return g_ptr_array_index (self->tensors, index);
}

const TnModelTensor *
tn_model_file_find_tensor (TnModelFile *self, const char *name)
{
  const TnModelTensor *tensor = g_hash_table_lookup (self->by_name, name);

  return tensor != NULL ? tensor : g_hash_table_lookup (self->by_source_name, name);
}

const char *
tn_model_file_get_metadata (TnModelFile *self, const char *key)
{
  return g_hash_table_lookup (self->metadata, key);
}

GHashTable *
tn_model_file_get_all_metadata (TnModelFile *self)
{
  return self->metadata;
}

gboolean
tn_model_file_can_run (TnModelFile *self)
{
  return self->cannot_run == NULL;
}

static guint64
hash_sample (const TnTensor *tensor, guint64 start, guint64 hash)
{
  gsize bytes = (gsize) MIN (tensor->bytes - start, SAMPLE_BYTES);

  return tn_hash_combine (hash, tn_hash_bytes ((const guint8 *) tensor->data + start, bytes, start));
}

/* Whole tensors up to the size of all samples together. */
static guint64
hash_content (const TnTensor *tensor, guint64 hash)
{
  if (tensor->bytes <= (SPREAD_SAMPLES + 2) * SAMPLE_BYTES)
    hash = tn_hash_combine (hash, tn_hash_bytes (tensor->data, (gsize) tensor->bytes, 0));
  else
    {
      hash = hash_sample (tensor, 0, hash);
      for (guint64 i = 1; i <= SPREAD_SAMPLES; i++)
        hash = hash_sample (tensor, tensor->bytes / (SPREAD_SAMPLES + 1) * i, hash);
      hash = hash_sample (tensor, tensor->bytes - SAMPLE_BYTES, hash);
    }
  if (tensor->scales != NULL)
    {
      /* Few beside the codes; sampled too, for the pages they lie on. */
      gsize n = (gsize) (tensor->count / tensor->group_size);

      hash = tn_hash_combine (hash, tn_hash_bytes (tensor->scales, MIN (n, SAMPLE_BYTES) * sizeof (float), tensor->group_size));
    }
  /* A page fault maps neighbours too. */
  if (tensor->owner_release != NULL && tensor->bytes > 0)
    tensor->owner_release (tensor->owner, tensor->data, (gsize) tensor->bytes);
  return hash;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const TnModelTensor *first = *(const TnModelTensor *const *) a, *second = *(const TnModelTensor *const *) b;

  return strcmp (first->name, second->name);
}

static guint64
compute_fingerprint (TnModelFile *self)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy (self->tensors, NULL, NULL);
  guint64 hash = tn_hash_string (self->architecture, FINGERPRINT_SEED);

  /* The copy must not free what it borrows. */
  g_ptr_array_set_free_func (sorted, NULL);
  g_ptr_array_sort (sorted, compare_names);
  for (guint i = 0; i < sorted->len; i++)
    {
      const TnModelTensor *entry = g_ptr_array_index (sorted, i);
      const TnTensor *tensor = entry->tensor;

      hash = tn_hash_combine (hash, tn_hash_string (entry->name, tensor->n_dims));
      hash = tn_hash_combine (hash, tn_hash_string (entry->dtype_name, tensor->bytes));
      for (guint j = 0; j < tensor->n_dims; j++)
        hash = tn_hash_combine (hash, tensor->shape[j]);
      hash = hash_content (tensor, hash);
    }
  return hash;
}

guint64
tn_model_file_get_fingerprint (TnModelFile *self)
{
  guint64 fingerprint;

  g_mutex_lock (&self->mutex);
  if (!self->has_fingerprint)
    {
      self->fingerprint = compute_fingerprint (self);
      self->has_fingerprint = TRUE;
    }
  fingerprint = self->fingerprint;
  g_mutex_unlock (&self->mutex);
  return fingerprint;
}

gboolean
tn_model_file_check (TnModelFile *self, GError **error)
{
  for (guint i = 0; i < self->tensors->len; i++)
    {
      const TnModelTensor *entry = g_ptr_array_index (self->tensors, i);

      if (entry->tensor->bytes > 0 && !tn_mapped_file_check (entry->tensor->data, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_model_file_check_sums (TnModelFile *self, GError **error)
{
  for (guint i = 0; i < self->checksums->len; i++)
    {
      const TnModelChecksum *sum = &g_array_index (self->checksums, TnModelChecksum, i);
      guint32 found = tn_crc32c (0, sum->data, (gsize) sum->bytes);
      g_autofree char *quoted = NULL;

      if (sum->tensor->owner_release != NULL && sum->bytes > 0)
        sum->tensor->owner_release (sum->tensor->owner, sum->data, (gsize) sum->bytes);
      if (found == sum->crc32c)
        continue;
      quoted = tn_quote_string (sum->name);
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: tensor %s is damaged: its check sum is %08x, expected %08x"), self->path,
                   quoted, found, sum->crc32c);
      return FALSE;
    }
  return TRUE;
}
