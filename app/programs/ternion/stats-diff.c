/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/stats.h"
#include "data/statistics/stats-diff-text.h"

static void
print_what_differs (const TnStats *a, const TnStats *b)
{
  if (a->model_fingerprint != b->model_fingerprint)
    g_print (_("model %016" PRIx64 " and %016" PRIx64 "\n"), a->model_fingerprint, b->model_fingerprint);
  if (a->data_fingerprint != b->data_fingerprint)
    g_print (_("data %016" PRIx64 " and %016" PRIx64 "\n"), a->data_fingerprint, b->data_fingerprint);
  else
    g_print (_("data %016" PRIx64 " in both\n"), a->data_fingerprint);
  if (strcmp (a->backend, b->backend) != 0)
    g_print (_("computed by %s and %s\n"), a->backend, b->backend);
}

static const char *
describe (TnChangeKind kind)
{
  switch (kind)
    {
    case TN_CHANGE_SITE:
      return _("in one only");
    case TN_CHANGE_SHAPE:
      return _("shape");
    case TN_CHANGE_RANGE:
      return _("range");
    case TN_CHANGE_MEAN:
      return _("mean");
    case TN_CHANGE_STD:
      return _("std");
    case TN_CHANGE_NONE:
    default:
      return _("nothing");
    }
}

/* "1.2 → 3.4"; the same number once. */
static void
print_pair (double a, double b, int digits)
{
  g_autofree char *left = g_strdup_printf ("%.*g", digits, a), *right = g_strdup_printf ("%.*g", digits, b);
  g_autofree char *pair = strcmp (left, right) == 0 ? g_strdup (left) : g_strdup_printf ("%s → %s", left, right);

  g_print ("  %s%*s", pair, (int) MAX (0, 19 - g_utf8_strlen (pair, -1)), "");
}

static void
print_difference (const TnSiteDifference *difference, int name_width)
{
  const TnSiteSummary *a = &difference->a.summary, *b = &difference->b.summary;

  g_print ("%-*s  %-11s", name_width, difference->name, describe (difference->kind));
  if (difference->width_a == 0 || difference->width_b == 0)
    {
      g_print ("  %s\n", difference->width_b == 0 ? _("not in the second") : _("not in the first"));
      return;
    }
  g_print ("  %8.3g  %8.4f  %8.5f", difference->change, difference->distance.ks, difference->distance.js);
  print_pair ((double) a->count, (double) b->count, 6);
  print_pair (MAX (fabs (a->min), fabs (a->max)), MAX (fabs (b->min), fabs (b->max)), 4);
  print_pair (a->mean, b->mean, 3);
  print_pair (a->std, b->std, 4);
  print_pair (difference->a.int8_sqnr_db, difference->b.int8_sqnr_db, 4);
  print_pair (difference->a.int4_sqnr_db, difference->b.int4_sqnr_db, 4);
  g_print ("\n");
}

static void
print_text (GPtrArray *differences, const TnStats *a, const TnStats *b)
{
  int name_width = 4;

  print_what_differs (a, b);
  for (guint i = 0; i < differences->len; i++)
    name_width = MAX (name_width, (int) strlen (((TnSiteDifference *) g_ptr_array_index (differences, i))->name));
  g_print ("\n%-*s  %-11s  %8s  %8s  %8s  %-19s  %-19s  %-19s  %-19s  %-19s  %s\n", name_width, _("site"), _("most"), _("by"), "KS", _("JS bits"),
           _("values"), _("max |x|"), _("mean"), _("std"), _("int8 dB"), _("int4 dB"));
  for (guint i = 0; i < differences->len; i++)
    print_difference (g_ptr_array_index (differences, i), name_width);
}

TnExitStatus
tn_stats_run_diff (TnCommand *command, const TnStatsArguments *arguments)
{
  const char *format = command->json ? "json" : arguments->format != NULL ? arguments->format : "text";
  const char *path_a = command->arguments[1], *path_b = command->arguments[2];
  g_autoptr (TnStats) a = NULL, b = NULL;
  g_autoptr (GPtrArray) differences = NULL;
  g_autofree char *text = NULL;
  GError *error = NULL;

  if (strcmp (format, "text") != 0 && strcmp (format, "csv") != 0 && strcmp (format, "json") != 0)
    return tn_command_usage_error (command, _("--format: “%s” is none of text, csv, json"), format);
  if (arguments->out != NULL && strcmp (format, "text") == 0)
    return tn_command_usage_error (command, _("--out: it is for --format csv and --json"));
  if ((a = tn_stats_load (path_a, &error)) == NULL || (b = tn_stats_load (path_b, &error)) == NULL)
    return tn_command_fail (command, error);
  differences = tn_stats_diff (a, b);
  if (strcmp (format, "csv") == 0)
    text = tn_stats_diff_to_csv (differences);
  else if (strcmp (format, "json") == 0)
    text = tn_stats_diff_to_json (differences, a, path_a, b, path_b);
  else
    print_text (differences, a, b);
  if (text != NULL && !tn_stats_write_text (text, arguments->out, &error))
    return tn_command_fail (command, error);
  return tn_command_finish (command);
}
