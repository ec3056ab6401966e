/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/window.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* x: [n, channels, height, width]; y: [n, channels, windows down, windows across]. */

/* y = the largest of the window, what lies outside the image not counting, NaN above all; dy goes to the first element of the window, row by
 * row, that has it. Keeps nothing but x. */
TnValue *tn_tape_max_pool     (TnTape *tape, TnValue *x, const TnWindow *window);
/* y = mean of the window, what lies outside the image counting as zeros; each element takes dy / elements of the window. */
TnValue *tn_tape_average_pool (TnTape *tape, TnValue *x, const TnWindow *window);
/* y [n, channels] = mean of the whole image; each element takes dy / elements. */
TnValue *tn_tape_global_average_pool (TnTape *tape, TnValue *x);

G_END_DECLS
