/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/figures/number.h"

#define MINUS "\342\210\222"
#define THIN_SPACE "\342\200\257"

/* Groups thousands from five digits on and turns the hyphen into a minus. */
static char *
set_in_type (const char *plain)
{
  GString *out = g_string_new (NULL);
  gsize digits;

  if (*plain == '-')
    {
      plain++;
      /* "-0.00" says nothing that "0.00" does not. */
      if (strpbrk (plain, "123456789") != NULL)
        g_string_append (out, MINUS);
    }
  digits = strspn (plain, "0123456789");
  for (gsize i = 0; i < digits; i++)
    {
      if (i > 0 && digits >= 5 && (digits - i) % 3 == 0)
        g_string_append (out, THIN_SPACE);
      g_string_append_c (out, plain[i]);
    }
  g_string_append (out, plain + digits);
  return g_string_free (out, FALSE);
}

static void
append_superscript (GString *out, int number)
{
  static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  g_autofree char *plain = g_strdup_printf ("%d", abs (number));

  if (number < 0)
    g_string_append (out, "⁻");
  for (const char *p = plain; *p != '\0'; p++)
    g_string_append (out, digits[*p - '0']);
}

char *
tn_number_fixed (double value, int decimals)
{
  g_autofree char *plain = g_strdup_printf ("%.*f", CLAMP (decimals, 0, 340), value);

  return set_in_type (plain);
}

char *
tn_number_scaled (double value, int exponent, int decimals)
{
  GString *out;
  g_autofree char *mantissa = NULL;

  if (value == 0)
    return g_strdup ("0");
  /* Two steps, because 10^exponent alone may leave the range of doubles. */
  mantissa = tn_number_fixed (value / pow (10, exponent / 2) / pow (10, exponent - exponent / 2), decimals);
  out = g_string_new (mantissa);
  g_string_append (out, "×10");
  append_superscript (out, exponent);
  return g_string_free (out, FALSE);
}

char *
tn_number_power (int exponent, gboolean negative)
{
  GString *out = g_string_new (negative ? MINUS : NULL);

  if (exponent == 0)
    g_string_append (out, "1");
  else
    {
      g_string_append (out, "10");
      if (exponent != 1)
        append_superscript (out, exponent);
    }
  return g_string_free (out, FALSE);
}

/* Zeros at the end of decimals, and a point that nothing follows. */
static void
trim_zeros (char *number)
{
  gsize digits = strspn (number, "-0123456789");
  char *end = number + strlen (number);

  if (number[digits] == '\0')
    return;
  while (end[-1] == '0')
    end--;
  *end = '\0';
  if (!g_ascii_isdigit (end[-1]))
    number[digits] = '\0';
}

char *
tn_number_text (double value, int digits)
{
  g_autofree char *plain = NULL;
  int exponent;

  if (isnan (value))
    return g_strdup ("NaN");
  if (isinf (value))
    return g_strdup (value > 0 ? "∞" : MINUS "∞");
  if (value == 0)
    return g_strdup ("0");
  if (value == rint (value) && fabs (value) < 1e12)
    return tn_number_fixed (value, 0);

  /* Rounding first, so that 999999.7 counts as 10⁶. */
  plain = g_strdup_printf ("%.*e", digits - 1, value);
  exponent = atoi (strchr (plain, 'e') + 1);
  if (exponent >= -4 && exponent < MAX (digits, 6))
    {
      g_autofree char *fixed = g_strdup_printf ("%.*f", MAX (0, digits - 1 - exponent), value);

      trim_zeros (fixed);
      return set_in_type (fixed);
    }
  *strchr (plain, 'e') = '\0';
  trim_zeros (plain);
  return tn_number_scaled (value, exponent,
                           (int) strlen (plain) - (int) strcspn (plain, "123456789") - 1 -
                               (strlen (plain) > strspn (plain, "-0123456789")));
}
