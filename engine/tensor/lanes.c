/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/lanes.h"

static gboolean portable_only;

gboolean
tn_lanes_have_avx2 (void)
{
#if TN_LANES_X86
  return !portable_only && __builtin_cpu_supports ("avx2");
#else
  return FALSE;
#endif
}

gboolean
tn_lanes_have_f16c (void)
{
#if TN_LANES_X86
  return !portable_only && __builtin_cpu_supports ("avx") && __builtin_cpu_supports ("f16c");
#else
  return FALSE;
#endif
}

void
tn_lanes_set_portable (gboolean portable)
{
  portable_only = portable;
}
