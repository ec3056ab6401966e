/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/analyze-layer.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "data/analysis/analysis-text.h"
#include "engine/metrics/grade.h"

/* Of each kind. */
#define MOST_CARRIERS 8

static void
print_part (double value)
{
  if (isnan (value))
    g_print (" %11s", "–");
  else
    g_print (" %11.3g", value);
}

static void
print_errors (const TnAnalysis *analysis, guint layer)
{
  g_print ("%-12s %-8s %11s %11s %11s %11s %11s %11s\n", _ ("scheme"), "", _ ("error"), _ ("weights"), _ ("inputs"), _ ("both"),
           _ ("inherited"), _ ("between"));
  for (guint k = 0; k < analysis->schemes->len; k++)
    {
      const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, layer, k);
      const TnOutputError *errors[] = {&cell->alone, &cell->accumulated};
      const char *const words[] = {_ ("alone"), _ ("through")};
      g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (analysis, k));

      for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
        {
          const TnOutputError *error = errors[i];
          const double parts[] = {error->nmse, error->weights, error->inputs, error->interaction, error->inherited, error->cross};

          g_print ("%-12s %-8s", i == 0 ? scheme : "", words[i]);
          for (guint p = 0; p < G_N_ELEMENTS (parts); p++)
            print_part (parts[p]);
          g_print ("\n");
        }
    }
}

static void
print_grade (const TnAnalysis *analysis, guint layer)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (analysis, layer);
  const TnScheme *scheme = tn_analysis_get_scheme (analysis, analysis->carriers_scheme);
  double sqnr = tn_analysis_get_cell (analysis, layer, analysis->carriers_scheme)->weight.sqnr_db;
  g_autofree char *text = NULL;
  TnGradeResult grade;

  if (isnan (sqnr))
    return;
  tn_grade_sqnr (scheme, analyzed->rows, analyzed->columns, sqnr, &grade);
  text = tn_grade_describe (&grade, scheme);
  g_print (_ ("Weights: %s\n"), text);
}

static void
print_causes (const TnAnalysis *analysis, guint layer)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (analysis, layer);
  const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, layer, analysis->carriers_scheme);
  g_autofree char *split = tn_split_to_text (&cell->alone, &cell->accumulated);
  TnRemedy remedies[TN_MOST_REMEDIES];
  guint n = tn_analysis_recommend (analysis, layer, analysis->carriers_scheme, remedies);

  if (split != NULL)
    g_print ("%s\n", split);
  print_grade (analysis, layer);
  g_print ("\n%s\n", analyzed->findings->len > 0 ? _ ("Why it fails:") : _ ("Nothing stands out in its weights and inputs."));
  for (guint i = 0; i < analyzed->findings->len; i++)
    {
      g_autofree char *text = tn_finding_to_text (&g_array_index (analyzed->findings, TnFinding, i));

      g_print ("  %s\n", text);
    }
  if (n > 0)
    g_print (_ ("What to try, the most promising first:\n"));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = tn_remedy_to_text (remedies[i], analysis, layer, analysis->carriers_scheme);

      g_print ("  %s\n", text);
    }
}

/* On one line, whatever is in it. */
static char *
flatten (const char *text)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    g_string_append_unichar (line, g_unichar_iscntrl (g_utf8_get_char (at)) ? ' ' : g_utf8_get_char (at));
  return g_string_free (g_steal_pointer (&line), FALSE);
}

static void
print_carrier (const TnCarrier *carrier)
{
  g_autofree char *text = carrier->text != NULL ? flatten (carrier->text) : NULL;

  if (carrier->kind == TN_CARRIER_TOKEN)
    g_print (_ ("  %5.1f %%  sample %u, token %u  %s\n"), 100.0 * carrier->share, carrier->index, carrier->position,
             text != NULL ? text : "");
  else
    g_print ("  %5.1f %%  %u  %s\n", 100.0 * carrier->share, carrier->index, text != NULL ? text : "");
}

static void
print_carriers (const TnAnalysis *analysis, guint layer)
{
  const GArray *carriers = tn_analysis_get_layer (analysis, layer)->carriers;

  for (guint kind = 0; kind < TN_N_CARRIERS; kind++)
    {
      guint n = 0;

      for (guint i = 0; i < carriers->len; i++)
        {
          const TnCarrier *carrier = &g_array_index (carriers, TnCarrier, i);

          if (carrier->kind != kind || n == MOST_CARRIERS)
            continue;
          if (n++ == 0)
            g_print (_ ("\nShare of the error by %s:\n"), tn_carrier_kind_to_text (kind));
          print_carrier (carrier);
        }
    }
}

/* The layers whose errors go up and down with this one's over the tokens. */
static void
print_correlations (const TnAnalysis *analysis, guint layer)
{
  const double *row = analysis->correlations != NULL ? analysis->correlations + (gsize) layer * analysis->layers->len : NULL;
  guint most = G_MAXUINT;

  for (guint i = 0; row != NULL && i < analysis->layers->len; i++)
    if (i != layer && !isnan (row[i]) && (most == G_MAXUINT || row[i] > row[most]))
      most = i;
  if (most != G_MAXUINT)
    g_print (_ ("\nOver the tokens its error goes most with that of %s: correlation %.2f.\n"),
             tn_analysis_get_layer (analysis, most)->name, row[most]);
}

void
tn_print_analyzed_layer (const TnAnalysis *analysis, guint layer)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (analysis, layer);
  g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (analysis, analysis->carriers_scheme));

  g_print (_ ("%s, %" PRIu64 " × %" PRIu64 ": error over output, and the parts it is made of\n"), analyzed->name, analyzed->rows,
           analyzed->columns);
  print_errors (analysis, layer);
  g_print (_ ("\nUnder %s:\n"), scheme);
  print_causes (analysis, layer);
  print_carriers (analysis, layer);
  print_correlations (analysis, layer);
}
