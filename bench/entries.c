/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"
#include "bench/core/core.h"

static const TnBenchEntry entries[] = {
    {"core", {"machine_"}, tn_bench_machine},
};

const TnBenchEntry *
tn_bench_entries (guint *n)
{
  *n = G_N_ELEMENTS (entries);
  return entries;
}
