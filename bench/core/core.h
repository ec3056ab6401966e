/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* The figures of the numeric core, a function an entry. */
void tn_bench_bit_linear (TnBench *bench);
void tn_bench_dequantize (TnBench *bench);
void tn_bench_forward    (TnBench *bench);
void tn_bench_machine    (TnBench *bench);
void tn_bench_observer   (TnBench *bench);
void tn_bench_onednn     (TnBench *bench);
void tn_bench_pool       (TnBench *bench);
void tn_bench_rows       (TnBench *bench);
void tn_bench_ternary    (TnBench *bench);
void tn_bench_vector     (TnBench *bench);

G_END_DECLS
