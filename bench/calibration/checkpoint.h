/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* The share of a calibration of 134 million parameters that writing checkpoints takes: batches wait for it. */
void tn_bench_checkpoint (TnBench *bench);

G_END_DECLS
