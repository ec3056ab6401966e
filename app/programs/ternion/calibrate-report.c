/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/calibrate-report.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "app/programs/ternion/command.h"
#include "data/files/count-text.h"

#define SITES_SHOWN 5

static double
percent (guint64 part, guint64 whole)
{
  return whole > 0 ? 100.0 * (double) part / (double) whole : 0.0;
}

static void
print_classes (const char *name, const GArray *classes)
{
  guint covered, all;

  tn_coverage_count (classes, &covered, &all);
  if (all > 1)
    g_print (_(", %u of %u %s"), covered, all, name);
}

static void
print_sample (const TnCalibrateResult *result)
{
  const TnSampleReport *sample = result->sample;
  g_autofree char *drawn = tn_count_text (sample->drawn), *records = tn_count_text (sample->records);
  TnLengthDistance distance;

  tn_sample_report_length_distance (sample, &distance);
  g_print (_("drawn: %s of %s records (%.3g %%), %.3g %% of their length"), drawn, records,
           percent (sample->drawn, sample->records), percent (sample->drawn_length, sample->length));
  print_classes (_("files"), sample->files);
  print_classes (_("labels"), sample->labels);
  print_classes (_("strata"), sample->strata);
  g_print (_("; lengths differ by KS %.3f (chance alone: %.3f)\n"), distance.ks, distance.ks_expected);
  if (sample->weighted)
    g_print (_("weights: a record stands for %.4g to %.4g of the data; the sample is worth %.0f of equal weight; %" PRIu64 " records cannot be drawn\n"),
             sample->least_weight, sample->most_weight, tn_sample_report_effective (sample), sample->unreachable);
}

static void
print_reference (const TnCalibrateReference *reference)
{
  g_autofree char *samples = tn_count_text (reference->samples);

  if (reference->source != NULL)
    g_print (_("beside %s (%s sequences):\n"), reference->source, samples);
  else
    g_print (_("beside %s other sequences of the data:\n"), samples);
  if (reference->has_tokens)
    g_print (_("  tokens: JS %.4f bits (chance alone: %.4f), %u different ones beside %u, which are %.2f %% of the text there\n"),
             reference->tokens_distance.js, reference->tokens_distance.js_expected, reference->sample_distinct, reference->reference_distinct,
             100.0 * reference->tokens_distance.seen);
  for (guint i = 0; i < reference->sites->len && i < SITES_SHOWN; i++)
    {
      const TnReferenceSite *site = &g_array_index (reference->sites, TnReferenceSite, i);
      const TnSiteDistance *d = &site->distance;

      g_print (_("  %-28s KS %.4f (chance: %.4f)  JS %.5f (chance: %.5f)  range × %.3f  std × %.4f (chance: ± %.4f)\n"), site->name, d->ks, d->ks_expected,
               d->js, d->js_expected, d->range_ratio, d->std_ratio, d->std_expected);
    }
  if (reference->sites->len > SITES_SHOWN)
    g_print (_("  and %u sites that are closer; --json has all of them\n"), reference->sites->len - SITES_SHOWN);
}

void
tn_calibrate_report_print (const TnCalibrateResult *result)
{
  if (result->sample != NULL)
    print_sample (result);
  if (result->end == TN_CALIBRATE_END_TIME)
    g_print (_("the time limit is reached: these are the first sequences in random order, a uniform draw; the same command with --resume goes on\n"));
  if (result->stop != NULL)
    {
      g_autofree char *text = tn_stop_report_describe (result->stop, result->end == TN_CALIBRATE_END_STABLE);

      g_print ("%s\n", text);
    }
  if (result->reference != NULL)
    print_reference (result->reference);
}

static void
add_classes (JsonBuilder *builder, const char *name, const GArray *classes)
{
  guint covered, all;

  tn_coverage_count (classes, &covered, &all);
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  tn_json_add_integer (builder, "covered", covered);
  tn_json_add_integer (builder, "all", all);
  json_builder_end_object (builder);
}

