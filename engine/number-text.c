/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/number-text.h"

#define MOST_DIGITS 17 /* tell any two doubles apart */

char *
tn_number_to_text (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 6; digits <= MOST_DIGITS; digits++)
    {
      g_autofree char *format = g_strdup_printf ("%%.%dg", digits);

      g_ascii_formatd (buffer, sizeof buffer, format, value);
      if (g_ascii_strtod (buffer, NULL) == value)
        break;
    }
  return g_strdup (buffer);
}
