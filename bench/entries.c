/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"
#include "bench/core/core.h"

static const TnBenchEntry entries[] = {
    {"core", {"machine_"}, tn_bench_machine},
    {"core", {"bit_linear_"}, tn_bench_bit_linear},
    {"core", {"norm_quant_", "ternarize_"}, tn_bench_rows},
    {"core", {"histogram_", "observer_"}, tn_bench_observer},
    {"core", {"dequantize_", "elementwise_"}, tn_bench_dequantize},
};

const TnBenchEntry *
tn_bench_entries (guint *n)
{
  *n = G_N_ELEMENTS (entries);
  return entries;
}
