/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/numbers.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "data/files/count-text.h"

/* The least change of the loss that five decimals show. */
#define SHOWN_LOSS 5e-6

/* Negative numbers get the minus sign of the figures' own width instead of the hyphen. */
static char *
with_minus_sign (char *text)
{
  g_autofree char *owned = text;
  GString *out = g_string_new (NULL);

  for (const char *c = owned; *c != '\0'; c++)
    if (*c == '-')
      g_string_append (out, "−");
    else
      g_string_append_c (out, *c);
  return g_string_free (out, FALSE);
}

char *
tn_format_value (double value)
{
  double magnitude = fabs (value);

  if (isnan (value))
    return g_strdup (TN_DASH);
  if (isinf (value))
    return g_strdup (value > 0 ? "∞" : "−∞");
  if (magnitude != 0 && (magnitude < 0.001 || magnitude >= 100000))
    return with_minus_sign (g_strdup_printf ("%.2e", value));
  return with_minus_sign (g_strdup_printf ("%.4f", value));
}

char *
tn_format_loss (double change)
{
  if (isnan (change))
    return g_strdup (TN_DASH);
  if (isinf (change))
    return g_strdup (change > 0 ? "∞" : "−∞");
  if (fabs (change) < SHOWN_LOSS) /* it rounds to nothing, which has no sign */
    return g_strdup_printf ("%.5f", 0.0);
  return with_minus_sign (g_strdup_printf ("%+.5f", change));
}

char *
tn_format_decibel (double decibel)
{
  if (isnan (decibel))
    return g_strdup (TN_DASH);
  if (isinf (decibel))
    return g_strdup (decibel > 0 ? _ ("exact") : "−∞");
  return with_minus_sign (g_strdup_printf ("%.1f", decibel));
}

char *
tn_format_count (guint64 count)
{
  return tn_count_text (count);
}

char *
tn_format_sequences (guint64 count)
{
  g_autofree char *digits = tn_format_count (count);

  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s sequence", "%s sequences", (gulong) count), digits);
}

char *
tn_format_tokens (guint64 count)
{
  g_autofree char *digits = tn_format_count (count);

  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s token", "%s tokens", (gulong) count), digits);
}

char *
tn_format_percent (double share)
{
  if (isnan (share))
    return g_strdup (TN_DASH);
  return g_strdup_printf ("%.1f %%", 100 * share);
}

char *
tn_format_seconds (double seconds)
{
  guint whole;

  if (!(seconds >= 0) || seconds > 359999)
    return NULL;
  whole = (guint) ceil (seconds);
  if (whole < 60)
    /* Translators: a duration in seconds */
    return g_strdup_printf (_ ("%u s"), whole);
  if (whole < 3600)
    /* Translators: a duration in minutes and seconds */
    return g_strdup_printf (_ ("%u min %02u s"), whole / 60, whole % 60);
  /* Translators: a duration in hours and minutes */
  return g_strdup_printf (_ ("%u h %02u min"), whole / 3600, whole / 60 % 60);
}

char *
tn_format_rate (double rate)
{
  /* Translators: things a second */
  return g_strdup_printf (rate < 1 ? _ ("%.2g/s") : rate < 100 ? _ ("%.1f/s") : _ ("%.0f/s"), rate);
}
