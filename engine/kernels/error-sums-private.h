/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/error-sums.h"
#include "engine/kernels/variant.h"

/* Private to engine/kernels: tn_error_sums() by hand. Compilers convert 4 floats to doubles by way of memory and take extremes lane by lane. */
void tn_error_sums_avx2 (const float *x, const float *y, gsize n, float *magnitudes, TnMagnitudeCounts *counts, TnErrorSums *sums);
