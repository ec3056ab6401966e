/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/variant.h"

#include "engine/device/device.h"

static int current = -1;

TnVariant
tn_variant_get (void)
{
  int variant = g_atomic_int_get (&current);

  if (G_UNLIKELY (variant < 0))
    {
      const char *name = tn_device_auto_select ()->name;

      variant = g_str_equal (name, "cpu-avx512") ? TN_VARIANT_AVX512
                : g_str_equal (name, "cpu-avx2") ? TN_VARIANT_AVX2
                : g_str_equal (name, "cpu-neon") ? TN_VARIANT_NEON
                                                 : TN_VARIANT_SCALAR;
      g_atomic_int_set (&current, variant);
    }
  return (TnVariant) variant;
}

gboolean
tn_variant_use (TnVariant variant)
{
  static const TnCpuFeatures needs[TN_N_VARIANTS] = {
      [TN_VARIANT_AVX2] = TN_CPU_AVX2 | TN_CPU_FMA,
      [TN_VARIANT_AVX512] = TN_CPU_AVX512,
      [TN_VARIANT_NEON] = TN_CPU_NEON,
  };

  if ((needs[variant] & ~tn_device_auto_select ()->features) != 0)
    return FALSE;
  g_atomic_int_set (&current, (int) variant);
  return TRUE;
}
