/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/memory/pool.h"

G_BEGIN_DECLS

/* Sizes of small blocks: multiples of the alignment up to 8 of them, then four sizes in each doubling up to 32 KiB, so that
 * rounding costs at most a fifth of a block. */

#define TN_N_SIZE_CLASSES 32
#define TN_SMALL_MOST_BYTES ((gsize) 32 << 10)
#define TN_MAGAZINE_MOST 64

/* bytes <= TN_SMALL_MOST_BYTES. */
static inline guint
tn_size_class (gsize bytes)
{
  guint last = bytes == 0 ? 0 : (guint) ((bytes - 1) / TN_POOL_ALIGNMENT);
  guint shift;

  if (last < 4)
    return last;
  shift = 29 - (guint) __builtin_clz (last);
  return 4 * shift + (last >> shift);
}

static inline gsize
tn_size_class_bytes (guint size_class)
{
  guint units = size_class < 4 ? size_class + 1 : (size_class % 4 + 5) << (size_class / 4 - 1);

  return (gsize) units * TN_POOL_ALIGNMENT;
}

G_STATIC_ASSERT (TN_SMALL_MOST_BYTES == 512 * TN_POOL_ALIGNMENT);

/* What blocks of a class are cut from: long enough for 8 of them and more. */
static inline gsize
tn_size_class_span_bytes (guint size_class)
{
  return tn_size_class_bytes (size_class) <= 4096 ? (gsize) 64 << 10 : (gsize) 256 << 10;
}

/* Free blocks a thread keeps for itself: 64 KiB of them where that is 4 to 64. */
static inline guint
tn_size_class_magazine (guint size_class)
{
  return (guint) CLAMP (((gsize) 64 << 10) / tn_size_class_bytes (size_class), 4, TN_MAGAZINE_MOST);
}

G_END_DECLS
