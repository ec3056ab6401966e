/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* The figures of the numeric core, a function an entry. */
void tn_bench_bit_linear (TnBench *bench);
void tn_bench_dequantize (TnBench *bench);
void tn_bench_machine    (TnBench *bench);
void tn_bench_observer   (TnBench *bench);
void tn_bench_rows       (TnBench *bench);

G_END_DECLS
