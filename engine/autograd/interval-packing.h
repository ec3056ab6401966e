/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Something that needs `bytes` of memory from time first to time last, both inclusive. */
typedef struct
{
  gsize bytes;
  guint first, last;
  gsize offset; /* found: a multiple of 64 */
} TnInterval;

/* Gives offsets so that what lives at the same time does not overlap; the bytes needed for all. Larger ones first, each at the lowest
 * place that is free while it lives: seldom more than a few percent above the most that lives at one time.
 * Source: Pisarchyk, Lee, Efficient Memory Management for Deep Neural Net Inference, 2020 (greedy by size). */
gsize tn_interval_packing (TnInterval *intervals, guint n);

G_END_DECLS
