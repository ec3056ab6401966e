/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* dladdr */
#include "engine/device/device.h"

#include <cblas.h>
#include <dlfcn.h>
#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/device/cpu-info.h"
#include "engine/error.h"

typedef struct
{
  const char *name;
  TnCpuFeatures needs;
  TnCpuFeatures may_use;
} BackEnd;

#define AVX2_FEATURES (TN_CPU_AVX2 | TN_CPU_FMA | TN_CPU_F16C)

/* Best first: the fixed rule of choice. */
static const BackEnd back_ends[] = {
#if defined(__x86_64__)
    {"cpu-avx512", TN_CPU_AVX512 | TN_CPU_AVX2 | TN_CPU_FMA,
     AVX2_FEATURES | TN_CPU_AVX512 | TN_CPU_AVX512_VNNI | TN_CPU_AVX512_BF16},
    {"cpu-avx2", TN_CPU_AVX2 | TN_CPU_FMA, AVX2_FEATURES},
#elif defined(__aarch64__)
    {"cpu-neon", TN_CPU_NEON, TN_CPU_NEON | TN_CPU_NEON_DOTPROD},
#endif
    {"cpu-scalar", 0, 0},
};

static GMutex mutex; /* of the fields below */
static const BackEnd *wanted = NULL;
static TnProductBackEnd wanted_product;
static TnDevice *device = NULL;
static guint wanted_threads = 0;

/* The file the product really comes from: what the linker was told and what the loader found may differ. */
static char *
describe_blas (void)
{
  Dl_info info = {NULL};
  void *symbol = dlsym (RTLD_DEFAULT, "cblas_sgemm");
  char *real = symbol != NULL && dladdr (symbol, &info) != 0 && info.dli_fname != NULL ? realpath (info.dli_fname, NULL) : NULL;
  char *text = g_strdup_printf ("%s (%s; %s)", real != NULL ? real : "unknown", openblas_get_config (), openblas_get_corename ());

  free (real);
  return text;
}

/* OMP_NUM_THREADS is what users of OpenMP programs expect to be obeyed. */
static guint
default_threads (void)
{
  const char *text = g_getenv ("OMP_NUM_THREADS");
  guint64 value;

  if (text != NULL && g_ascii_string_to_unsigned (text, 10, 1, 4096, &value, NULL))
    return (guint) value;
  return tn_cpu_info_cores ();
}

/* The fixed rule. What the processor has counts, not what the device in use may use: all devices of a processor give the same
 * bits. */
static TnProductBackEnd
best_product (void)
{
  return (tn_cpu_info_features () & (TN_CPU_FMA | TN_CPU_NEON)) != 0 ? TN_PRODUCT_OWN : TN_PRODUCT_OPENBLAS;
}

static TnDevice *
new_device (const BackEnd *back_end, TnProductBackEnd product)
{
  TnDevice *self = g_new0 (TnDevice, 1);
  const char *policy = g_getenv ("OMP_WAIT_POLICY");
  long pages = sysconf (_SC_PHYS_PAGES);
  long page_bytes = sysconf (_SC_PAGESIZE);

  self->name = g_strdup (back_end->name);
  self->cpu_model = tn_cpu_info_model ();
  self->cpu_features = tn_cpu_info_features ();
  self->features = self->cpu_features & back_end->may_use;
  self->cores = tn_cpu_info_cores ();
  self->threads = wanted_threads != 0 ? wanted_threads : default_threads ();
  self->l1d_bytes = tn_cpu_info_cache (1);
  self->l2_bytes = tn_cpu_info_cache (2);
  self->l3_bytes = tn_cpu_info_cache (3);
  self->memory_bytes = pages > 0 && page_bytes > 0 ? (gsize) pages * (gsize) page_bytes : 0;
  self->product = product;
  self->blas = describe_blas ();
  self->wait_policy = g_ascii_strdown (policy != NULL ? policy : "default", -1);
  return self;
}

static const BackEnd *
best_back_end (void)
{
  TnCpuFeatures features = tn_cpu_info_features ();
  const BackEnd *back_end = back_ends;

  while ((back_end->needs & features) != back_end->needs)
    back_end++;
  return back_end;
}

const TnDevice *
tn_device_auto_select (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  if (device == NULL)
    device = wanted != NULL ? new_device (wanted, wanted_product) : new_device (best_back_end (), best_product ());
  return device;
}

static void
set_unknown_error (const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new ("auto");

  for (guint i = 0; i < G_N_ELEMENTS (back_ends); i++)
    g_string_append_printf (names, ", %s", back_ends[i].name);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               _ ("device “%s” is unknown; expected one of %s, alone or followed by one of +own, +openblas"), name, names->str);
}

/* NULL when there is none of that name. */
static const BackEnd *
find_back_end (const char *name)
{
  if (strcmp (name, "auto") == 0)
    return best_back_end ();
  for (guint i = 0; i < G_N_ELEMENTS (back_ends); i++)
    if (strcmp (name, back_ends[i].name) == 0)
      return &back_ends[i];
  return NULL;
}

gboolean
tn_device_override (const char *name, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  g_auto (GStrv) parts = g_strsplit (name, "+", 2);
  const BackEnd *found = parts[0] != NULL ? find_back_end (parts[0]) : NULL;
  TnProductBackEnd product = best_product ();

  if (found != NULL && parts[1] != NULL && strcmp (parts[1], "own") == 0)
    product = TN_PRODUCT_OWN;
  else if (found != NULL && parts[1] != NULL && strcmp (parts[1], "openblas") == 0)
    product = TN_PRODUCT_OPENBLAS;
  else if (found == NULL || parts[1] != NULL)
    {
      set_unknown_error (name, error);
      return FALSE;
    }
  if ((found->needs & tn_cpu_info_features ()) != found->needs)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("device “%s” is not possible on this processor"), name);
      return FALSE;
    }
  if (device != NULL && (strcmp (device->name, found->name) != 0 || device->product != product))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_BUSY, _ ("device “%s” comes too late: “%s” with %s products is in use already"),
                   name, device->name, tn_product_back_end_get_name (device->product));
      return FALSE;
    }
  wanted = found;
  wanted_product = product;
  return TRUE;
}

const char *
tn_product_back_end_get_name (TnProductBackEnd product)
{
  return product == TN_PRODUCT_OWN ? "own" : "openblas";
}

void
tn_device_set_threads (guint threads)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);

  wanted_threads = threads;
  if (device != NULL)
    device->threads = threads != 0 ? threads : default_threads ();
}

guint
tn_device_get_threads (void)
{
  return tn_device_auto_select ()->threads;
}