static void
add_sample (JsonBuilder *builder, const TnCalibrateResult *result)
{
  const TnSampleReport *sample = result->sample;
  g_autofree char *drawn = tn_count_text (sample->drawn), *records = tn_count_text (sample->records);
  TnLengthDistance distance;

  tn_sample_report_length_distance (sample, &distance);
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "sampler", tn_sampler_names[result->sampler]);
  tn_json_add_integer (builder, "records", (gint64) sample->records);
  tn_json_add_integer (builder, "drawn", (gint64) sample->drawn);
  tn_json_add_double (builder, "length_fraction", percent (sample->drawn_length, sample->length) / 100.0);
  add_classes (builder, "files", sample->files);
  add_classes (builder, "labels", sample->labels);
  add_classes (builder, "strata", sample->strata);
  tn_json_add_double (builder, "length_ks", distance.ks);
  tn_json_add_double (builder, "length_ks_expected", distance.ks_expected);
  tn_json_add_double (builder, "length_js", distance.js);
  tn_json_add_double (builder, "length_js_expected", distance.js_expected);
  json_builder_set_member_name (builder, "weighted");
  json_builder_add_boolean_value (builder, sample->weighted);
  tn_json_add_double (builder, "least_weight", sample->least_weight);
  tn_json_add_double (builder, "most_weight", sample->most_weight);
  tn_json_add_double (builder, "effective_samples", tn_sample_report_effective (sample));
  tn_json_add_integer (builder, "unreachable", (gint64) sample->unreachable);
  json_builder_end_object (builder);
}

static void
add_stop (JsonBuilder *builder, const TnStopReport *stop)
{
  json_builder_begin_object (builder);
  tn_json_add_double (builder, "tolerance", stop->tolerance);
  tn_json_add_double (builder, "confidence", stop->confidence);
  tn_json_add_integer (builder, "looks", stop->looks);
  tn_json_add_integer (builder, "samples", (gint64) stop->samples);
  tn_json_add_integer (builder, "samples_needed_for_extremes", (gint64) stop->needed);
  tn_json_add_integer (builder, "sites", stop->sites);
  tn_json_add_integer (builder, "unsettled", stop->unsettled);
  tn_json_add_string (builder, "widest_site", stop->widest);
  tn_json_add_string (builder, "widest_quantity", stop->widest == NULL ? NULL : stop->widest_is_range ? "percentile_range" : "std");
  tn_json_add_double (builder, "widest_value", stop->looks > 0 ? stop->value : (double) NAN);
  tn_json_add_double (builder, "widest_half_width", stop->looks > 0 ? stop->half_width : (double) NAN);
  tn_json_add_string (builder, "last_to_settle", stop->last);
  json_builder_end_object (builder);
}

static void
add_reference (JsonBuilder *builder, const TnCalibrateReference *reference)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "source", reference->source);
  tn_json_add_integer (builder, "samples", (gint64) reference->samples);
  tn_json_add_integer (builder, "tokens", (gint64) reference->tokens);
  tn_json_add_double (builder, "token_js", reference->has_tokens ? reference->tokens_distance.js : (double) NAN);
  tn_json_add_double (builder, "token_js_expected", reference->has_tokens ? reference->tokens_distance.js_expected : (double) NAN);
  tn_json_add_double (builder, "tokens_seen", reference->has_tokens ? reference->tokens_distance.seen : (double) NAN);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_array (builder);
  for (guint i = 0; i < reference->sites->len; i++)
    {
      const TnReferenceSite *site = &g_array_index (reference->sites, TnReferenceSite, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", site->name);
      tn_json_add_double (builder, "ks", site->distance.ks);
      tn_json_add_double (builder, "ks_expected", site->distance.ks_expected);
      tn_json_add_double (builder, "js", site->distance.js);
      tn_json_add_double (builder, "js_expected", site->distance.js_expected);
      tn_json_add_double (builder, "range_ratio", site->distance.range_ratio);
      tn_json_add_double (builder, "std_ratio", site->distance.std_ratio);
      tn_json_add_double (builder, "std_expected", site->distance.std_expected);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

void
tn_calibrate_report_add (const TnCalibrateResult *result, JsonBuilder *builder)
{
  static const char *const ends[] = { "all", "stable", "time-limit" };

  json_builder_set_member_name (builder, "sample");
  if (result->sample != NULL)
    add_sample (builder, result);
  else
    json_builder_add_null_value (builder);
  tn_json_add_string (builder, "ended", ends[result->end]);
  json_builder_set_member_name (builder, "stop");
  if (result->stop != NULL)
    add_stop (builder, result->stop);
  else
    json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "reference");
  if (result->reference != NULL)
    add_reference (builder, result->reference);
  else
    json_builder_add_null_value (builder);
}
