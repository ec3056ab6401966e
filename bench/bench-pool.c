/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/core/pool-figures.h"
#include "engine/device/device.h"

/* The memory pool on the engine's own work; a line a figure: name value unit. */

static void
print_figure (const char *name, double value, double best, const char *unit, gpointer user_data)
{
  g_print ("%s %.2f %s (best %.2f)\n", name, value, unit, best);
}

static void
print_remark (const char *text, gpointer user_data)
{
  g_print ("# %s\n", text);
}

static void
run (gpointer user_data)
{
  tn_pool_figures (print_figure, print_remark, NULL);
}

int
main (int argc, char **argv)
{
  tn_device_prepare_process (argv);
  tn_compute_run (run, NULL);
  return 0;
}
