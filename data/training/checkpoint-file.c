/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/json-reader.h"
#include "data/files/quote.h"
#include "data/training/checkpoint-private.h"
#include "engine/error.h"

struct _TnCheckpointFile
{
  TnMappedFile *file;
  TnSafetensors *arrays;
  TnJson *fields;
  guint64 step, model;
};

static const char *
require_entry (TnCheckpointFile *self, const char *key, const char *expected, GError **error)
{
  const char *value = tn_safetensors_get_metadata (self->arrays, key);

  if (value == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: __metadata__ has no “%s”, expected %s"),
                 tn_checkpoint_file_get_path (self), key, expected);
  return value;
}

static gboolean
fail_entry (TnCheckpointFile *self, const char *key, const char *found, const char *expected, GError **error)
{
  g_autofree char *quoted = tn_quote_string (found);

  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: __metadata__ “%s” is %s, expected %s"),
               tn_checkpoint_file_get_path (self), key, quoted, expected);
  return FALSE;
}

/* digits: exactly so many, or 0. */
static gboolean
read_entry (TnCheckpointFile *self, const char *key, guint base, guint digits, const char *expected, guint64 *value,
            GError **error)
{
  const char *text = require_entry (self, key, expected, error);

  if (text == NULL)
    return FALSE;
  if ((digits != 0 && strlen (text) != digits) || !g_ascii_string_to_unsigned (text, base, 0, G_MAXUINT64, value, NULL))
    return fail_entry (self, key, text, expected, error);
  return TRUE;
}

static gboolean
read_version (TnCheckpointFile *self, GError **error)
{
  const char *format = require_entry (self, TN_CHECKPOINT_KEY_FORMAT, TN_CHECKPOINT_FORMAT, error);
  guint64 version;

  if (format == NULL)
    return FALSE;
  if (strcmp (format, TN_CHECKPOINT_FORMAT) != 0)
    return fail_entry (self, TN_CHECKPOINT_KEY_FORMAT, format, TN_CHECKPOINT_FORMAT, error);
  if (!read_entry (self, TN_CHECKPOINT_KEY_VERSION, 10, 0, _ ("a number"), &version, error))
    return FALSE;
  if (version == TN_CHECKPOINT_VERSION)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
               _ ("%s: is a checkpoint of version %" PRIu64 ", this program reads version %d"),
               tn_checkpoint_file_get_path (self), version, TN_CHECKPOINT_VERSION);
  return FALSE;
}

static gboolean
read_fields (TnCheckpointFile *self, GError **error)
{
  const char *text = require_entry (self, TN_CHECKPOINT_KEY_FIELDS, _ ("a JSON object"), error);
  g_autofree char *place =
      g_strdup_printf ("%s: __metadata__ “%s”", tn_checkpoint_file_get_path (self), TN_CHECKPOINT_KEY_FIELDS);

  if (text == NULL || (self->fields = tn_json_parse (text, strlen (text), place, 0, error)) == NULL)
    return FALSE;
  return tn_json_get_root (self->fields)->type == TN_JSON_OBJECT ||
         fail_entry (self, TN_CHECKPOINT_KEY_FIELDS, text, _ ("a JSON object"), error);
}

TnCheckpointFile *
tn_checkpoint_file_peek (const char *path, GError **error)
{
  g_autoptr (TnCheckpointFile) self = g_new0 (TnCheckpointFile, 1);

  self->file = tn_mapped_file_open (path, error);
  if (self->file == NULL || (self->arrays = tn_safetensors_open (self->file, error)) == NULL || !read_version (self, error) ||
      !read_entry (self, TN_CHECKPOINT_KEY_STEP, 10, 0, _ ("a number"), &self->step, error) ||
      !read_entry (self, TN_CHECKPOINT_KEY_MODEL, 16, 16, _ ("16 hexadecimal digits"), &self->model, error) ||
      !read_fields (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
tn_checkpoint_file_free (TnCheckpointFile *self)
{
  if (self == NULL)
    return;
  tn_json_free (self->fields);
  tn_safetensors_unref (self->arrays);
  tn_mapped_file_unref (self->file);
  g_free (self);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const TnSafetensorsEntry *const *) a)->name, (*(const TnSafetensorsEntry *const *) b)->name);
}

