/* SPDX-License-Identifier: Apache-2.0 */
#include "data/device/measurements.h"

#include <math.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "engine/device/choice.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/hash.h"

#define MACHINE_GROUP "machine"
#define RATES_GROUP "rates"
#define CHOICE_PREFIX "choice "

static const struct
{
  const char *key;
  gsize offset;
} rate_fields[] = {
    {"read-bandwidth-core", G_STRUCT_OFFSET (TnDeviceRates, read_bandwidth_core)},
    {"read-bandwidth", G_STRUCT_OFFSET (TnDeviceRates, read_bandwidth)},
    {"fp32-core", G_STRUCT_OFFSET (TnDeviceRates, fp32_core)},
    {"fp32", G_STRUCT_OFFSET (TnDeviceRates, fp32)},
    {"int8-core", G_STRUCT_OFFSET (TnDeviceRates, int8_core)},
    {"int8", G_STRUCT_OFFSET (TnDeviceRates, int8)},
    {"bf16-core", G_STRUCT_OFFSET (TnDeviceRates, bf16_core)},
    {"bf16", G_STRUCT_OFFSET (TnDeviceRates, bf16)},
};

/* The text that was loaded or saved last: what is the same is not written again. */
static char *known_text;

/* Measurements hold for this and nothing else. */
static char *
describe_machine (void)
{
  const TnDevice *device = tn_device_auto_select ();

  return g_strdup_printf ("%s %s %s %x %u", TN_VERSION, device->cpu_model, device->name, (guint) device->features,
                          device->threads);
}

/* A file a machine: runs on other devices or numbers of threads do not take each other's place. */
static char *
get_path (const char *folder, const char *machine)
{
  g_autofree char *own = folder == NULL ? g_build_filename (g_get_user_cache_dir (), "ternion", NULL) : NULL;
  g_autofree char *name = g_strdup_printf ("device-%016" G_GINT64_MODIFIER "x.ini", tn_hash_string (machine, 0));

  return g_build_filename (folder != NULL ? folder : own, name, NULL);
}

/* FALSE unless it is a number that can be a rate. */
static gboolean
read_rate (GKeyFile *file, const char *group, const char *key, double *value)
{
  g_autoptr (GError) error = NULL;

  *value = g_key_file_get_double (file, group, key, &error);
  return error == NULL && isfinite (*value) && *value >= 0.0;
}

static void
read_rates (GKeyFile *file)
{
  TnDeviceRates rates;

  for (guint i = 0; i < G_N_ELEMENTS (rate_fields); i++)
    if (!read_rate (file, RATES_GROUP, rate_fields[i].key, G_STRUCT_MEMBER_P (&rates, rate_fields[i].offset)))
      return;
  tn_device_set_rates (&rates);
}

static void
read_choice (GKeyFile *file, const char *group)
{
  g_auto (GStrv) names = g_key_file_get_string_list (file, group, "variants", NULL, NULL);
  g_autofree double *rates = NULL;
  gsize n_rates = 0;

  rates = g_key_file_get_double_list (file, group, "rates", &n_rates, NULL);
  if (names == NULL || rates == NULL || n_rates == 0 || n_rates > TN_CHOICE_MOST || g_strv_length (names) != n_rates)
    return;
  for (gsize i = 0; i < n_rates; i++)
    if (!isfinite (rates[i]) || rates[i] < 0.0)
      return;
  tn_choice_preset (group + strlen (CHOICE_PREFIX), (const char *const *) names, rates, (guint) n_rates);
}

void
tn_measurements_load (const char *folder)
{
  g_autofree char *machine = describe_machine (), *path = get_path (folder, machine), *found = NULL;
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return;
  found = g_key_file_get_string (file, MACHINE_GROUP, "name", NULL);
  if (g_strcmp0 (found, machine) != 0)
    return;
  read_rates (file);
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    if (g_str_has_prefix (groups[i], CHOICE_PREFIX))
      read_choice (file, groups[i]);
  g_free (known_text);
  known_text = g_key_file_to_data (file, NULL, NULL);
}

static int
compare_choices (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const TnChoice *const *) a)->what, (*(const TnChoice *const *) b)->what);
}

static char *
make_text (const char *machine)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GPtrArray) choices = tn_choice_list ();

  if (choices->len == 0 && !tn_device_has_rates ())
    return NULL;
  g_key_file_set_string (file, MACHINE_GROUP, "name", machine);
  if (tn_device_has_rates ())
    for (guint i = 0; i < G_N_ELEMENTS (rate_fields); i++)
      g_key_file_set_double (file, RATES_GROUP, rate_fields[i].key,
                             G_STRUCT_MEMBER (double, tn_device_get_rates (), rate_fields[i].offset));
  g_ptr_array_sort (choices, compare_choices);
  for (guint i = 0; i < choices->len; i++)
    {
      TnChoice *choice = g_ptr_array_index (choices, i);
      g_autofree char *group = g_strconcat (CHOICE_PREFIX, choice->what, NULL);
      guint n = g_strv_length (choice->names);

      g_key_file_set_string_list (file, group, "variants", (const char *const *) choice->names, n);
      g_key_file_set_double_list (file, group, "rates", choice->rates, n);
    }
  return g_key_file_to_data (file, NULL, NULL);
}

gboolean
tn_measurements_save (const char *folder, GError **error)
{
  g_autofree char *machine = describe_machine (), *path = get_path (folder, machine), *text = make_text (machine);
  g_autofree char *parent = g_path_get_dirname (path);

  if (text == NULL || g_strcmp0 (text, known_text) == 0)
    return TRUE;
  g_mkdir_with_parents (parent, 0700);
  if (!tn_atomic_file_set_contents (path, text, strlen (text), error))
    return FALSE;
  g_free (known_text);
  known_text = g_steal_pointer (&text);
  return TRUE;
}
