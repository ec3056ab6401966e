/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the codes of two quantizations of one tensor differ: before and after another scale, a training step, a file. Exact counts; merging is
 * addition. Start from zeros. */
#define TN_CODE_FLIPS_LEVELS 256

typedef struct
{
  guint64 count;
  guint64 flips;                        /* codes that differ */
  guint64 by_distance[TN_CODE_FLIPS_LEVELS]; /* by |a - b| in levels; the last one holds all from there on. [0]: those that agree */
  guint64 distance;                     /* sum of |a - b| */
  guint64 sign_flips;                   /* one above 0, the other below */
  guint64 to_zero, from_zero;           /* a != 0, b = 0; a = 0, b != 0 */
  guint64 bits;                         /* Hamming distance of the codes' lowest code_bits bits in two's complement */
} TnCodeFlips;

/* code_bits: 1 .. 16, what a code is stored in. Codes as tn_coder_read() gives them. Threads: any, one at a time. */
void   tn_code_flips_add   (TnCodeFlips *self, const gint16 *a, const gint16 *b, gsize n, guint code_bits);
void   tn_code_flips_merge (TnCodeFlips *self, const TnCodeFlips *other);
/* Share of codes that differ, mean distance in levels of all codes; NaN of nothing. */
double tn_code_flips_rate  (const TnCodeFlips *self);
double tn_code_flips_mean_distance (const TnCodeFlips *self);

G_END_DECLS
