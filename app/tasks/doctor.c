/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/doctor.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "data/workspace/workspace.h"
#include "engine/device/device.h"
#include "engine/memory/pool.h"

void
tn_doctor_fact_free (TnDoctorFact *self)
{
  g_free (self->label);
  g_free (self->value);
  g_free (self->text);
  g_free (self);
}

static void
add_text (GPtrArray *facts, const char *key, const char *label, const char *value)
{
  TnDoctorFact *fact = g_new0 (TnDoctorFact, 1);

  fact->key = key;
  fact->label = g_strdup (label);
  fact->value = g_strdup (value != NULL ? value : _("unknown"));
  g_ptr_array_add (facts, fact);
}

static void
add_number (GPtrArray *facts, const char *key, const char *label, guint64 value)
{
  add_text (facts, key, label, "");
  TnDoctorFact *fact = g_ptr_array_index (facts, facts->len - 1);

  g_free (fact->value);
  fact->value = g_strdup_printf ("%" G_GUINT64_FORMAT, value);
  fact->is_number = TRUE;
}

static void
add_bytes (GPtrArray *facts, const char *key, const char *label, guint64 bytes)
{
  add_number (facts, key, label, bytes);
  TnDoctorFact *fact = g_ptr_array_index (facts, facts->len - 1);

  fact->text = bytes > 0 ? g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS) : g_strdup (_("unknown"));
}

static char *
feature_names (TnCpuFeatures features)
{
  static const struct { TnCpuFeatures flag; const char *name; } names[] = {
    { TN_CPU_AVX2, "AVX2" }, { TN_CPU_FMA, "FMA" }, { TN_CPU_F16C, "F16C" }, { TN_CPU_AVX512, "AVX-512" },
    { TN_CPU_AVX512_VNNI, "AVX-512 VNNI" }, { TN_CPU_AVX512_BF16, "AVX-512 BF16" }, { TN_CPU_NEON, "NEON" },
  };
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (features & names[i].flag)
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", names[i].name);
  if (text->len == 0)
    g_string_append (text, _("none of those used"));
  return g_string_free (text, FALSE);
}

static void
add_workspace (GPtrArray *facts, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnWorkspace) workspace = tn_workspace_open (path, &error);

  add_text (facts, "workspace", _("Workspace"), workspace != NULL ? tn_workspace_get_path (workspace) : error->message);
}

static void
measure_bandwidth_on_compute_thread (gpointer user_data)
{
  *(double *) user_data = tn_device_measure_read_bandwidth ();
}

GPtrArray *
tn_doctor_examine (gboolean measure_bandwidth, const char *workspace_path)
{
  const TnDevice *device = tn_device_auto_select ();
  GPtrArray *facts = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_doctor_fact_free);
  g_autofree char *features = feature_names (device->features);

  add_text (facts, "version", _("Ternion"), TN_VERSION);
  add_text (facts, "cpu", _("Processor"), device->cpu_model);
  add_text (facts, "device", _("Device"), device->name);
  add_text (facts, "features", _("Instruction sets"), features);
  add_number (facts, "cores", _("Cores"), device->cores);
  add_number (facts, "threads", _("Threads used"), device->threads);
  add_bytes (facts, "l1d_bytes", _("Level 1 data cache"), device->l1d_bytes);
  add_bytes (facts, "l2_bytes", _("Level 2 cache"), device->l2_bytes);
  add_bytes (facts, "l3_bytes", _("Level 3 cache"), device->l3_bytes);
  add_bytes (facts, "memory_bytes", _("Memory"), device->memory_bytes);
  add_bytes (facts, "memory_limit_bytes", _("Memory limit of the engine"), tn_pool_get_budget (tn_pool_default ()));
  if (tn_pool_get_budget (tn_pool_default ()) == 0)
    {
      TnDoctorFact *fact = g_ptr_array_index (facts, facts->len - 1);

      g_free (fact->text);
      fact->text = g_strdup (_("none"));
    }
  add_text (facts, "blas", _("Matrix products"), device->blas);
  add_text (facts, "wait_policy", _("Idle threads"), device->wait_policy);
  add_workspace (facts, workspace_path);
  if (measure_bandwidth)
    {
      double bandwidth = 0.0;

      tn_compute_run (measure_bandwidth_on_compute_thread, &bandwidth);
      add_number (facts, "read_bandwidth_bytes_per_second", _("Memory read bandwidth"), (guint64) bandwidth);
      ((TnDoctorFact *) g_ptr_array_index (facts, facts->len - 1))->text = g_strdup_printf (_("%.1f GB/s"), bandwidth * 1e-9);
    }
  return facts;
}
