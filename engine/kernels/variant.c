/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/variant.h"

#include <string.h>

#include "engine/device/device.h"

static const struct
{
  const char *device;
  TnCpuFeatures needs;
} variants[TN_N_VARIANTS] = {
    [TN_VARIANT_SCALAR] = {"cpu-scalar", 0},
    [TN_VARIANT_AVX2] = {"cpu-avx2", TN_CPU_AVX2 | TN_CPU_FMA},
    [TN_VARIANT_AVX512] = {"cpu-avx512", TN_CPU_AVX512},
    [TN_VARIANT_AVX512_VNNI] = {"cpu-avx512", TN_CPU_AVX512 | TN_CPU_AVX512_VNNI},
    [TN_VARIANT_NEON] = {"cpu-neon", TN_CPU_NEON},
    [TN_VARIANT_NEON_DOTPROD] = {"cpu-neon", TN_CPU_NEON | TN_CPU_NEON_DOTPROD},
};

static int current = -1;

/* The last of the device's variants that the processor has. */
static TnVariant
best_variant (const TnDevice *device)
{
  guint variant = TN_N_VARIANTS - 1;

  while (variant > TN_VARIANT_SCALAR && (strcmp (variants[variant].device, device->name) != 0 ||
                                         (variants[variant].needs & device->features) != variants[variant].needs))
    variant--;
  return (TnVariant) variant;
}

TnVariant
tn_variant_get (void)
{
  int variant = g_atomic_int_get (&current);

  if (G_UNLIKELY (variant < 0))
    {
      variant = best_variant (tn_device_auto_select ());
      g_atomic_int_set (&current, variant);
    }
  return (TnVariant) variant;
}

gboolean
tn_variant_use (TnVariant variant)
{
  if ((variants[variant].needs & tn_device_auto_select ()->cpu_features) != variants[variant].needs)
    return FALSE;
  g_atomic_int_set (&current, (int) variant);
  return TRUE;
}
