/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Products of fp32 matrices, c [m, n] = a [m, depth] b [depth, n], and of a matrix by a vector. Every element is one chain of
 * fused multiply-adds in the order of the depth, s = 0;  s = fma (a[i][0], b[0][j], s);  s = fma (a[i][1], b[1][j], s);  …
 * c[i][j] = s, and a chain that is cut and resumed is the same chain. So its bits depend on row i of a and column j of b alone:
 * not on the other rows, on how work is cut into blocks, on threads, nor on the instruction set; the scalar variant says what
 * they are. All functions run on the calling thread alone. */

/* What stands for this arithmetic wherever results are kept; changes when the bits do. */
#define TN_MATRIX_PRODUCT_NAME "ternion fma chain 1"

/* b is read as panels of 16 columns, those of a row side by side: [n in panels][depth][TN_PANEL_COLUMNS], columns behind the end
 * 0. Panels of TN_PANEL_DEPTH rows and TN_PANEL_GROUP columns fill half of the second cache, from where they are read again and
 * again: a larger b goes in such parts, and every part meets all rows of a. */
#define TN_PANEL_COLUMNS 16
#define TN_PANEL_DEPTH 512
#define TN_PANEL_GROUP 128

/* Floats of the panels. */
static inline gsize tn_panel_count (gsize n, gsize depth)
{
  return (n + TN_PANEL_COLUMNS - 1) / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS * depth;
}

/* panels: aligned to 64 bytes, as everything from the pool. b is transposed: columns[j * stride + k] is b[k][j]. */
void tn_panel_pack_transposed (const float *columns, gsize stride, gsize n, gsize depth, float *panels);
/* rows[k * stride + j] is b[k][j]. */
void tn_panel_pack (const float *rows, gsize stride, gsize n, gsize depth, float *panels);

/* Rows [depth] from columns: out[k * out_stride + j] = columns[j * stride + k] of n columns. */
void tn_matrix_transpose (const float *columns, gsize stride, gsize n, gsize depth, float *out, gsize out_stride);

typedef enum
{
  TN_CHAIN_START,  /* s = 0 at first */
  TN_CHAIN_RESUME, /* s = c[i][j] at first */
  TN_CHAIN_CAUSAL, /* s = 0 at first; row i takes depth + i steps, so that panels hold depth + m - 1 rows at least */
} TnChain;

/* c [m, n] (rows c_stride apart) from a (rows a_stride apart) and the panels of b, which are panel_depth deep; the first depth
 * rows of b take part. c overlaps neither. */
void tn_panel_multiply (const float *a, gsize a_stride, gsize m, const float *panels, gsize panel_depth, gsize n, gsize depth,
                        float *c, gsize c_stride, TnChain chain);

/* y [n] = chains over depth of x[k] and b[k][j]: the same bits as a row of the product. b is given as for packing. */
void tn_vector_multiply_transposed (const float *x, const float *columns, gsize stride, gsize n, gsize depth, float *y,
                                    TnChain chain);
void tn_vector_multiply (const float *x, const float *rows, gsize stride, gsize n, gsize depth, float *y, TnChain chain);

G_END_DECLS
