/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/device/choice.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/error.h"
#include "engine/memory/pool.h"

static char **program_arguments;

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_device_override ("gpu-9000", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "gpu-9000"));
  g_assert_nonnull (strstr (error->message, "cpu-scalar"));
  g_clear_error (&error);
  g_assert_true (tn_device_override ("cpu-scalar", &error));
  g_assert_true (tn_device_override ("auto", &error));
  g_assert_no_error (error);
}

static void
test_description (void)
{
  const TnDevice *device = tn_device_auto_select ();

  g_assert_true (device == tn_device_auto_select ());
  g_assert_true (g_str_has_prefix (device->name, "cpu-"));
  g_assert_cmpuint (strlen (device->cpu_model), >, 0);
  g_assert_cmpuint (device->cores, >=, 1);
  g_assert_cmpuint (device->cores, <=, (guint) sysconf (_SC_NPROCESSORS_CONF));
  g_assert_cmpuint (device->memory_bytes, >, 64 << 20);
  if (device->l2_bytes != 0)
    g_assert_cmpuint (device->l1d_bytes, <=, device->l2_bytes);
  g_test_message ("%s, %s, %u cores, caches %zu %zu %zu, blas %s, wait %s", device->name, device->cpu_model, device->cores,
                  device->l1d_bytes, device->l2_bytes, device->l3_bytes, device->blas, device->wait_policy);

  /* Threads of another runtime would fight ours. */
  g_assert_nonnull (strstr (device->blas, "openblas"));
  g_assert_nonnull (strstr (device->blas, "USE_OPENMP"));
}

static void
test_override_comes_too_late (void)
{
  g_autoptr (GError) error = NULL;
  const char *name = tn_device_auto_select ()->name;

  g_assert_true (tn_device_override (name, &error));
  if (g_str_equal (name, "cpu-scalar"))
    return;
  g_assert_false (tn_device_override ("cpu-scalar", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_BUSY);
}

/* What a device may not use is gone from its features, so that no kernel can ask for it. */
static void
test_features (void)
{
  const TnDevice *device = tn_device_auto_select ();

  g_assert_cmphex (device->features & ~device->cpu_features, ==, 0);
  if (g_str_equal (device->name, "cpu-scalar"))
    g_assert_cmphex (device->features, ==, 0);
  if (g_str_equal (device->name, "cpu-avx2"))
    g_assert_cmphex (device->features & (TN_CPU_AVX512 | TN_CPU_AVX512_VNNI | TN_CPU_AVX512_BF16), ==, 0);
}

/* One device a process: the others are asked of a child. */
static char *
run_child (const char *const *arguments)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "OMP_WAIT_POLICY");
  g_autoptr (GError) error = NULL;
  char *out = NULL;
  int status;

  g_ptr_array_add (all, program_arguments[0]);
  for (; *arguments != NULL; arguments++)
    g_ptr_array_add (all, (char *) *arguments);
  g_ptr_array_add (all, NULL);
  g_spawn_sync (NULL, (char **) all->pdata, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  return g_strchomp (out);
}

static void
test_products (void)
{
  const struct
  {
    const char *name, *expected;
  } cases[] = {
      {"cpu-scalar", "cpu-scalar * 0"},
      {"cpu-scalar+own", "cpu-scalar own 0"},
      {"cpu-scalar+openblas", "cpu-scalar openblas 0"},
      {"auto+openblas", "* openblas *"},
      {"auto+own", "* own *"},
      {"auto+", "*+own, +openblas"},
      {"auto+cublas", "*auto+cublas*+own, +openblas"},
      {"+own", "*unknown*"},
      {"", "*unknown*"},
  };
  const TnDevice *device = tn_device_auto_select ();
  gboolean fused = (device->cpu_features & (TN_CPU_FMA | TN_CPU_NEON)) != 0;
  g_autofree char *scalar = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *out = run_child ((const char *const[]){"--print-device", cases[i].name, NULL});

      g_test_message ("%s: %s", cases[i].name, out);
      g_assert_true (g_pattern_match_simple (cases[i].expected, out));
    }
  /* The rule asks what the processor has, not what the device uses: all devices of a machine multiply alike. */
  scalar = run_child ((const char *const[]){"--print-device", "cpu-scalar", NULL});
  g_assert_cmpstr (scalar, ==, fused ? "cpu-scalar own 0" : "cpu-scalar openblas 0");
}

