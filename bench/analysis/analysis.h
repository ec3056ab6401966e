/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* The figures of error analysis, a function an entry. */
void tn_bench_error_metrics (TnBench *bench);
void tn_bench_sensitivity   (TnBench *bench);

G_END_DECLS
