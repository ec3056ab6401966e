/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/sampler.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/mapped-file.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* No number that is meant is longer. */
#define MAX_NUMBER_BYTES 64

const char *const tn_sampler_names[] = {"random", "systematic", "stratified", "importance", "reservoir", "indices", NULL};
const char *const tn_strata_names[] = {"length", "label", "file", NULL};

/* Appends what a line says; FALSE: it is not what was expected. */
typedef gboolean (*LineFunc) (GArray *list, const char *text, guint64 line);

static gboolean
add_ordinal (GArray *list, const char *text, guint64 line)
{
  TnListedOrdinal found = {.line = line};

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &found.ordinal, NULL))
    return FALSE;
  g_array_append_val (list, found);
  return TRUE;
}

static gboolean
add_size (GArray *list, const char *text, guint64 line)
{
  char *end = NULL;
  double size = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !isfinite (size) || size < 0.0)
    return FALSE;
  g_array_append_val (list, size);
  return TRUE;
}

/* The number of a line, without blanks and comment; NULL when there is none, too long ones are cut (and no number then). */
static char *
dup_number (const char *start, gsize bytes)
{
  const char *comment = memchr (start, '#', bytes);

  if (comment != NULL)
    bytes = (gsize) (comment - start);
  while (bytes > 0 && g_ascii_isspace (start[bytes - 1]))
    bytes--;
  for (; bytes > 0 && g_ascii_isspace (*start); start++)
    bytes--;
  return bytes > 0 ? g_strndup (start, MIN (bytes, MAX_NUMBER_BYTES)) : NULL;
}

static gboolean
load_lines (const char *path, GArray *list, LineFunc func, const char *expected, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);
  const char *data, *end;

  if (file == NULL)
    return FALSE;
  data = (const char *) tn_mapped_file_get_data (file);
  end = data + tn_mapped_file_get_size (file);
  for (guint64 line = 1; data < end; line++)
    {
      const char *stop = memchr (data, '\n', (gsize) (end - data));
      gsize bytes = (gsize) ((stop != NULL ? stop : end) - data);
      g_autofree char *text = dup_number (data, bytes);

      if (text != NULL && (list->len == G_MAXINT32 / sizeof (TnListedOrdinal) || !func (list, text, line)))
        {
          g_autofree char *found = tn_quote_bytes (text, strlen (text));

          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s:%" PRIu64 ": %s is not %s"), path, line, found, expected);
          return FALSE;
        }
      data += bytes + (stop != NULL);
    }
  if (list->len > 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the list is empty, expected a number a line"), path);
  return FALSE;
}

static gint
compare_ordinals (gconstpointer a, gconstpointer b)
{
  const TnListedOrdinal *x = a, *y = b;

  return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

GArray *
tn_ordinal_list_load (const char *path, GError **error)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (TnListedOrdinal));
  const TnListedOrdinal *listed;

  if (!load_lines (path, list, add_ordinal, _ ("the number of a record, 0 or more"), error))
    return NULL;
  g_array_sort (list, compare_ordinals);
  listed = (const TnListedOrdinal *) (gpointer) list->data;
  for (guint i = 1; i < list->len; i++)
    if (listed[i].ordinal == listed[i - 1].ordinal)
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s:%" PRIu64 ": record %" PRIu64 " is listed already in line %" PRIu64), path,
                     MAX (listed[i].line, listed[i - 1].line), listed[i].ordinal, MIN (listed[i].line, listed[i - 1].line));
        return NULL;
      }
  return g_steal_pointer (&list);
}

GArray *
tn_size_list_load (const char *path, GError **error)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (double));

  return load_lines (path, list, add_size, _ ("a size, 0 or more"), error) ? g_steal_pointer (&list) : NULL;
}
