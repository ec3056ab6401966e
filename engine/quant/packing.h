/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Codes in as few bits as files hold them in. Packing takes codes in order and gives the number of those that the form cannot
 * hold; they are stored as 0. Unpacking takes any range first .. first + n of the packed codes, and gives the number of codes in it whose
 * pattern none has (a 2-bit 3, all five of a byte that is no five digits); they are read as 0. Whoever gets another number than 0 refuses
 * what was packed, and says so.
 *
 * Sizes are for whole tensors and FALSE on overflow or where a form wants a multiple. Check sums: engine/crc32c.h. Threads: any, on
 * different bytes. The same bytes on every processor.
 *
 * Which form is the smallest depends on the fraction z of zeros. Base 3 takes 1.6 bits a code; the sparse form 2 - z, which is less
 * above z = 0.4: the codes of ternary:twn and ternary:lloyd (42 to 70 % zeros, 1.3 to 1.55 bits), not those of ternary (31 to 38 %). It is
 * within 5 % of the entropy and, with AVX2 and BMI2, reads twice as fast. Lengths of runs take more than twice of either, for the zeros
 * of weights do not cluster; codes of variable length for them save at most 3 % on the sparse form and read a hundred times slower:
 * neither is here. */

/* Plain 2-bit codes: 0, 1, 2 for -1, 0, +1, four a byte, the first in the low bits; the order of TN_DTYPE_TERNARY. What is left of the
 * last byte holds 1. 2 bits a code. */
guint64  tn_pack_ternary2_bytes   (guint64 n);
gsize    tn_pack_ternary2         (const gint8 *codes, gsize n, guint8 *out);
gsize    tn_unpack_ternary2       (const guint8 *bytes, gsize first, gsize n, gint8 *codes);

/* Base 3: five digits (code + 1) a byte, the first in the highest place, stored as ceil (digits * 256 / 243), so that multiplying by 3
 * brings one digit after the other above the byte: the arithmetic of TQ1_0. The last byte is filled up with digit 1. 1.6 bits a code. */
guint64  tn_pack_ternary5_bytes   (guint64 n);
gsize    tn_pack_ternary5         (const gint8 *codes, gsize n, guint8 *out);
gsize    tn_unpack_ternary5       (const guint8 *bytes, gsize first, gsize n, gint8 *codes);

/* Sparse: a map with a bit for every code, set where it is not 0; for every TN_SPARSE_BLOCK codes, how many of those before them are not
 * 0; and for each that is not 0 a bit, set for -1. All in words of 64 bits, little-endian, the first code lowest, bits behind the end 0.
 * The size depends on the codes: tn_pack_sparse_bytes() of their number and of those that are not 0. What was read from a file has to pass
 * tn_check_sparse() once before any of it is unpacked. */
#define TN_SPARSE_BLOCK 16384
gboolean tn_pack_sparse_bytes     (guint64 n, guint64 n_nonzero, guint64 *bytes);
guint64  tn_count_nonzero         (const gint8 *codes, gsize n);
gsize    tn_pack_sparse           (const gint8 *codes, gsize n, guint8 *out);
/* FALSE when so many bytes cannot be n codes: a wrong size, counts that do not fit the map, bits behind the end. */
gboolean tn_check_sparse          (const guint8 *bytes, guint64 size, guint64 n);
/* Every pattern that passed the check is a code. n_total: codes in all. */
void     tn_unpack_sparse         (const guint8 *bytes, guint64 n_total, guint64 first, gsize n, gint8 *codes);

/* Hugging Face's BitNet ("pack_weights"): a matrix [rows, columns] in ceil (rows / 4) rows R of bytes; bits 2k .. 2k + 1 of byte [r, c]
 * hold code + 1 of [k R + r, c]. codes[k]: n codes side by side of row k R + r, or NULL where that is behind the last row: 0 stands in its
 * place, as the original leaves it. */
gboolean tn_pack_bitnet_bytes     (guint64 rows, guint64 columns, guint64 *bytes);
guint64  tn_pack_bitnet_rows      (guint64 rows);
gsize    tn_pack_bitnet           (const gint8 *const codes[4], gsize n, guint8 *out);
/* first, n: elements of the matrix in row-major order. */
gsize    tn_unpack_bitnet         (const guint8 *bytes, guint64 rows, guint64 columns, guint64 first, guint64 n, gint8 *codes);

/* I2_S of bitnet.cpp: blocks of 128 codes (x86; 64 by its ARM quantizer) over the flattened tensor; byte p of a block holds code + 1 of
 * the elements p, q + p, 2q + p, 3q + p (q a quarter of the block) from its high to its low bits. Behind all blocks stand the scale of the
 * tensor, a float, and zeros up to TN_I2_S_TAIL_BYTES. n is a multiple of block. */
#define TN_I2_S_BLOCK 128
#define TN_I2_S_BLOCK_ARM 64
#define TN_I2_S_TAIL_BYTES 32
gboolean tn_pack_i2_s_bytes       (guint64 n, guint block, guint64 *bytes);
gsize    tn_pack_i2_s             (const gint8 *codes, gsize n, guint block, guint8 *out);
gsize    tn_unpack_i2_s           (const guint8 *bytes, guint block, gsize first, gsize n, gint8 *codes);
void     tn_pack_i2_s_tail        (float scale, guint8 tail[TN_I2_S_TAIL_BYTES]);
float    tn_unpack_i2_s_scale     (const guint8 tail[TN_I2_S_TAIL_BYTES]);

/* Rows of integers in bits (1 .. 8) each, as one number in little-endian order, the first code lowest; every row starts with a byte of its
 * own, and the rest of its last byte is 0. What is stored is code + 2^(bits - 1) for codes -2^(bits - 1) .. 2^(bits - 1) - 1; with one
 * bit, 0 for -1 (and for what is no code) and 1 for +1. Every pattern is a code. */
gboolean tn_pack_bits_bytes       (guint bits, guint64 rows, guint64 columns, guint64 *bytes);
gsize    tn_pack_bits_row_bytes   (guint bits, gsize columns);
gsize    tn_pack_bits             (guint bits, const gint8 *codes, gsize columns, guint8 *out);
void     tn_unpack_bits           (guint bits, const guint8 *bytes, gsize first, gsize n, gint8 *codes);

/* Codes of TnCoder, which count from the zero point, to 8 bits: code + offset. offset: 0 for symmetric schemes; 2^(B-1) less than the zero
 * point for asymmetric ones, which gives the signed code of B bits. Gives the number of those that do not fit. */
gsize    tn_codes_narrow          (const gint16 *codes, gsize n, gint offset, gint8 *out);

G_END_DECLS
