/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device/rates.h"

#include <omp.h>

#include "engine/device/bandwidth.h"
#include "engine/device/device.h"
#include "engine/device/peak.h"

#define ROUNDS 200000
/* Long enough that a moment in which the machine does something else is not all there is. */
#define SECONDS 0.12

static GMutex mutex; /* of the fields below */
static TnDeviceRates known;
static gboolean have_known;

/* Operations a second of so many threads at once, best of several. */
static double
measure_peak (TnPeakKind kind, guint threads)
{
  double best = 0.0, start = omp_get_wtime ();

  do
    {
      double operations = 0.0, before = omp_get_wtime ();

#pragma omp parallel num_threads((int) threads) reduction(+ : operations)
      operations += tn_peak_run (kind, ROUNDS);
      best = MAX (best, operations / (omp_get_wtime () - before));
    }
  while (omp_get_wtime () - start < SECONDS);
  return best;
}

static void
measure (gpointer user_data)
{
  TnDeviceRates *rates = user_data;
  guint threads = tn_device_get_threads ();

  *rates = (TnDeviceRates){
      .read_bandwidth_core = tn_bandwidth_measure (1),
      .read_bandwidth = tn_bandwidth_measure (threads),
      .fp32_core = measure_peak (TN_PEAK_FP32, 1),
      .fp32 = measure_peak (TN_PEAK_FP32, threads),
      .int8_core = measure_peak (TN_PEAK_INT8, 1),
      .int8 = measure_peak (TN_PEAK_INT8, threads),
      .bf16_core = measure_peak (TN_PEAK_BF16, 1),
      .bf16 = measure_peak (TN_PEAK_BF16, threads),
  };
}

const TnDeviceRates *
tn_device_measure_rates (void)
{
  TnDeviceRates rates;

  tn_compute_run (measure, &rates);
  tn_device_set_rates (&rates);
  return &known;
}

const TnDeviceRates *
tn_device_get_rates (void)
{
  return tn_device_has_rates () ? &known : tn_device_measure_rates ();
}

void
tn_device_set_rates (const TnDeviceRates *rates)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  known = *rates;
  have_known = TRUE;
}

gboolean
tn_device_has_rates (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  return have_known;
}
