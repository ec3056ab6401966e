/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Numbers as people read them, in the user's locale. All results are freed with g_free(). */
#define TN_DASH "—"

/* A weight or activation: four decimals, or a power of ten where those would say nothing. NaN: a dash. */
char *tn_format_value   (double value);
/* A change of the loss, with its sign: five decimals, which stand one under the other in a column. NaN: a dash. */
char *tn_format_loss    (double change);
/* Decibels with one decimal; +inf: "exact". */
char *tn_format_decibel (double decibel);
/* 65536 -> "65,536", as the locale groups; by commas or thin spaces where it does not. */
char *tn_format_count   (guint64 count);
/* "2,048 sequences", "1 token". */
char *tn_format_sequences (guint64 count);
char *tn_format_tokens    (guint64 count);
/* A share 0..1 as percent. */
char *tn_format_percent (double share);
/* "27 s left", "3 min 20 s left"; NULL when not known. */
char *tn_format_seconds (double seconds);
/* "14.2/s". */
char *tn_format_rate    (double rate);

G_END_DECLS
