/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <errno.h>
#include <unistd.h>

#include "engine/device/cpu-info.h"

/* Turns of libgomp's loop before a thread sleeps: some 30 microseconds. */
#define SHORT_WAIT "2000"

/* OpenBLAS falls back to its oldest kernels on a processor younger than itself (five times slower): the kernels this
 * processor can run are then named to it. NULL where it chose well. */
static const char *
better_blas_kernels (void)
{
#if defined(__x86_64__)
  const TnCpuFeatures features = tn_cpu_info_features ();

  if (g_ascii_strcasecmp (openblas_get_corename (), "prescott") != 0)
    return NULL;
  if (features & TN_CPU_AVX512)
    return "SkylakeX";
  if ((features & TN_CPU_AVX2) && (features & TN_CPU_FMA))
    return "Haswell";
#endif
  return NULL;
}

/* What the user has set stays. TRUE when the variable is new. */
static gboolean
set_where_absent (const char *variable, const char *value)
{
  return value != NULL && g_getenv (variable) == NULL && g_setenv (variable, value, FALSE);
}

void
tn_device_prepare_process (char **argv)
{
  /* In the second round both are set: that ends it. */
  gboolean policy = set_where_absent ("OMP_WAIT_POLICY", "passive");
  /* A token is a hundred parallel regions with a few microseconds between them, and waking takes longer than that. */
  gboolean spin = policy && set_where_absent ("GOMP_SPINCOUNT", SHORT_WAIT);
  gboolean kernels = set_where_absent ("OPENBLAS_CORETYPE", better_blas_kernels ());

  if (!policy && !kernels)
    return;
  execv ("/proc/self/exe", argv);

  g_debug ("the program could not execute itself again: %s", g_strerror (errno));
  if (policy)
    g_unsetenv ("OMP_WAIT_POLICY");
  if (spin)
    g_unsetenv ("GOMP_SPINCOUNT");
  if (kernels)
    g_unsetenv ("OPENBLAS_CORETYPE");
}
