/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/gguf.h"
#include "data/models/model-file-private.h"

/* NAME-00001-of-00003.gguf; numbers in names count from 1, those in "split.no" from 0. */
#define NAME_FORMAT "%s-%05" PRIu64 "-of-%05" PRIu64 ".gguf"
#define MOST_PARTS 99999

/* NAME of a path in that form, NULL for any other. */
static char *
find_stem (const char *path, guint64 number, guint64 count)
{
  g_autofree char *ending = g_strdup_printf (NAME_FORMAT, "", number + 1, count);

  return g_str_has_suffix (path, ending) ? g_strndup (path, strlen (path) - strlen (ending)) : NULL;
}

static gboolean
add_tensors (TnModelFile *self, TnMappedFile *file, TnGguf *gguf, GError **error)
{
  tn_model_file_add_part (self, file);
  for (guint i = 0; i < tn_gguf_n_entries (gguf); i++)
    {
      const TnGgufEntry *entry = tn_gguf_get_entry (gguf, i);

      if (g_hash_table_contains (self->by_source_name, entry->name))
        {
          g_autofree char *quoted = tn_quote_string (entry->name);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tensor %s is in an earlier part already"),
                       tn_mapped_file_get_path (file), quoted);
          return FALSE;
        }
      tn_model_file_add_tensor (self, NULL, entry->name, entry->type_name, tn_gguf_create_tensor (gguf, entry));
    }
  return TRUE;
}

static gboolean
add_other_part (TnModelFile *self, const char *path, guint64 number, guint64 count, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);
  g_autoptr (TnGguf) gguf = NULL;
  guint64 found_number, found_count;

  if (file == NULL)
    {
      g_prefix_error (error, _ ("%s: part %" PRIu64 " of %" PRIu64 " cannot be opened: "), self->path, number + 1, count);
      return FALSE;
    }
  if ((gguf = tn_gguf_open (file, error)) == NULL)
    return FALSE;
  if (tn_gguf_get_u64 (gguf, "split.no", &found_number) && tn_gguf_get_u64 (gguf, "split.count", &found_count) &&
      found_number == number && found_count == count)
    return add_tensors (self, file, gguf, error);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
               _ ("%s: metadata keys split.no and split.count, expected %" PRIu64 " and %" PRIu64 " as its name says"), path,
               number, count);
  return FALSE;
}

gboolean
tn_model_file_add_gguf (TnModelFile *self, TnMappedFile *file, TnGguf *gguf, GError **error)
{
  guint64 number = 0, count = 1;
  g_autofree char *stem = NULL;

  if (!tn_gguf_get_u64 (gguf, "split.count", &count) || count <= 1)
    return add_tensors (self, file, gguf, error);
  if (!tn_gguf_get_u64 (gguf, "split.no", &number) || count > MOST_PARTS || number >= count)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: metadata key split.no, expected a number below split.count, and that at most %d"), self->path,
                   MOST_PARTS);
      return FALSE;
    }
  if ((stem = find_stem (self->path, number, count)) == NULL)
    {
      g_autofree char *ending = g_strdup_printf (NAME_FORMAT, "", number + 1, count);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: part %" PRIu64 " of %" PRIu64 "; the others are found by its name, which has to end in %s"),
                   self->path, number + 1, count, ending);
      return FALSE;
    }
  if (number > 0)
    {
      g_autofree char *first = g_strdup_printf (NAME_FORMAT, stem, (guint64) 1, count);

      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: part %" PRIu64 " of %" PRIu64 "; open the first one, %s"),
                   self->path, number + 1, count, first);
      return FALSE;
    }
  if (!add_tensors (self, file, gguf, error))
    return FALSE;
  for (number = 1; number < count; number++)
    {
      g_autofree char *path = g_strdup_printf (NAME_FORMAT, stem, number + 1, count);

      if (!add_other_part (self, path, number, count, error))
        return FALSE;
    }
  return TRUE;
}
