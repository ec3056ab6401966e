/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Integers in as few bytes as they need, in one way only: the same numbers are the same bytes. Unpacking treats its input as hostile: every
 * function returns FALSE, and what it returns is undefined, when the bytes end, are no shortest form or exceed what is asked for. */

typedef struct
{
  const guint8 *at, *end;
} TnUnpacker;

/* LEB128: seven bits a byte, low ones first; the eighth bit says that another byte follows. */
void     tn_pack_number    (GByteArray *bytes, guint64 number);
gboolean tn_unpack_number  (TnUnpacker *self, guint64 max, guint64 *number);
/* A two's complement integer of n_limbs words, low word first: one byte that says how many follow, then as many as hold it with its sign. */
void     tn_pack_integer   (GByteArray *bytes, const guint64 *limbs, guint n_limbs);
gboolean tn_unpack_integer (TnUnpacker *self, guint64 *limbs, guint n_limbs);
/* A float's four bytes, little-endian. */
void     tn_pack_float     (GByteArray *bytes, float value);
gboolean tn_unpack_float   (TnUnpacker *self, float *value);
/* Bytes that hold it with its sign; 0 for 0. */
guint    tn_packed_bytes   (const guint64 *limbs, guint n_limbs);
/* The occupied ones of n bins: the number of runs without a gap, then of each run the empty bins before it, its length, and each count's
 * difference from the one before (the first's from 0), zigzag: 0, -1, 1, -2, … as 0, 1, 2, 3, … */
typedef guint64  (*TnBinCountFunc) (gconstpointer user_data, guint bin);
typedef void     (*TnBinFunc)      (guint bin, guint64 count, gpointer user_data);
void     tn_pack_bins      (GByteArray *bytes, guint n_bins, TnBinCountFunc count, gconstpointer user_data);
gboolean tn_unpack_bins    (TnUnpacker *self, guint n_bins, guint64 max_count, TnBinFunc func, gpointer user_data);

G_END_DECLS
