/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "132 of 512 sequences · 14.2/s · 27 s left · 180 MB": what is not known is left out (total <= 0, rate <= 0, seconds_left < 0, bytes 0).
 * Free with g_free(). */
char *tn_progress_text (double done, double total, const char *unit, double rate, double seconds_left, guint64 bytes);

G_END_DECLS
