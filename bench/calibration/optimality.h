/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* How near to the best there is the parameters of each method come: oracle error / achieved error, both measured on the values themselves. */
void tn_bench_optimality (TnBench *bench);

G_END_DECLS
