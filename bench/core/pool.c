/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bench/core/core.h"
#include "bench/core/pool-figures.h"

#define TARGET "pool_small_vs_aligned_alloc_2t"

static void
add_figure (const char *name, double value, double best, const char *unit, gpointer user_data)
{
  gboolean goal = strcmp (name, TARGET) == 0;

  tn_bench_add (user_data, name, value, best, unit, goal ? TN_GOAL_AT_LEAST : TN_GOAL_NONE, 3.0, NAN);
}

static void
add_remark (const char *text, gpointer user_data)
{
  tn_bench_remark (user_data, "%s", text);
}

void
tn_bench_pool (TnBench *bench)
{
  tn_pool_figures (add_figure, add_remark, bench);
}
