/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/progress-text.h"

#include <glib/gi18n-lib.h>

#include "ui/numbers.h"

static void
append (GString *text, const char *part)
{
  if (text->len > 0)
    g_string_append (text, " · ");
  g_string_append (text, part);
}

static char *
describe_bytes (double done, double total)
{
  g_autofree char *have = g_format_size ((guint64) done);
  g_autofree char *all = total > 0 ? g_format_size ((guint64) total) : NULL;

  /* Translators: an amount of data, of how much */
  return all != NULL ? g_strdup_printf (_ ("%s of %s"), have, all) : g_strdup (have);
}

static char *
describe_amount (double done, double total, const char *unit)
{
  g_autofree char *have = tn_format_count ((guint64) done), *all = tn_format_count ((guint64) total);
  gulong n = (gulong) total;

  if (g_strcmp0 (unit, "bytes") == 0)
    return describe_bytes (done, total);
  if (g_strcmp0 (unit, "sequences") == 0)
    return total > 0 ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s of %s sequence", "%s of %s sequences", n), have, all)
                     : tn_format_sequences ((guint64) done);
  if (g_strcmp0 (unit, "tokens") == 0)
    return total > 0 ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s of %s token", "%s of %s tokens", n), have, all)
                     : tn_format_tokens ((guint64) done);
  /* Work of other kinds names its units in its own words. */
  return total > 0 ? g_strdup_printf (_ ("%s of %s %s"), have, all, unit != NULL ? unit : "")
                   : g_strdup_printf ("%s %s", have, unit != NULL ? unit : "");
}

char *
tn_progress_text (double done, double total, const char *unit, double rate, double seconds_left, guint64 bytes)
{
  GString *text = g_string_new (NULL);
  g_autofree char *amount = describe_amount (done, total, unit);
  g_autofree char *left = tn_format_seconds (seconds_left);

  append (text, amount);
  if (rate > 0)
    {
      g_autofree char *size = g_format_size ((guint64) rate);
      g_autofree char *speed = g_strcmp0 (unit, "bytes") == 0 ? g_strdup_printf (_ ("%s/s"), size) : tn_format_rate (rate);

      append (text, speed);
    }
  if (left != NULL)
    {
      g_autofree char *remaining = g_strdup_printf (_ ("%s left"), left);

      append (text, remaining);
    }
  if (bytes > 0)
    {
      g_autofree char *memory = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);

      append (text, memory);
    }
  return g_string_free (text, FALSE);
}
