/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* processor sets */
#include "engine/device/cpu-info.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define MAX_CPUS 8192

/* The contents of a small system file without the newline, or NULL. */
static char *
read_line (const char *path)
{
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  return g_strchomp (text);
}

static gint64
read_number (guint cpu, const char *name, gint64 otherwise)
{
  g_autofree char *path = g_strdup_printf ("/sys/devices/system/cpu/cpu%u/%s", cpu, name);
  g_autofree char *text = read_line (path);
  gint64 value;

  return text != NULL && g_ascii_string_to_signed (text, 10, G_MININT32, G_MAXINT32, &value, NULL) ? value : otherwise;
}

/* CPU numbers the process may run on, ascending; never empty. */
static GArray *
allowed_cpus (void)
{
  GArray *cpus = g_array_new (FALSE, FALSE, sizeof (guint));
  cpu_set_t *set = CPU_ALLOC (MAX_CPUS);
  gsize bytes = CPU_ALLOC_SIZE (MAX_CPUS);

  CPU_ZERO_S (bytes, set);
  if (sched_getaffinity (0, bytes, set) == 0)
    for (guint i = 0; i < MAX_CPUS; i++)
      if (CPU_ISSET_S (i, bytes, set))
        g_array_append_val (cpus, i);
  CPU_FREE (set);

  for (guint i = 0; cpus->len == 0 && i < g_get_num_processors (); i++)
    g_array_append_val (cpus, i);
  return cpus;
}

/* Whole CPUs the control group grants, rounded up; G_MAXUINT without a limit. */
static guint
quota_cpus (void)
{
  g_autofree char *text = read_line ("/sys/fs/cgroup/cpu.max");
  g_auto (GStrv) fields = text != NULL ? g_strsplit (text, " ", 2) : NULL;
  guint64 quota, period;

  if (fields == NULL || g_strv_length (fields) != 2 || !g_ascii_string_to_unsigned (fields[0], 10, 1, G_MAXINT64, &quota, NULL) ||
      !g_ascii_string_to_unsigned (fields[1], 10, 1, G_MAXINT64, &period, NULL))
    return G_MAXUINT;
  return (guint) CLAMP (quota / period + (quota % period != 0), 1, MAX_CPUS);
}

TnCpuFeatures
tn_cpu_info_features (void)
{
  guint features = 0;

#if defined(__x86_64__)
  __builtin_cpu_init ();
  if (__builtin_cpu_supports ("avx2"))
    features |= TN_CPU_AVX2;
  if (__builtin_cpu_supports ("fma"))
    features |= TN_CPU_FMA;
  if (__builtin_cpu_supports ("f16c"))
    features |= TN_CPU_F16C;
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512dq") &&
      __builtin_cpu_supports ("avx512vl"))
    features |= TN_CPU_AVX512;
  if (__builtin_cpu_supports ("avx512vnni"))
    features |= TN_CPU_AVX512_VNNI;
  if (__builtin_cpu_supports ("avx512bf16"))
    features |= TN_CPU_AVX512_BF16;
#elif defined(__aarch64__)
  features |= TN_CPU_NEON;
  if (getauxval (AT_HWCAP) & HWCAP_ASIMDDP)
    features |= TN_CPU_NEON_DOTPROD;
#endif
  return (TnCpuFeatures) features;
}

char *
tn_cpu_info_model (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return g_strdup ("unknown");

  lines = g_strsplit (text, "\n", 64);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *colon = strchr (lines[i], ':');

      if (colon != NULL && (g_str_has_prefix (lines[i], "model name") || g_str_has_prefix (lines[i], "Model")))
        return g_strstrip (g_strdup (colon + 1));
    }
  return g_strdup ("unknown");
}

guint
tn_cpu_info_cores (void)
{
  g_autoptr (GArray) cpus = allowed_cpus ();
  g_autoptr (GHashTable) cores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < cpus->len; i++)
    {
      guint cpu = g_array_index (cpus, guint, i);
      gint64 core = read_number (cpu, "topology/core_id", -1);
      gint64 package = read_number (cpu, "topology/physical_package_id", 0);
      gint64 die = read_number (cpu, "topology/die_id", 0);

      /* A CPU whose core is not named counts as one of its own. */
      g_hash_table_add (cores, core >= 0 ? g_strdup_printf ("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT,
                                                            package, die, core)
                                         : g_strdup_printf ("cpu %u", cpu));
    }
  return MIN (g_hash_table_size (cores), quota_cpus ());
}

static gsize
cache_from_sysfs (guint cpu, guint level)
{
  for (guint i = 0; i < 16; i++)
    {
      g_autofree char *level_name = g_strdup_printf ("cache/index%u/level", i);
      g_autofree char *type_path = g_strdup_printf ("/sys/devices/system/cpu/cpu%u/cache/index%u/type", cpu, i);
      g_autofree char *size_path = g_strdup_printf ("/sys/devices/system/cpu/cpu%u/cache/index%u/size", cpu, i);
      g_autofree char *type = read_line (type_path);
      g_autofree char *size = read_line (size_path);
      char *unit;
      guint64 value;

      if (type == NULL || size == NULL)
        return 0;
      if (read_number (cpu, level_name, 0) != level || g_str_equal (type, "Instruction"))
        continue;
      value = g_ascii_strtoull (size, &unit, 10);
      return (gsize) (*unit == 'K' ? value << 10 : *unit == 'M' ? value << 20 : value);
    }
  return 0;
}

gsize
tn_cpu_info_cache (guint level)
{
  const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  g_autoptr (GArray) cpus = allowed_cpus ();
  gsize bytes;
  long fallback;

  g_return_val_if_fail (level >= 1 && level <= G_N_ELEMENTS (names), 0);

  bytes = cache_from_sysfs (g_array_index (cpus, guint, 0), level);
  if (bytes != 0)
    return bytes;
  fallback = sysconf (names[level - 1]);
  return fallback > 0 ? (gsize) fallback : 0;
}
