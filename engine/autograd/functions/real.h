/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/function.h"

G_BEGIN_DECLS

/* A loop over elements 0 .. n - 1 in either type: statement uses REAL and i. Elements go to threads in blocks. */
#define TN_FOR_ELEMENTS(call, n, statement)                                                         \
  G_STMT_START                                                                                      \
  {                                                                                                 \
    gint64 n_elements_ = (gint64) (n);                                                              \
    int threads_ = n_elements_ >= TN_PARALLEL_ELEMENTS ? (int) (call)->threads : 1;                 \
    if ((call)->dtype == TN_DTYPE_F64)                                                              \
      {                                                                                             \
        typedef double REAL;                                                                        \
        _Pragma ("omp parallel for schedule(static) num_threads(threads_)")                         \
        for (gint64 i = 0; i < n_elements_; i++)                                                    \
          statement;                                                                                \
      }                                                                                             \
    else                                                                                            \
      {                                                                                             \
        typedef float REAL;                                                                         \
        _Pragma ("omp parallel for simd schedule(static) num_threads(threads_)")                    \
        for (gint64 i = 0; i < n_elements_; i++)                                                    \
          statement;                                                                                \
      }                                                                                             \
  }                                                                                                 \
  G_STMT_END

/* Fewer are not worth waking threads for. */
#define TN_PARALLEL_ELEMENTS 16384

static inline gsize
tn_real_bytes (TnDtype dtype)
{
  return dtype == TN_DTYPE_F64 ? sizeof (double) : sizeof (float);
}

/* Writes or adds. */
#define TN_PUT(adds, place, value) ((place) = (adds) ? (place) + (value) : (value))

G_END_DECLS
