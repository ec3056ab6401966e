/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/analyze-mitigate.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

void
tn_mitigate_flags_clear (TnMitigateFlags *self)
{
  g_clear_pointer (&self->scheme, g_free);
  g_clear_pointer (&self->budget, g_free);
  g_clear_pointer (&self->only, g_free);
  g_clear_pointer (&self->write, g_free);
  g_clear_pointer (&self->held_out, g_strfreev);
}

gboolean
tn_mitigate_flags_check (const TnMitigateFlags *self, GError **error)
{
  const char *flag = self->scheme != NULL     ? "--scheme"
                     : self->budget != NULL   ? "--budget"
                     : self->only != NULL     ? "--only"
                     : self->write != NULL    ? "--write"
                     : self->held_out != NULL ? "--held-out"
                     : self->fit_samples != 0 ? "--fit-samples"
                                              : NULL;

  if (self->wanted || flag == NULL)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s is for --mitigate"), flag);
  return FALSE;
}

/* "60", "60s", "5m", "1h". */
static gboolean
parse_seconds (const char *text, double *seconds, GError **error)
{
  char *end = NULL;
  double value = text != NULL ? g_ascii_strtod (text, &end) : 0.0;
  double unit = 1.0;

  *seconds = 0.0;
  if (text == NULL)
    return TRUE;
  if (end != text && (*end == 's' || *end == 'm' || *end == 'h'))
    unit = *end++ == 's' ? 1.0 : end[-1] == 'm' ? 60.0 : 3600.0;
  if (end == text || *end != '\0' || !(value > 0.0) || !isfinite (value))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--budget: “%s” is no time, such as 60s or 5m"), text);
      return FALSE;
    }
  *seconds = value * unit;
  return TRUE;
}

static void
add_estimate (JsonBuilder *builder, const char *name, const TnEstimate *estimate)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  tn_json_add_double (builder, "value", estimate->value);
  tn_json_add_double (builder, "low", estimate->low);
  tn_json_add_double (builder, "high", estimate->high);
  json_builder_end_object (builder);
}

static void
add_trial (JsonBuilder *builder, const TnMitigationTrial *trial)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "kind", tn_mitigation_kind_get_name (trial->kind));
  tn_json_add_string (builder, "detail", trial->detail);
  tn_json_add_double (builder, "error", trial->error);
  add_estimate (builder, "change", &trial->change);
  tn_json_add_double (builder, "seconds", trial->seconds);
  json_builder_set_member_name (builder, "kept");
  json_builder_add_boolean_value (builder, trial->kept);
  tn_json_add_string (builder, "reason", trial->reason);
  json_builder_end_object (builder);
}

