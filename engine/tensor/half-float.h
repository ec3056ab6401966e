/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Arrays of short floats, at any alignment, to float32: exact, the same bits on every machine. A NaN of a half is made quiet; one of bf16
 * keeps its bits. */
void  tn_f16_decode     (const void *source, gsize n, float *out);
void  tn_bf16_decode    (const void *source, gsize n, float *out);
/* And back, rounded to nearest even, NaN kept quiet; FALSE when a finite number became infinite (all are written nevertheless). The same
 * bits as tn_f32_to_f16() and tn_f32_to_bf16(). */
gboolean tn_f16_encode  (const float *x, gsize n, void *out);
gboolean tn_bf16_encode (const float *x, gsize n, void *out);
/* E4M3: finite only, S.1111.111 is NaN, largest 448. E5M2: the upper byte of a half. */
float tn_f8_e4m3_to_f32 (guint8 bits);
float tn_f8_e5m2_to_f32 (guint8 bits);

G_END_DECLS
