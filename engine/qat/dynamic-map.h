/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Numbers of a byte each: x = scale map[code], with a scale for every block of 256, its largest magnitude. The 256 values of the map lie in seven
 * decades, closer to each other the larger they are: the dynamic tree of Dettmers 2016, arXiv:1511.04561, in the form bitsandbytes uses for the state
 * of optimizers (create_dynamic_map()). For i = 0 … 6 the middles of 2^i equal parts of [0.1, 1], times 10^(i - 6), with both signs; without signs
 * of 2^(i + 1) parts; and 0 and 1. All functions run on the calling thread. */

#define TN_DYNAMIC_BLOCK 256

typedef enum
{
  TN_DYNAMIC_SIGNED,   /* -0.99297 to 1, code 127 is 0 */
  TN_DYNAMIC_UNSIGNED, /* 0 to 1, code 0 is 0 */
} TnDynamicSign;

/* [256], ascending. */
const float *tn_dynamic_map_get (TnDynamicSign sign);
/* x [n], n <= TN_DYNAMIC_BLOCK, to codes [n], each the nearest, and the scale. UNSIGNED: x >= 0, and what is not 0 becomes no less than
 * the smallest value that is not 0, because it will be divided by. A block whose largest magnitude is no normal number becomes zeros, with scale 0. */
void         tn_dynamic_encode  (const float *x, gsize n, TnDynamicSign sign, guint8 *codes, float *scale);
void         tn_dynamic_decode  (const guint8 *codes, gsize n, TnDynamicSign sign, float scale, float *out);

G_END_DECLS
