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

/* The same over rows [rows, columns]: statement uses REAL, row and i, the column. */
#define TN_FOR_ROWS(call, rows, columns, statement)                                                 \
  G_STMT_START                                                                                      \
  {                                                                                                 \
    gsize n_rows_ = (rows), n_columns_ = (columns);                                                 \
    int threads_ = n_rows_ * n_columns_ >= TN_PARALLEL_ELEMENTS ? (int) (call)->threads : 1;        \
    if ((call)->dtype == TN_DTYPE_F64)                                                              \
      {                                                                                             \
        typedef double REAL;                                                                        \
        _Pragma ("omp parallel for schedule(static) num_threads(threads_)")                         \
        for (gsize row = 0; row < n_rows_; row++)                                                   \
          for (gsize i = 0; i < n_columns_; i++)                                                    \
            statement;                                                                              \
      }                                                                                             \
    else                                                                                            \
      {                                                                                             \
        typedef float REAL;                                                                         \
        _Pragma ("omp parallel for schedule(static) num_threads(threads_)")                         \
        for (gsize row = 0; row < n_rows_; row++)                                                   \
          _Pragma ("omp simd")                                                                      \
          for (gsize i = 0; i < n_columns_; i++)                                                    \
            statement;                                                                              \
      }                                                                                             \
  }                                                                                                 \
  G_STMT_END

/* Blocks of elements of float32, from first on count of them: statement calls a kernel, for which blocks make no difference. */
#define TN_FOR_BLOCKS(call, n, statement)                                                           \
  G_STMT_START                                                                                      \
  {                                                                                                 \
    gsize n_elements_ = (n);                                                                        \
    int threads_ = n_elements_ >= TN_PARALLEL_ELEMENTS ? (int) (call)->threads : 1;                 \
    _Pragma ("omp parallel for schedule(static) num_threads(threads_)")                             \
    for (gsize first = 0; first < n_elements_; first += TN_BLOCK_ELEMENTS)                          \
      {                                                                                             \
        gsize count = MIN (TN_BLOCK_ELEMENTS, n_elements_ - first);                                 \
                                                                                                    \
        statement;                                                                                  \
      }                                                                                             \
  }                                                                                                 \
  G_STMT_END

#define TN_BLOCK_ELEMENTS 4096

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
