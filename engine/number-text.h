/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The shortest text that g_ascii_strtod() reads as the same number. Free with g_free(). */
char *tn_number_to_text (double value);

G_END_DECLS