/* By name. NULL where an array is of a type that no checkpoint has. */
static GPtrArray *
sort_arrays (TnCheckpointFile *self, GError **error)
{
  g_autoptr (GPtrArray) arrays = g_ptr_array_new ();

  for (guint i = 0; i < tn_safetensors_n_entries (self->arrays); i++)
    {
      const TnSafetensorsEntry *entry = tn_safetensors_get_entry (self->arrays, i);

      if (entry->dtype == TN_DTYPE_OPAQUE)
        {
          g_autofree char *quoted = tn_quote_string (entry->name);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: array %s is of type %s, expected one of F64 to BOOL"),
                       tn_checkpoint_file_get_path (self), quoted, entry->dtype_name);
          return NULL;
        }
      g_ptr_array_add (arrays, (gpointer) entry);
    }
  g_ptr_array_sort (arrays, compare_names);
  return g_steal_pointer (&arrays);
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (a, b);
}

static gboolean
check_sum (TnCheckpointFile *self, GError **error)
{
  GHashTable *metadata = tn_safetensors_get_all_metadata (self->arrays);
  g_autoptr (GList) keys = NULL;
  const char *stated = require_entry (self, TN_CHECKPOINT_KEY_SUM, _ ("8 hexadecimal digits"), error);
  g_autoptr (GPtrArray) arrays = stated != NULL ? sort_arrays (self, error) : NULL;
  g_autofree char *quoted = NULL;
  char text[16];
  guint32 sum = 0;

  if (arrays == NULL)
    return FALSE;
  keys = g_list_sort (g_hash_table_get_keys (metadata), compare_keys);
  for (const GList *key = keys; key != NULL; key = key->next)
    if (strcmp (key->data, TN_CHECKPOINT_KEY_SUM) != 0)
      sum = tn_checkpoint_sum_entry (sum, key->data, g_hash_table_lookup (metadata, key->data));
  for (guint i = 0; i < arrays->len; i++)
    {
      const TnSafetensorsEntry *entry = g_ptr_array_index (arrays, i);

      sum = tn_checkpoint_sum_array (sum, entry->name, entry->dtype, entry->n_dims, entry->shape, entry->data, entry->bytes);
    }
  if (!tn_mapped_file_check (tn_mapped_file_get_data (self->file), error))
    return FALSE;
  g_snprintf (text, sizeof text, "%08x", sum);
  /* A digit that became a capital is damage as well. */
  if (strcmp (text, stated) == 0)
    return TRUE;
  quoted = tn_quote_string (stated);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: is damaged: its content has the check sum %s (crc32c), expected %s"),
               tn_checkpoint_file_get_path (self), text, quoted);
  return FALSE;
}

TnCheckpointFile *
tn_checkpoint_file_open (const char *path, GError **error)
{
  g_autoptr (TnCheckpointFile) self = tn_checkpoint_file_peek (path, error);

  return self != NULL && check_sum (self, error) ? g_steal_pointer (&self) : NULL;
}

const char *
tn_checkpoint_file_get_path (TnCheckpointFile *self)
{
  return tn_mapped_file_get_path (self->file);
}

guint64
tn_checkpoint_file_get_step (TnCheckpointFile *self)
{
  return self->step;
}

guint64
tn_checkpoint_file_get_model (TnCheckpointFile *self)
{
  return self->model;
}

TnSafetensors *
tn_checkpoint_file_get_arrays (TnCheckpointFile *self)
{
  return self->arrays;
}

static const TnJsonNode *
find_field (TnCheckpointFile *self, const char *name)
{
  return tn_json_find (tn_json_get_root (self->fields), name);
}

gboolean
tn_checkpoint_file_has_field (TnCheckpointFile *self, const char *name)
{
  return find_field (self, name) != NULL;
}

static gboolean
fail_field (TnCheckpointFile *self, const char *name, const TnJsonNode *found, const char *expected, GError **error)
{
  g_autofree char *text = found != NULL ? tn_json_node_to_text (found, 4) : NULL;
  g_autofree char *quoted = text != NULL ? tn_quote_string (text) : g_strdup (_ ("absent"));

  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: field “%s” is %s, expected %s"), tn_checkpoint_file_get_path (self),
               name, quoted, expected);
  return FALSE;
}

