/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/core/core.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/device/rates.h"

/* The limits that the other figures stand beside. */
void
tn_bench_machine (TnBench *bench)
{
  const TnDevice *device = tn_device_auto_select ();
  const TnDeviceRates *rates = tn_device_measure_rates ();
  const struct
  {
    const char *name;
    double value;
    const char *unit;
  } figures[] = {
      {"machine_read_bandwidth_core", rates->read_bandwidth_core, "GB/s"},
      {"machine_read_bandwidth", rates->read_bandwidth, "GB/s"},
      {"machine_fp32_core", rates->fp32_core, "GFLOP/s"},
      {"machine_fp32", rates->fp32, "GFLOP/s"},
      {"machine_int8_core", rates->int8_core, "GOP/s"},
      {"machine_int8", rates->int8, "GOP/s"},
      {"machine_bf16_core", rates->bf16_core, "GFLOP/s"},
      {"machine_bf16", rates->bf16, "GFLOP/s"},
  };

  tn_bench_remark (bench, "%s, %s, %u threads, %s, products of floats: %s", device->cpu_model, device->name, device->threads,
                   device->blas, tn_product_back_end_get_name (device->product));
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    if (figures[i].value > 0.0)
      tn_bench_add (bench, figures[i].name, figures[i].value * 1e-9, figures[i].value * 1e-9, figures[i].unit, TN_GOAL_NONE, NAN,
                    NAN);
}
