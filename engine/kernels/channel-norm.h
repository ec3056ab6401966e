/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What normalizing a channel's plane [n] takes, on the calling thread; sums in double, in lanes folded in a fixed order. */

/* sums[0] += sum of dy and sums[1] += that of (x - mean) dy; dy NULL: of x - mean, and of its squares. */
void tn_channel_sums    (const float *x, const float *dy, double mean, gsize n, double sums[2]);
/* out (or += where adds) = factors[0] x + factors[1] y + factors[2]; y NULL: without it. */
void tn_channel_combine (const float *x, const float *y, const double factors[3], gsize n, float *out, gboolean adds);

G_END_DECLS
