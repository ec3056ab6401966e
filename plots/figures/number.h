/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Numbers for people: the locale's decimal point, a real minus sign, thin spaces between thousands, "3.2×10⁻⁷" where zeros would have to be counted.
 * All free with g_free(). */

/* With this many significant digits; "NaN" and "∞" for what is none. */
char *tn_number_text   (double value, int digits);
char *tn_number_fixed  (double value, int decimals);
/* mantissa × 10^exponent with the given decimals of the mantissa. */
char *tn_number_scaled (double value, int exponent, int decimals);
/* 1, 10, 10², 10⁻³ …, with a minus sign in front when negative. */
char *tn_number_power  (int exponent, gboolean negative);

G_END_DECLS