static void
join_team (gpointer user_data)
{
#pragma omp parallel num_threads(2)
#pragma omp critical
  (*(guint *) user_data)++;
}

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* After a parallel region its threads wait for the next one: that must cost nothing. */
static void
test_idle_threads (void)
{
  g_autofree char *out = run_child ((const char *const[]){"--print-idle", NULL});
  double seconds = g_ascii_strtod (out, NULL);

  g_test_message ("CPU time while idle for 0.5 s: %s", out);
  g_assert_cmpfloat (seconds, <, 0.1);
}

static void
test_rates (void)
{
  TnDeviceRates rates = *tn_device_get_rates ();
  const TnDevice *device = tn_device_auto_select ();

  g_assert_true (tn_device_has_rates ());
  g_assert_cmpfloat (rates.read_bandwidth_core, >, 0.0);
  g_assert_cmpfloat (rates.read_bandwidth, >, 0.0);
  g_assert_true ((rates.fp32 > 0.0) == ((device->features & (TN_CPU_FMA | TN_CPU_NEON)) != 0));
  g_assert_true ((rates.int8 > 0.0) == ((device->features & (TN_CPU_AVX2 | TN_CPU_NEON)) != 0));
  g_assert_true ((rates.bf16 > 0.0) == ((device->features & TN_CPU_AVX512_BF16) != 0));
  g_assert_cmpfloat (rates.fp32_core, <, 1e13);
  /* Known rates are not measured again. */
  rates.fp32 = 12345.0;
  tn_device_set_rates (&rates);
  g_assert_cmpfloat (tn_device_get_rates ()->fp32, ==, 12345.0);
}

static guint choice_calls;

static double
give_rate (guint variant, gpointer user_data)
{
  choice_calls++;
  return ((const double *) user_data)[variant];
}

static void
test_choice (void)
{
  static const char *const names[] = {"a", "b", "c"}, *const others[] = {"a", "b", "d"};
  const double rates[] = {0.0, 7.0, 7.0}, preset[] = {1.0, 0.0, 2.0};

  choice_calls = 0;
  g_assert_cmpuint (tn_choice_make ("test", names, 3, give_rate, (gpointer) rates), ==, 1);
  g_assert_cmpuint (choice_calls, ==, 3);
  g_assert_cmpuint (tn_choice_make ("test", names, 3, give_rate, (gpointer) rates), ==, 1);
  g_assert_cmpuint (choice_calls, ==, 3);
  /* Too late: it was chosen. */
  tn_choice_preset ("test", names, preset, 3);
  g_assert_cmpuint (tn_choice_make ("test", names, 3, give_rate, (gpointer) rates), ==, 1);

  tn_choice_preset ("preset", names, preset, 3);
  g_assert_cmpuint (tn_choice_make ("preset", names, 3, give_rate, (gpointer) rates), ==, 2);
  g_assert_cmpuint (choice_calls, ==, 3);
  /* Variants of another version were measured: measure these. */
  g_assert_cmpuint (tn_choice_make ("preset", others, 3, give_rate, (gpointer) rates), ==, 1);
  g_assert_cmpuint (choice_calls, ==, 6);
}

typedef struct
{
  GThread *other;
  gint asks, chosen; /* atomic */
} Race;

