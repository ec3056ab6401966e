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
  guint n = (guint) total, have = (guint) done;

  if (g_strcmp0 (unit, "bytes") == 0)
    return describe_bytes (done, total);
  if (g_strcmp0 (unit, "sequences") == 0)
    return total > 0 ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u of %u sequence", "%u of %u sequences", n), have, n)
                     : g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u sequence", "%u sequences", have), have);
  if (g_strcmp0 (unit, "tokens") == 0)
    return total > 0 ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u of %u token", "%u of %u tokens", n), have, n)
                     : g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u token", "%u tokens", have), have);
  /* Work of other kinds names its units in its own words. */
  return total > 0 ? g_strdup_printf (_ ("%u of %u %s"), have, n, unit != NULL ? unit : "")
                   : g_strdup_printf ("%u %s", have, unit != NULL ? unit : "");
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
      g_autofree char *memory = g_format_size (bytes);

      append (text, memory);
    }
  return g_string_free (text, FALSE);
}
