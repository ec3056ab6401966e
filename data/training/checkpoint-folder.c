/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/training/checkpoint.h"
#include "engine/error.h"

#define PREFIX "step-"
#define SUFFIX ".checkpoint.safetensors"
#define LEAST_DIGITS 8

char *
tn_checkpoint_make_name (guint64 step)
{
  return g_strdup_printf (PREFIX "%08" PRIu64 SUFFIX, step);
}

gboolean
tn_checkpoint_parse_name (const char *name, guint64 *step)
{
  g_autofree char *digits = NULL, *again = NULL;

  if (!g_str_has_prefix (name, PREFIX) || !g_str_has_suffix (name, SUFFIX) ||
      strlen (name) < strlen (PREFIX SUFFIX) + LEAST_DIGITS)
    return FALSE;
  digits = g_strndup (name + strlen (PREFIX), strlen (name) - strlen (PREFIX SUFFIX));
  if (!g_ascii_string_to_unsigned (digits, 10, 0, G_MAXUINT64, step, NULL))
    return FALSE;
  again = tn_checkpoint_make_name (*step);
  return strcmp (again, name) == 0;
}

static int
compare_steps (gconstpointer a, gconstpointer b)
{
  guint64 first = *(const guint64 *) a, second = *(const guint64 *) b;

  return (first > second) - (first < second);
}

GArray *
tn_checkpoint_list (const char *folder, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GDir) entries = g_dir_open (folder, 0, &local);
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (guint64));
  const char *name;
  guint64 step;

  if (entries == NULL)
    {
      g_set_error (error, TN_ERROR, g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? TN_ERROR_NOT_FOUND : TN_ERROR_IO,
                   _ ("%s: the folder of checkpoints cannot be read: %s"), folder, local->message);
      return NULL;
    }
  while ((name = g_dir_read_name (entries)) != NULL)
    if (tn_checkpoint_parse_name (name, &step))
      g_array_append_val (steps, step);
  g_array_sort (steps, compare_steps);
  return g_steal_pointer (&steps);
}

typedef TnCheckpointFile *(*OpenFunc) (const char *path, GError **error);

static TnCheckpointFile *
open_step (const char *folder, guint64 step, OpenFunc open, GError **error)
{
  g_autofree char *name = tn_checkpoint_make_name (step), *path = g_build_filename (folder, name, NULL);
  g_autoptr (TnCheckpointFile) file = open (path, error);

  if (file == NULL || tn_checkpoint_file_get_step (file) == step)
    return g_steal_pointer (&file);
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: holds step %" PRIu64 ", expected %" PRIu64 " as its name says"), path,
               tn_checkpoint_file_get_step (file), step);
  return NULL;
}

static TnCheckpointFile *
find_latest (const char *folder, OpenFunc open, GPtrArray **damaged, GError **error)
{
  g_autoptr (GArray) steps = tn_checkpoint_list (folder, error);
  g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func (g_free);
  TnCheckpointFile *file = NULL;

  if (steps == NULL)
    return NULL;
  for (guint i = steps->len; file == NULL && i-- > 0;)
    {
      g_autoptr (GError) local = NULL;

      file = open_step (folder, g_array_index (steps, guint64, i), open, &local);
      if (file == NULL)
        g_ptr_array_add (messages, g_strdup (local->message));
    }
  if (file == NULL && messages->len > 0)
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: none of %u checkpoints can be read; the newest: %s"), folder,
                 messages->len, (const char *) g_ptr_array_index (messages, 0));
  else if (file == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: holds no checkpoint"), folder);
  if (file != NULL && damaged != NULL)
    *damaged = g_steal_pointer (&messages);
  return file;
}

TnCheckpointFile *
tn_checkpoint_find_latest (const char *folder, GPtrArray **damaged, GError **error)
{
  return find_latest (folder, tn_checkpoint_file_open, damaged, error);
}

TnCheckpointFile *
tn_checkpoint_peek_latest (const char *folder, GError **error)
{
  return find_latest (folder, tn_checkpoint_file_peek, NULL, error);
}