static gpointer
ask_elsewhere (gpointer user_data)
{
  static const char *const names[] = {"a", "b"};
  static const double rates[] = {1.0, 2.0};
  Race *race = user_data;

  g_atomic_int_set (&race->asks, TRUE);
  g_atomic_int_set (&race->chosen, (gint) tn_choice_make ("elsewhere", names, 2, give_rate, (gpointer) rates));
  return NULL;
}

static void
ask_while_busy (gpointer user_data)
{
  static const char *const names[] = {"a", "b"};
  static const double rates[] = {2.0, 1.0};
  Race *race = user_data;

  race->other = g_thread_new ("other", ask_elsewhere, race);
  while (!g_atomic_int_get (&race->asks))
    g_thread_yield ();
  /* Until the other thread waits for this one. */
  g_usleep (100000);
  g_assert_cmpuint (tn_choice_make ("here", names, 2, give_rate, (gpointer) rates), ==, 0);
}

/* A thread that waits for the compute thread to measure does not keep the work there from choosing. */
static void
test_choice_by_two (void)
{
  Race race = {.chosen = -1};

  tn_compute_run (ask_while_busy, &race);
  g_thread_join (race.other);
  g_assert_cmpint (race.chosen, ==, 1);
}

static void
test_threads (void)
{
  tn_device_set_threads (3);
  g_assert_cmpuint (tn_device_get_threads (), ==, 3);
  g_assert_cmpuint (tn_device_auto_select ()->threads, ==, 3);
  tn_device_set_threads (0);
  g_assert_cmpuint (tn_device_get_threads (), >=, 1);
}

typedef struct
{
  GThread *thread;
  int niceness[3];
  int team;
  guint calls;
  gboolean nested_in_place;
} ComputeProbe;

static void
count_call (gpointer user_data)
{
  ComputeProbe *probe = user_data;

  probe->nested_in_place = g_thread_self () == probe->thread;
  probe->calls++;
}

static void
probe_compute (gpointer user_data)
{
  ComputeProbe *probe = user_data;

  probe->thread = g_thread_self ();
  probe->calls++;
#pragma omp parallel
  {
    int rank = omp_get_thread_num ();

    if (rank < 3)
      probe->niceness[rank] = getpriority (PRIO_PROCESS, 0);
#pragma omp single
    probe->team = omp_get_num_threads ();
  }
  tn_compute_run (count_call, probe);
}

static void
test_compute_thread (void)
{
  ComputeProbe probe = {NULL}, again = {NULL};
  int own = getpriority (PRIO_PROCESS, 0);

  tn_device_set_threads (3);
  tn_compute_run (probe_compute, &probe);
  tn_compute_run (probe_compute, &again);
  tn_device_set_threads (0);

  g_assert_true (probe.thread != g_thread_self ());
  g_assert_true (probe.thread == again.thread);
  g_assert_cmpuint (probe.calls, ==, 2);
  g_assert_true (probe.nested_in_place);
  g_assert_cmpint (probe.team, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (probe.niceness[i], ==, MIN (own + 10, 19));
  g_assert_cmpint (getpriority (PRIO_PROCESS, 0), ==, own);
}

static int in_flight, turns;

static void
take_turn (gpointer user_data)
{
  g_assert_cmpint (g_atomic_int_add (&in_flight, 1), ==, 0);
  turns++;
  g_atomic_int_add (&in_flight, -1);
}

static gpointer
many_turns (gpointer data)
{
  for (guint i = 0; i < 200; i++)
    tn_compute_run (take_turn, NULL);
  return NULL;
}

static void
test_compute_turns (void)
{
  GThread *threads[4];

  turns = 0;
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("turns", many_turns, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (turns, ==, 800);
}

static void
test_resident_set (void)
{
  gsize bytes = 50 << 20, before;
  g_autoptr (TnBlock) block = NULL;

  /* What the pool keeps warm is resident already. */
  tn_pool_trim (tn_pool_default ());
  before = tn_process_get_rss ();
  block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
  g_assert_nonnull (block);
  memset (block, 1, bytes);
  g_assert_cmpuint (tn_process_get_rss (), >=, before + bytes - (4 << 20));
  g_assert_cmpuint (tn_process_get_peak_rss (), >=, bytes);
}

static void
test_bandwidth (void)
{
  gsize before = tn_pool_get_total (tn_pool_default ());
  double bytes_per_second = tn_device_measure_read_bandwidth ();

  g_test_message ("read bandwidth %.1f GB/s", bytes_per_second * 1e-9);
  g_assert_cmpfloat (bytes_per_second, >, 1e8);
  g_assert_cmpfloat (bytes_per_second, <, 1e13);
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), ==, before);
}

