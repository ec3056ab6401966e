/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rows of int8 activations, in one block of memory. */
typedef struct
{
  gint8  *codes;  /* [n_rows, stride] */
  gsize   stride;
  float  *scales; /* [n_rows] */
  gint32 *sums;   /* [n_rows]: of each row's codes */
} TnInt8Rows;

/* Bytes for so many rows, and the rows laid into memory of that size, which is aligned to 64. */
gsize     tn_int8_rows_bytes         (gsize n_rows, gsize width);
void      tn_int8_rows_place         (TnInt8Rows *self, void *memory, gsize n_rows, gsize width);
/* x: [n_rows, width]. gain: [width] of the RMSNorm in front, fused, or NULL. Runs a parallel region: call on the compute thread. */
void      tn_int8_rows_quantize      (TnInt8Rows *self, const float *x, const float *gain, double epsilon, gsize n_rows, gsize width,
                                      guint threads);
/* Codes times scales, to out [n_rows, width]. Runs a parallel region: call on the compute thread. */
void      tn_int8_rows_decode        (const TnInt8Rows *self, gsize n_rows, gsize width, float *out, guint threads);

G_END_DECLS