const char *
tn_checkpoint_file_get_text (TnCheckpointFile *self, const char *name, GError **error)
{
  const char *text = tn_json_find_text (tn_json_get_root (self->fields), name);

  if (text == NULL)
    fail_field (self, name, find_field (self, name), _ ("text"), error);
  return text;
}

gboolean
tn_checkpoint_file_get_count (TnCheckpointFile *self, const char *name, guint64 *value, GError **error)
{
  const TnJsonNode *field = find_field (self, name);

  if (field != NULL && field->type == TN_JSON_NUMBER && field->is_integer && field->value.number.integer >= 0)
    {
      *value = (guint64) field->value.number.integer;
      return TRUE;
    }
  if (field != NULL && field->type == TN_JSON_STRING &&
      g_ascii_string_to_unsigned (field->value.string.text, 10, (guint64) G_MAXINT64 + 1, G_MAXUINT64, value, NULL))
    return TRUE;
  return fail_field (self, name, field, _ ("a whole number from 0 to 2^64-1"), error);
}

gboolean
tn_checkpoint_file_get_number (TnCheckpointFile *self, const char *name, double *value, GError **error)
{
  static const struct
  {
    const char *text;
    double value;
  } others[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
  const TnJsonNode *field = find_field (self, name);
  const char *text = tn_json_find_text (tn_json_get_root (self->fields), name);

  if (field != NULL && field->type == TN_JSON_NUMBER)
    {
      *value = field->value.number.real;
      return TRUE;
    }
  for (guint i = 0; text != NULL && i < G_N_ELEMENTS (others); i++)
    if (strcmp (text, others[i].text) == 0)
      {
        *value = others[i].value;
        return TRUE;
      }
  return fail_field (self, name, field, _ ("a number"), error);
}

static char *
describe (TnDtype dtype, guint n_dims, const guint64 *shape)
{
  GString *text = g_string_new (tn_dtype_get_name (dtype));

  g_string_append (text, " [");
  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" PRIu64, i > 0 ? ", " : "", shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static gboolean
check_array (TnCheckpointFile *self, const TnCheckpointArray *array, GError **error)
{
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (self->arrays, array->name);
  g_autofree char *expected = describe (array->dtype, array->n_dims, array->shape), *quoted = tn_quote_string (array->name);
  g_autofree char *found = entry != NULL ? describe (entry->dtype, entry->n_dims, entry->shape) : NULL;

  if (found != NULL && strcmp (found, expected) == 0)
    return TRUE;
  if (found != NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: array %s is %s, expected %s"), tn_checkpoint_file_get_path (self),
                 quoted, found, expected);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: array %s is missing, expected %s"),
                 tn_checkpoint_file_get_path (self), quoted, expected);
  return FALSE;
}

static gboolean
check_surplus (TnCheckpoint *self, TnCheckpointFile *file, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->arrays->len; i++)
    g_hash_table_add (names, g_array_index (self->arrays, TnCheckpointArray, i).name);
  for (guint i = 0; i < tn_safetensors_n_entries (file->arrays); i++)
    {
      const char *name = tn_safetensors_get_entry (file->arrays, i)->name;
      g_autofree char *quoted = tn_quote_string (name);

      if (g_hash_table_contains (names, name))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: array %s belongs to no part of this run, expected %u arrays without it"),
                   tn_checkpoint_file_get_path (file), quoted, self->arrays->len);
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_checkpoint_restore (TnCheckpoint *self, TnCheckpointFile *file, GError **error)
{
  if (file->model != self->model)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: is of another model (%016" PRIx64 "), expected one of %016" PRIx64),
                   tn_checkpoint_file_get_path (file), file->model, self->model);
      return FALSE;
    }
  for (guint i = 0; i < self->arrays->len; i++)
    if (!check_array (file, &g_array_index (self->arrays, TnCheckpointArray, i), error))
      return FALSE;
  if (!check_surplus (self, file, error))
    return FALSE;
  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TnCheckpointArray *array = &g_array_index (self->arrays, TnCheckpointArray, i);

      if (array->bytes > 0)
        memcpy (array->data, tn_safetensors_find_entry (file->arrays, array->name)->data, array->bytes);
    }
  return tn_mapped_file_check (tn_mapped_file_get_data (file->file), error);
}