/* The program runs itself without the variable; what it then prints shows whether it came back with it. */
static void
test_prepare_process (void)
{
  g_autofree char *out = NULL;
  g_auto (GStrv) environment = g_environ_unsetenv (g_environ_unsetenv (g_get_environ (), "OMP_WAIT_POLICY"), "OPENBLAS_CORETYPE");
  char *arguments[] = {program_arguments[0], (char *) "--print-wait-policy", NULL};
  g_autoptr (GError) error = NULL;
  int status;

  environment = g_environ_unsetenv (environment, "GOMP_SPINCOUNT");
  g_spawn_sync (NULL, arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpstr (out, ==, "passive short --print-wait-policy\n");
  g_clear_pointer (&out, g_free);

  environment = g_environ_setenv (environment, "OMP_WAIT_POLICY", "active", TRUE);
  environment = g_environ_setenv (environment, "OPENBLAS_CORETYPE", "Haswell", TRUE);
  g_spawn_sync (NULL, arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out, ==, "active default --print-wait-policy\n");
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--print-device"))
    {
      g_autoptr (GError) error = NULL;

      if (tn_device_override (argv[2], &error))
        g_print ("%s %s %x\n", tn_device_auto_select ()->name, tn_product_back_end_get_name (tn_device_auto_select ()->product),
                 tn_device_auto_select ()->features);
      else
        g_print ("%s\n", error->message);
      return 0;
    }
  if (argc == 2 && g_str_equal (argv[1], "--print-idle"))
    {
      guint joined = 0;
      double before;

      tn_device_prepare_process (argv);
      tn_compute_run (join_team, &joined);
      g_assert_cmpuint (joined, ==, 2);
      before = cpu_seconds ();
      g_usleep (G_USEC_PER_SEC / 2);
      g_print ("%.3f\n", cpu_seconds () - before);
      return 0;
    }
  if (argc == 2 && g_str_equal (argv[1], "--print-wait-policy"))
    {
      tn_device_prepare_process (argv);
      g_print ("%s %s %s\n", tn_device_auto_select ()->wait_policy, g_getenv ("GOMP_SPINCOUNT") != NULL ? "short" : "default",
               argv[1]);
      return 0;
    }
  program_arguments = argv;
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/names", test_names);
  g_test_add_func ("/device/description", test_description);
  g_test_add_func ("/device/features", test_features);
  g_test_add_func ("/device/products", test_products);
  g_test_add_func ("/device/idle-threads", test_idle_threads);
  g_test_add_func ("/device/rates", test_rates);
  g_test_add_func ("/device/choice", test_choice);
  g_test_add_func ("/device/choice-by-two", test_choice_by_two);
  g_test_add_func ("/device/override-too-late", test_override_comes_too_late);
  g_test_add_func ("/device/threads", test_threads);
  g_test_add_func ("/device/compute-thread", test_compute_thread);
  g_test_add_func ("/device/compute-turns", test_compute_turns);
  g_test_add_func ("/device/resident-set", test_resident_set);
  g_test_add_func ("/device/bandwidth", test_bandwidth);
  g_test_add_func ("/device/prepare-process", test_prepare_process);
  return g_test_run ();
}
