/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/doctor.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "data/workspace/workspace.h"
#include "engine/device/choice.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/kernels/ternary.h"
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
    { TN_CPU_NEON_DOTPROD, "NEON dot product" },
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

/* value: a second, of unit; 0 is what the processor cannot do. */
static void
add_rate (GPtrArray *facts, const char *key, const char *label, double value, const char *unit)
{
  add_number (facts, key, label, (guint64) value);
  TnDoctorFact *fact = g_ptr_array_index (facts, facts->len - 1);

  fact->text = value > 0.0 ? g_strdup_printf ("%.1f %s", value * 1e-9, unit) : g_strdup (_("no such instructions"));
}

static void
add_rates (GPtrArray *facts, const TnDeviceRates *rates)
{
  add_rate (facts, "read_bandwidth_core_bytes_per_second", _("Memory read, one core"), rates->read_bandwidth_core, "GB/s");
  add_rate (facts, "read_bandwidth_bytes_per_second", _("Memory read, all threads"), rates->read_bandwidth, "GB/s");
  add_rate (facts, "fp32_core_flops", _("Peak of fp32, one core"), rates->fp32_core, "GFLOP/s");
  add_rate (facts, "fp32_flops", _("Peak of fp32, all threads"), rates->fp32, "GFLOP/s");
  add_rate (facts, "int8_core_ops", _("Peak of int8, one core"), rates->int8_core, "GOP/s");
  add_rate (facts, "int8_ops", _("Peak of int8, all threads"), rates->int8, "GOP/s");
  add_rate (facts, "bf16_core_flops", _("Peak of bf16, one core"), rates->bf16_core, "GFLOP/s");
  add_rate (facts, "bf16_flops", _("Peak of bf16, all threads"), rates->bf16, "GFLOP/s");
}

/* "avx2 (212 GOP/s; scalar 3 GOP/s)": the one in use first. */
static char *
choice_to_text (const TnChoice *choice)
{
  GString *text = g_string_new (choice->names[choice->chosen]);
  const char *separator = " (";

  for (guint i = 0; choice->names[i] != NULL; i++)
    if (choice->rates[i] > 0.0)
      {
        g_string_append_printf (text, "%s%s %.1f GOP/s", separator, choice->names[i], choice->rates[i] * 1e-9);
        separator = "; ";
      }
  g_string_append_c (text, ')');
  return g_string_free (text, FALSE);
}

static void
add_choices (GPtrArray *facts)
{
  g_autoptr (GPtrArray) choices = tn_choice_list ();

  for (guint i = 0; i < choices->len; i++)
    {
      const TnChoice *choice = g_ptr_array_index (choices, i);
      g_autofree char *text = choice_to_text (choice);

      add_text (facts, g_intern_string (choice->what), _("Fastest of equals"), choice->names[choice->chosen]);
      ((TnDoctorFact *) g_ptr_array_index (facts, facts->len - 1))->text = g_strdup_printf ("%s: %s", choice->what, text);
    }
}

GPtrArray *
tn_doctor_examine (TnDoctorRates rates, const char *workspace_path)
{
  const TnDevice *device = tn_device_auto_select ();
  GPtrArray *facts = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_doctor_fact_free);
  g_autofree char *features = feature_names (device->cpu_features), *used = feature_names (device->features);

  add_text (facts, "version", _("Ternion"), TN_VERSION);
  add_text (facts, "cpu", _("Processor"), device->cpu_model);
  add_text (facts, "features", _("Instruction sets"), features);
  add_text (facts, "device", _("Device"), device->name);
  add_text (facts, "device_features", _("Instruction sets used"), used);
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
  add_text (facts, "product", _("Products of floats"), tn_product_back_end_get_name (device->product));
  ((TnDoctorFact *) g_ptr_array_index (facts, facts->len - 1))->text =
      g_strdup (device->product == TN_PRODUCT_OWN ? _("own kernels: one chain of fused multiply-adds, the same bits on every processor")
                                                  : _("OpenBLAS: the last bits depend on the kernels it chose"));
  add_text (facts, "blas", _("OpenBLAS"), device->blas);
  add_text (facts, "wait_policy", _("Idle threads"), device->wait_policy);
  add_workspace (facts, workspace_path);
  if (rates != TN_DOCTOR_NO_RATES)
    {
      tn_ternary_choose ();
      add_rates (facts, rates == TN_DOCTOR_NEW_RATES ? tn_device_measure_rates () : tn_device_get_rates ());
      add_choices (facts);
    }
  return facts;
}
