/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The product of a vector with rows of Q8_0 blocks as they lie in memory: 34 bytes for 32 columns, a scale in fp16 before 32 codes of
 * 8 bits (GGUF). The usual form of a head, which is read once a token. */

#define TN_Q8_0_ROWS 16
#define TN_Q8_0_COLUMNS 32 /* a block */

/* y [TN_Q8_0_ROWS]: chains over depth of fused multiply-adds of x[k] and code times scale, which is exact: the same bits as
 * tn_vector_multiply_transposed() of the decoded rows. rows: any alignment, a row every n_blocks blocks, which are its depth. Runs on
 * this thread alone. The same bits in every variant. */
void     tn_vector_multiply_q8_0 (const float *x, const void *rows, gsize n_blocks, float *y);
/* FALSE where decoding first is faster: without instructions for it. */
gboolean tn_vector_q8_0_is_fast  (void);

G_END_DECLS
