/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/window.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y[n][o][i][j] = bias[o] + sum over c, u, v of weight[o][c][u][v] x[n][c][i stride + u - padding][j stride + v - padding], x being 0 outside.
 * x: [n, channels, height, width]; weight: [out, channels, window height, window width], or the same as rows, [out, channels x window],
 * as quantizers take it; bias: [out] or NULL; y: [n, out, windows down, windows across].
 * dx, dweight: dy times what each was multiplied by, summed; dbias[o] = sum of dy[.][o].
 * float32: windows are laid out as columns, some rows of windows at a time (Chellapilla et al., High Performance Convolutional Neural
 * Networks for Document Processing, 2006), and multiplied as matrices; images are shared out among threads, and gradients of the weight
 * are summed in 8 fixed parts of the batch. */
TnValue *tn_tape_conv2d (TnTape *tape, TnValue *x, TnValue *weight, TnValue *bias, const TnWindow *window);

G_END_DECLS