static gboolean
print_json (const TnMitigateResult *result, GError **error)
{
  static const char *const names[] = {"loss", "plain_loss", "mitigated_loss"};
  const TnMitigation *mitigation = result->mitigation;
  g_autofree char *scheme = tn_scheme_to_string (&mitigation->options.scheme),
                  *written = tn_scheme_to_string (&mitigation->written);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "scheme", scheme);
  tn_json_add_string (builder, "written_scheme", written);
  tn_json_add_double (builder, "bits", mitigation->bits);
  tn_json_add_count (builder, "added_bytes", mitigation->added_bytes);
  tn_json_add_count (builder, "fit_samples", result->fit_samples);
  tn_json_add_count (builder, "choose_samples", result->choose_samples);
  tn_json_add_count (builder, "check_samples", result->check_samples);
  add_estimate (builder, "loss", &result->loss);
  add_estimate (builder, "plain_change", &result->plain_change);
  add_estimate (builder, "mitigated_change", &result->mitigated_change);
  if (result->evaluations[0].tokens > 0)
    {
      json_builder_set_member_name (builder, "held_out");
      json_builder_begin_object (builder);
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        tn_json_add_double (builder, names[i], result->evaluations[i].loss);
      tn_json_add_count (builder, "tokens", result->evaluations[0].tokens);
      json_builder_end_object (builder);
    }
  tn_json_open_array (builder, "steps");
  for (guint i = 0; i < mitigation->steps->len; i++)
    {
      const TnMitigationStep *step = g_ptr_array_index (mitigation->steps, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", step->name);
      tn_json_open_array (builder, "trials");
      for (guint k = 0; k < step->trials->len; k++)
        add_trial (builder, &g_array_index (step->trials, TnMitigationTrial, k));
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "out_of_time");
  json_builder_add_boolean_value (builder, mitigation->out_of_time);
  tn_json_add_double (builder, "seconds", mitigation->seconds);
  tn_json_add_string (builder, "written", result->written);
  tn_json_add_string (builder, "plan", result->written_plan);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static char *
format_change (const TnEstimate *estimate)
{
  if (!tn_estimate_is_set (estimate))
    return g_strdup ("–");
  if (isnan (estimate->low))
    return g_strdup_printf ("%+.4f", estimate->value);
  return g_strdup_printf ("%+.4f ± %.4f", estimate->value, 0.5 * (estimate->high - estimate->low));
}

static void
print_step (const TnMitigationStep *step)
{
  g_print ("%s\n", step->name);
  for (guint i = 0; i < step->trials->len; i++)
    {
      const TnMitigationTrial *trial = &g_array_index (step->trials, TnMitigationTrial, i);
      g_autofree char *change = format_change (&trial->change);

      g_print ("  %-11s %-20s %6.2f s  %s", tn_mitigation_kind_get_name (trial->kind), change, trial->seconds,
               trial->kept ? _ ("kept") : trial->reason);
      if (trial->detail != NULL)
        g_print (" (%s)", trial->detail);
      g_print ("\n");
    }
}

static void
print_sum (const TnMitigateResult *result)
{
  const TnMitigation *mitigation = result->mitigation;
  g_autofree char *plain = format_change (&result->plain_change), *mitigated = format_change (&result->mitigated_change);
  g_autofree char *scheme = tn_scheme_to_string (&mitigation->options.scheme);

  g_print (_ ("\n%s, %.2f bits a weight, before and after; %u samples fitted, %u chose, %u others check:\n"), scheme,
           mitigation->bits, result->fit_samples, result->choose_samples, result->check_samples);
  g_print (_ ("loss in full precision %.4f nats a token\nplain rounding         %s\nmitigated              %s"),
           result->loss.value, plain, mitigated);
  if (result->plain_change.value > 0.0)
    g_print (_ (": %.0f %% of the increase are left"), 100.0 * result->mitigated_change.value / result->plain_change.value);
  g_print (_ ("\n%.1f s\n"), mitigation->seconds);
  if (mitigation->added_bytes > 0)
    g_print (_ ("the head, which was the embedding, is one of its own now: %" PRIu64 " bytes more in fp32\n"),
             mitigation->added_bytes);
  if (mitigation->out_of_time)
    g_print (_ ("the time was used up: the layers behind are rounded plainly (--budget)\n"));
  if (result->evaluations[0].tokens > 0)
    g_print (_ ("held-out data, %" PRIu64 " tokens: loss %.6f in full precision, %.6f rounded plainly, %.6f mitigated\n"),
             result->evaluations[0].tokens, result->evaluations[0].loss, result->evaluations[1].loss,
             result->evaluations[2].loss);
  if (result->written != NULL)
    g_print (_ ("%s: read back; rounding by %s changes nothing in it\n"), result->written, result->written_plan);
}

static void
print_text (const TnMitigateResult *result)
{
  g_print (_ ("Change of the loss in nats a token with 95 %% interval: of plain rounding against the step as it was, of the "
              "others against plain "
              "rounding.\n\n"));
  for (guint i = 0; i < result->mitigation->steps->len; i++)
    print_step (g_ptr_array_index (result->mitigation->steps, i));
  print_sum (result);
}

/* Takes what is needed of the flags; their texts are moved. */
static gboolean
take_flags (TnMitigateOptions *options, TnMitigateFlags *flags, GError **error)
{
  options->scheme = g_steal_pointer (&flags->scheme);
  options->only = g_steal_pointer (&flags->only);
  options->write_path = g_steal_pointer (&flags->write);
  options->held_out = g_steal_pointer (&flags->held_out);
  if (flags->fit_samples < 0 || flags->fit_samples > 1000000)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: %d, expected a number from %d to 1000000"), "--fit-samples",
                   flags->fit_samples, 4);
      return FALSE;
    }
  if (flags->fit_samples > 0)
    options->fit_samples = (guint) flags->fit_samples;
  return parse_seconds (flags->budget, &options->seconds, error) && tn_mitigate_check (options, error);
}

TnExitStatus
tn_run_mitigate (TnCommand *command, TnMitigateFlags *flags, TnAnalyzeOptions *source)
{
  g_autoptr (TnMitigateOptions) options = tn_mitigate_options_new (source);
  g_auto (TnMitigateResult) result = {0};
  g_autoptr (TnJob) job = NULL;
  GError *error = NULL;

  if (!take_flags (options, flags, &error))
    {
      TnExitStatus status = tn_command_usage_error (command, "%s", error->message);

      g_error_free (error);
      return status;
    }
  if (!tn_command_open_workspace (command, &error))
    return tn_command_fail (command, error);
  job = tn_mitigate_job_new (g_steal_pointer (&options), command->workspace, &result);
  if (!tn_command_run_job (command, job, &error))
    return tn_command_fail (command, error);
  if (!command->json)
    print_text (&result);
  else if (!print_json (&result, &error))
    return tn_command_fail (command, error);
  return tn_command_finish (command);
}
