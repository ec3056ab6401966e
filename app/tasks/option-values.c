/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/option-values.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

#define MAX_SHARDS 1000000
#define MAX_PERCENTILES 64

gboolean
tn_option_parse_count (const char *origin, const char *text, guint64 least, guint64 most, guint64 *value, GError **error)
{
  if (g_ascii_string_to_unsigned (text, 10, least, most, value, NULL))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not a whole number between %" PRIu64 " and %" PRIu64), origin,
               text, least, most);
  return FALSE;
}

gboolean
tn_option_parse_seed (const char *origin, const char *text, guint64 *value, GError **error)
{
  char *end = NULL;
  guint64 found;

  errno = 0;
  found = text[0] == '-' ? (guint64) g_ascii_strtoll (text, &end, 0) : g_ascii_strtoull (text, &end, 0);
  if (errno == 0 && end != text && *end == '\0' && !g_ascii_isspace (text[0]))
    {
      *value = found;
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not a whole number of 64 bits"), origin, text);
  return FALSE;
}

/* A number that only blanks may follow; *rest begins behind them. */
static gboolean
read_number (const char *text, double *value, const char **rest)
{
  char *end = NULL;

  *value = g_ascii_strtod (text, &end);
  if (end == text || g_ascii_isspace (text[0]) || !isfinite (*value))
    return FALSE;
  while (g_ascii_isspace (*end))
    end++;
  *rest = end;
  return TRUE;
}

gboolean
tn_option_parse_number (const char *origin, const char *text, double least, double most, gboolean open, double *value,
                        GError **error)
{
  const char *rest = NULL;
  double found;
  gboolean number = read_number (text, &found, &rest);

  if (number && strcmp (rest, "%") == 0)
    {
      found /= 100.0;
      rest = "";
    }
  if (number && rest[0] == '\0' && (open ? found > least && found < most : found >= least && found <= most))
    {
      *value = found;
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               open ? _ ("%s: “%s” is not a number above %g and below %g") : _ ("%s: “%s” is not a number from %g to %g"), origin, text,
               least, most);
  return FALSE;
}

gboolean
tn_option_parse_size (const char *origin, const char *text, guint64 *bytes, GError **error)
{
  static const struct
  {
    const char *suffix;
    double factor;
  } units[] = {
      {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6},
      {"GB", 1e9},     {"TB", 1e12},    {"k", 1e3},      {"M", 1e6},      {"G", 1e9},  {"B", 1.0},  {"", 1.0},
  };
  const char *rest = NULL;
  double value;
  gboolean number = read_number (text, &value, &rest);

  for (guint i = 0; number && i < G_N_ELEMENTS (units); i++)
    if (strcmp (rest, units[i].suffix) == 0 && value > 0.0 && value * units[i].factor < 0x1p62)
      {
        *bytes = (guint64) (value * units[i].factor);
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not a size such as 500MB or 1GiB"), origin, text);
  return FALSE;
}

gboolean
tn_option_parse_duration (const char *origin, const char *text, double *seconds, GError **error)
{
  static const struct
  {
    const char *suffix;
    double factor;
  } units[] = {{"", 1.0}, {"s", 1.0}, {"min", 60.0}, {"m", 60.0}, {"h", 3600.0}, {"d", 86400.0}};
  const char *rest = NULL;
  double value;
  gboolean number = read_number (text, &value, &rest);

  for (guint i = 0; number && i < G_N_ELEMENTS (units); i++)
    if (strcmp (rest, units[i].suffix) == 0 && value >= 0.0 && value * units[i].factor < 1e9)
      {
        *seconds = value * units[i].factor;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not a time such as 90s, 15min or 2h"), origin, text);
  return FALSE;
}

gboolean
tn_option_parse_switch (const char *origin, const char *text, gboolean *value, GError **error)
{
  if (strcmp (text, "true") == 0 || strcmp (text, "false") == 0)
    {
      *value = text[0] == 't';
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is neither true nor false"), origin, text);
  return FALSE;
}

gboolean
tn_option_parse_shard (const char *origin, const char *text, guint *part, guint *parts, GError **error)
{
  g_auto (GStrv) halves = g_strsplit (text, "/", 2);
  guint64 i, n;

  if (g_strv_length (halves) == 2 && g_ascii_string_to_unsigned (halves[1], 10, 1, MAX_SHARDS, &n, NULL) &&
      g_ascii_string_to_unsigned (halves[0], 10, 1, n, &i, NULL))
    {
      *part = (guint) i;
      *parts = (guint) n;
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not I/N with 1 ≤ I ≤ N"), origin, text);
  return FALSE;
}

gboolean
tn_option_parse_choice (const char *origin, const char *text, const char *const *names, guint *value, GError **error)
{
  g_autofree char *list = NULL;

  for (guint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], text) == 0)
      {
        *value = i;
        return TRUE;
      }
  list = g_strjoinv (", ", (char **) names);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is none of %s"), origin, text, list);
  return FALSE;
}

gboolean
tn_option_parse_percentiles (const char *origin, const char *text, GArray **percentiles, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (double));

  for (char **word = words; *word != NULL; word++)
    {
      const char *rest = NULL;
      double value;

      if (!read_number (g_strstrip (*word), &value, &rest) || rest[0] != '\0' || value < 0.0 || value > 100.0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not a percentage between 0 and 100"), origin, *word);
          return FALSE;
        }
      if (found->len > 0 && g_array_index (found, double, found->len - 1) >= value)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: “%s” is not above the percentage before it; they stand in ascending order"),
                       origin, *word);
          return FALSE;
        }
      g_array_append_val (found, value);
    }
  if (found->len == 0 || found->len > MAX_PERCENTILES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: %u percentages; expected 1 to %u"), origin, found->len, MAX_PERCENTILES);
      return FALSE;
    }
  g_clear_pointer (percentiles, g_array_unref);
  *percentiles = g_steal_pointer (&found);
  return TRUE;
}
