/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>
#include <string.h>

G_BEGIN_DECLS

/* Loops over floats in 8 fixed lanes. A sum is kept in lanes and folded in their order, so it has the same bits whichever
 * instructions the loop was compiled to; functions come in a portable and an AVX2 variant made from one inline body. */

typedef float TnFloat8 __attribute__ ((vector_size (32)));
typedef gint32 TnInt8 __attribute__ ((vector_size (32)));
typedef double TnDouble4 __attribute__ ((vector_size (32)));
typedef double TnDouble8 __attribute__ ((vector_size (64)));

#define TN_LANES 8

#if defined(__x86_64__) && defined(__GNUC__)
#define TN_LANES_X86 1
#define TN_LANES_AVX2 __attribute__ ((target ("avx2")))
#else
#define TN_LANES_X86 0
#define TN_LANES_AVX2
#endif

#define TN_LANES_INLINE static inline __attribute__ ((always_inline))

/* Macros, because passing wide vectors to functions has no stable ABI without AVX. */
/* The whole vector is widened, then split: of a half alone GCC 12 makes four instructions more. */
#define TN_LANES_LOW(v) __builtin_shufflevector (TN_LANES_WIDEN (v), TN_LANES_WIDEN (v), 0, 1, 2, 3)
#define TN_LANES_HIGH(v) __builtin_shufflevector (TN_LANES_WIDEN (v), TN_LANES_WIDEN (v), 4, 5, 6, 7)
#define TN_LANES_WIDEN(v) __builtin_convertvector ((v), TnDouble8)
/* ((a0 + a1) + (a2 + a3)) of the sum of two accumulators. */
#define TN_LANES_SUM(low, high) \
  ((((low)[0] + (high)[0]) + ((low)[1] + (high)[1])) + (((low)[2] + (high)[2]) + ((low)[3] + (high)[3])))
/* -1 in lanes that hold a number, 0 in those that hold NaN or an infinity. */
#define TN_LANES_FINITE(v) (((TnInt8) (v) & 0x7fffffff) < 0x7f800000)
#define TN_LANES_ABS(v) ((TnFloat8) ((TnInt8) (v) & 0x7fffffff))
#define TN_LANES_SELECT(mask, a, b) ((TnFloat8) (((mask) & (TnInt8) (a)) | (~(mask) & (TnInt8) (b))))
#define TN_LANES_ADD_COUNT(count, mask) ((count) -= (mask))
/* Declares v: 8 elements from i on; behind the end n its lanes hold NaN, which no sum takes. */
#define TN_LANES_LOAD(v, x, i, n)                                 \
  TnFloat8 v;                                                     \
  G_STMT_START                                                    \
  {                                                               \
    if (G_LIKELY ((i) + TN_LANES <= (n)))                         \
      memcpy (&v, (x) + (i), sizeof v);                           \
    else                                                          \
      {                                                           \
        v = (TnFloat8){ NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN }; \
        memcpy (&v, (x) + (i), ((n) - (i)) * sizeof (float));     \
      }                                                           \
  }                                                               \
  G_STMT_END

gboolean tn_lanes_have_avx2 (void);
gboolean tn_lanes_have_f16c (void);
/* TRUE: the portable variants run from now on, for comparing them with the others. Not while other threads compute. */
void     tn_lanes_set_portable (gboolean portable);

G_END_DECLS
