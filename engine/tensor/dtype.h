/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the elements of a tensor are stored. The first group holds plain numbers; the second the block forms of
 * GGUF (block sizes: GGUF type table); the last are opaque and can be listed but not decoded. */
typedef enum
{
  TN_DTYPE_INVALID,
  TN_DTYPE_F64,
  TN_DTYPE_F32,
  TN_DTYPE_F16,
  TN_DTYPE_BF16,
  TN_DTYPE_F8_E4M3,
  TN_DTYPE_F8_E5M2,
  TN_DTYPE_I8,
  TN_DTYPE_U8,
  TN_DTYPE_BOOL,
  TN_DTYPE_I16,
  TN_DTYPE_U16,
  TN_DTYPE_I32,
  TN_DTYPE_U32,
  TN_DTYPE_I64,
  TN_DTYPE_U64,
  TN_DTYPE_TERNARY, /* our own packing: 4 codes a byte, first in the low bits; 0, 1, 2 = -1, 0, +1; code 3 decodes to NaN; a tensor may have scales (TnTensor.scales) */
  TN_DTYPE_Q8_GROUP, /* llama2.c v2: i8 elements, an f32 scale a group kept apart (TnTensor.scales) */
  TN_DTYPE_Q4_0,
  TN_DTYPE_Q4_1,
  TN_DTYPE_Q5_0,
  TN_DTYPE_Q5_1,
  TN_DTYPE_Q8_0,
  TN_DTYPE_Q4_K,
  TN_DTYPE_Q6_K,
  TN_DTYPE_TQ1_0,
  TN_DTYPE_TQ2_0,
  TN_DTYPE_PACKED, /* a layout of the whole tensor that its maker decodes (TnTensorDecodeFunc) */
  TN_DTYPE_OPAQUE, /* known size, unknown meaning: listed, never decoded */
  TN_N_DTYPES
} TnDtype;

/* "f32", "q4_K", … as shown to users. */
const char *tn_dtype_get_name    (TnDtype dtype);
/* Elements a block (1 for plain numbers), and bytes a block; 0 for PACKED and OPAQUE. */
gsize       tn_dtype_block_elements (TnDtype dtype);
gsize       tn_dtype_block_bytes    (TnDtype dtype);
#define TN_DTYPE_MOST_BLOCK_ELEMENTS 256
/* Bytes of n elements; FALSE on overflow or when n is no multiple of the block. */
gboolean    tn_dtype_bytes       (TnDtype dtype, guint64 n, guint64 *bytes);
/* TRUE for all but INVALID and OPAQUE. */
gboolean    tn_dtype_can_decode  (TnDtype dtype);
/* TRUE for I8 to U64; BOOL is none. */
gboolean    tn_dtype_is_integer (TnDtype dtype);
/* n elements starting at a block boundary, to float32; source at any alignment. The last block may be taken in part. F64 and wide integers are rounded to nearest.
 * Q8_GROUP (its scales are apart) and PACKED cannot be decoded here: use tn_tensor_decode(). */
void        tn_dtype_decode      (TnDtype dtype, const void *source, gsize n, float *out);
/* TRUE for what tn_dtype_encode() writes: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, TQ1_0, TQ2_0. */
gboolean    tn_dtype_can_encode  (TnDtype dtype);
/* Whether rows of so many elements consist of whole blocks, as GGUF wants them; TN_ERROR_SHAPE says what they must be a multiple of. */
gboolean    tn_dtype_check_width (TnDtype dtype, guint64 columns, GError **error);
/* n elements, whole blocks of them, to out [tn_dtype_bytes (n)] at any alignment. F32 keeps all bits; F16 and BF16 round to nearest even
 * and keep NaN (made quiet) and infinities. Block forms: tn_ggml_encode_blocks(), byte for byte the reference's.
 * TN_ERROR_SHAPE: no whole blocks; TN_ERROR_DATA: a finite element would become infinite, or a block form cannot hold an element.
 * Indices in messages count from x. On failure the contents of out are undefined. Threads: any. */
gboolean    tn_dtype_encode      (TnDtype dtype, const float *x, gsize n, void *out, GError **error);

float   tn_f16_to_f32  (guint16 bits);
guint16 tn_f32_to_f16  (float value); /* round to nearest even, overflow to infinity */
float   tn_bf16_to_f32 (guint16 bits);
guint16 tn_f32_to_bf16 (float value); /* round to nearest even, NaN kept quiet */

G_END_DECLS
