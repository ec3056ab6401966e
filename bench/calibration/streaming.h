/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* Calibration of data that memory does not hold: 10 GB of recorded activations, a token file of 10 GB, and a model's calibration from disk beside
 * the same batches in memory. TERNION_BENCH_BYTES: of each of the first two instead, for a quick run, whose figures have no target then. */
void tn_bench_streaming (TnBench *bench);

G_END_DECLS
