/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Products of ternary weights with int8 activations, exact in int32 (columns <= TN_TERNARY_MAX_COLUMNS), so every variant gives
 * the same bits.
 *
 * The weights lie in tiles of 16 rows by 16 columns, 64 bytes each; the tiles of a group of 16 rows stand together, by column.
 * In a tile, byte 4 r + k, bits 2 n .. 2 n + 1, hold the code of row r and column 4 n + k (r < 16, k < 4, n < 4): 0, 1, 2 for
 * -1, 0, +1. Rows and columns behind the end hold code 0, so that products of codes add nothing there whatever the activations are.
 * Shifting a tile by 2 n and masking gives four columns of 16 rows in the order that products of bytes want them; a vector
 * product reads all of it from front to back. */

#define TN_TERNARY_TILE_ROWS 16
#define TN_TERNARY_TILE_COLUMNS 16
#define TN_TERNARY_TILE_BYTES 64
/* 128 * 2^23 = 2^30. */
#define TN_TERNARY_MAX_COLUMNS ((guint64) 1 << 23)

typedef struct
{
  guint64       rows, columns;
  const guint8 *tiles; /* [tn_ternary_bytes (rows, columns)], aligned to 64 */
} TnTernaryMatrix;

/* What scales the sums: y = ((float) sum * token_scales[t]) * row_scale, in this order, each product rounded to float. */
typedef struct
{
  const float *tokens;  /* [n_tokens] */
  const float *rows;    /* [matrix->rows], or one number */
  gboolean     per_row; /* whether rows has a number a row */
  gboolean     adds;    /* y[t][r] = what it held + that */
} TnTernaryScales;

/* Bytes of the tiles; G_MAXSIZE on overflow. */
gsize tn_ternary_bytes         (guint64 rows, guint64 columns);
/* Columns as the activations must have them: rounded up to whole tiles. The activations behind the end may be any number. */
gsize tn_ternary_padded        (guint64 columns);
/* codes: [n, columns] of -1, 0, +1 for rows first .. first + n of the matrix; first is a multiple of 16, and n is too unless the
 * rows end there. */
void  tn_ternary_pack          (guint8 *tiles, guint64 columns, guint64 first, guint64 n, const gint8 *codes);
/* Rows first .. first + n, any, to codes [n, columns]. */
void  tn_ternary_unpack        (const TnTernaryMatrix *self, guint64 first, guint64 n, gint8 *codes);

/* y [n_tokens, n] (row stride y_stride) for rows first .. first + n of the weights (first a multiple of 16, n too unless the rows end
 * there): y[t][r] = scaled sum over k of w[first + r][k] x[t][k], y[t] and scales->rows starting at row first.
 * x: [n_tokens, tn_ternary_padded (columns)] of stride x_stride, each row aligned to 16; x_sums[t]: sum of x[t][0 .. columns).
 * scratch: [tn_ternary_scratch_bytes (columns)], aligned to 64, of this thread alone. Runs on this thread alone.
 * To share a product among threads give each a range of rows: whole groups of 16, and where there are many tokens better 128 and more,
 * for each call copies x once and unpacks its rows once for up to 192 tokens. Few tokens read their range from front to back. */
void  tn_ternary_product       (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride,
                                const gint32 *x_sums, gsize n_tokens, const TnTernaryScales *scales, float *y, gsize y_stride,
                                void *scratch);
/* The sums themselves. */
void  tn_ternary_product_int32 (const TnTernaryMatrix *self, guint64 first, guint64 n, const gint8 *x, gsize x_stride,
                                const gint32 *x_sums, gsize n_tokens, gint32 *y, gsize y_stride, void *scratch);
/* Larger where oneDNN runs the products: to be asked after tn_ternary_choose(). */
gsize tn_ternary_scratch_bytes (guint64 columns);

/* Products with more than a dozen tokens run on oneDNN instead (engine/device/onednn.h) where it is installed, gives the same sums, and a
 * short measurement finds it faster (engine/device/choice.h, "ternary-product"). Decides at the first call, which may take a tenth of a
 * second; not within a parallel region. Without a call our own kernels run. */
void     tn_ternary_choose     (void);
/* For tests and measurements; FALSE where it is not installed. Not while other threads compute. */
gboolean tn_ternary_use_onednn (gboolean use);

G_END_DECLS
