/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/report-analysis.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/analysis-figures.h"
#include "data/analysis/analysis-file.h"
#include "data/analysis/analysis-text.h"
#include "engine/metrics/grade.h"

#define WIDTH 860.0
#define HEIGHT 420.0
#define ROW_HEIGHT 18.0
#define RANKED 30
/* Layers that are told about one by one. */
#define EXPLAINED 5
/* A heat map as high as it takes to name every row, up to a page. */
#define MOST_ROWS_HEIGHT 1100.0

typedef struct
{
  const TnAnalysis *analysis;
  TnReport *report;
  GArray *ranked; /* TnRankedPair */
} Writer;

static char *
format_number (double value, const char *format)
{
  if (isnan (value))
    return g_strdup ("–");
  if (isinf (value))
    return g_strdup (value > 0.0 ? "∞" : "−∞");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  return g_strdup_printf (format, value);
#pragma GCC diagnostic pop
}

static char *
format_estimate (const TnEstimate *estimate)
{
  if (!isfinite (estimate->value) || isnan (estimate->low))
    return format_number (estimate->value, "%+.5f");
  return g_strdup_printf ("%+.5f ± %.5f", estimate->value, 0.5 * (estimate->high - estimate->low));
}

static char *
get_scheme_name (const Writer *self, guint scheme)
{
  return tn_scheme_to_string (tn_analysis_get_scheme (self->analysis, scheme));
}

/* Takes the text. */
static void
paragraph (Writer *self, char *text)
{
  if (text != NULL)
    tn_report_paragraph (self->report, text);
  g_free (text);
}

static void
summarize_scheme (Writer *self, guint scheme)
{
  const TnAnalysis *analysis = self->analysis;
  g_autofree char *name = get_scheme_name (self, scheme), *loss = NULL;
  guint worst = G_MAXUINT, n = 0, n_rising = 0;
  double most = (double) -INFINITY, sum = 0.0;

  for (guint i = 0; i < analysis->layers->len; i++)
    {
      TnEstimate estimate = tn_analysis_get_loss (analysis, i, scheme, NULL);

      if (!isfinite (estimate.value))
        continue;
      n++;
      sum += estimate.value;
      n_rising += estimate.low > 0.0;
      if (estimate.value > most)
        {
          most = estimate.value;
          worst = i;
        }
    }
  if (worst == G_MAXUINT)
    return;
  {
    TnEstimate estimate = tn_analysis_get_loss (analysis, worst, scheme, NULL);

    loss = format_estimate (&estimate);
  }
  paragraph (self, g_strdup_printf (_ ("%s: the layer that costs most is %s (%s nats a token). All %u layers together come to "
                                       "%+.4f; of %u the rise is beyond doubt."),
                                    name, tn_analysis_get_layer (analysis, worst)->name, loss, n, sum, n_rising));
}

static void
summarize (Writer *self)
{
  const TnAnalysis *analysis = self->analysis;

  tn_report_heading (self->report, _ ("Summary"));
  if (tn_estimate_is_set (&analysis->loss))
    paragraph (self, g_strdup_printf (_ ("%s has %u linear layers. As it is, its loss on %s is %.4f nats a token. Below: what "
                                         "rounding each layer alone adds to it, under each scheme."),
                                      analysis->model_name, analysis->layers->len, analysis->data_name, analysis->loss.value));
  else
    paragraph (self,
               g_strdup_printf (
                   _ ("%s has %u linear layers. Its loss was not measured: layers are judged by the error of their outputs."),
                   analysis->model_name, analysis->layers->len));
  for (guint k = 0; k < analysis->schemes->len; k++)
    summarize_scheme (self, k);
  if (!isnan (analysis->fisher_agreement.spearman))
    paragraph (self, g_strdup_printf (_ ("Fast scores rank as measurements do with a correlation of %.2f (Spearman, %u pairs)."),
                                      analysis->fisher_agreement.spearman, analysis->fisher_agreement.n));
}

static void
write_ranking (Writer *self)
{
  guint n = MIN (self->ranked->len, RANKED);

  if (n == 0)
    return;
  tn_report_heading (self->report, _ ("Ranking"));
  tn_report_figure (
      self->report, tn_analysis_draw_ranking (self->analysis, RANKED), WIDTH, 110.0 + ROW_HEIGHT * n,
      _ ("One layer rounded at a time; lines are intervals of 95 %. Measured pairs come first, predictions after them."));
}

/* "blk.3.ffn_down" of "blk.3.ffn_down.weight". */
static char *
get_short_name (const TnAnalyzedLayer *layer)
{
  gsize length = strlen (layer->name);

  return g_strndup (layer->name, g_str_has_suffix (layer->name, ".weight") ? length - strlen (".weight") : length);
}

static char *
describe_grade (const TnScheme *scheme, const TnAnalyzedLayer *layer, double sqnr_db)
{
  TnGradeResult grade;

  tn_grade_sqnr (scheme, layer->rows, layer->columns, sqnr_db, &grade);
  return g_strdup (grade.grade == TN_GRADE_UNKNOWN ? "–" : tn_grade_to_string (grade.grade));
}

static void
write_cells (Writer *self)
{
  const TnAnalysis *analysis = self->analysis;
  const char *const headers[] = {_ ("Layer"),       _ ("Scheme"), _ ("Bits"),  _ ("Weights, dB"), _ ("Grade"), _ ("Output, dB"),
                                 _ ("Through, dB"), _ ("Cosine"), _ ("Score"), _ ("Loss change"), _ ("± 95 %")};
  const gboolean numeric[] = {FALSE, FALSE, TRUE, TRUE, FALSE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE};
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      {
        const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
        const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

        if (!cell->applies)
          continue;
        g_ptr_array_add (cells, get_short_name (layer));
        g_ptr_array_add (cells, get_scheme_name (self, k));
        g_ptr_array_add (cells, format_number (cell->bits, "%.2f"));
        g_ptr_array_add (cells, format_number (cell->weight.sqnr_db, "%.2f"));
        g_ptr_array_add (cells, describe_grade (tn_analysis_get_scheme (analysis, k), layer, cell->weight.sqnr_db));
        g_ptr_array_add (cells, format_number (cell->alone.sqnr_db, "%.2f"));
        g_ptr_array_add (cells, format_number (cell->accumulated.sqnr_db, "%.2f"));
        g_ptr_array_add (cells, format_number (cell->alone.cosine, "%.5f"));
        g_ptr_array_add (cells, format_number (cell->fisher.value, "%.5f"));
        g_ptr_array_add (cells, format_number (cell->measured.value, "%+.5f"));
        g_ptr_array_add (cells, format_number (0.5 * (cell->measured.high - cell->measured.low), "%.5f"));
      }
  tn_report_heading (self->report, _ ("All layers"));
  tn_report_table (self->report, G_N_ELEMENTS (headers), headers, numeric, cells->len / G_N_ELEMENTS (headers),
                   (const char *const *) cells->pdata);
}

static void
write_carriers (Writer *self, const TnAnalyzedLayer *layer, TnCarrierKind kind)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = 0;

  for (guint i = 0; i < layer->carriers->len && n < 5; i++)
    {
      const TnCarrier *carrier = &g_array_index (layer->carriers, TnCarrier, i);

      if (carrier->kind != kind)
        continue;
      if (kind == TN_CARRIER_TOKEN)
        g_string_append_printf (text, _ ("%ssample %u, position %u (%.1f %%)"), n > 0 ? ", " : "", carrier->index,
                                carrier->position, 100.0 * carrier->share);
      else
        g_string_append_printf (text, "%s%u (%.1f %%)", n > 0 ? ", " : "", carrier->index, 100.0 * carrier->share);
      n++;
    }
  if (n > 0)
    paragraph (self, g_strdup_printf (_ ("Most of the error, by %s: %s."), tn_carrier_kind_to_text (kind), text->str));
}

static void
explain_layer (Writer *self, guint index, guint scheme)
{
  const TnAnalysis *analysis = self->analysis;
  const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, index);
  const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, index, scheme);
  g_autofree char *name = get_scheme_name (self, scheme),
                  *heading = g_strdup_printf (_ ("Why %s fails in %s"), layer->name, name);
  TnRemedy remedies[TN_MOST_REMEDIES];
  guint n = tn_analysis_recommend (analysis, index, scheme, remedies);

  tn_report_heading (self->report, heading);
  paragraph (self, tn_split_to_text (&cell->alone, &cell->accumulated));
  for (guint i = 0; i < layer->findings->len; i++)
    paragraph (self, tn_finding_to_text (&g_array_index (layer->findings, TnFinding, i)));
  for (TnCarrierKind kind = 0; kind < TN_N_CARRIERS; kind++)
    write_carriers (self, layer, kind);
  for (guint i = 0; i < n; i++)
    paragraph (self, tn_remedy_to_text (remedies[i], analysis, index, scheme));
}

/* The layers that cost most, each once. */
static void
explain (Writer *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < self->ranked->len && g_hash_table_size (seen) < EXPLAINED; i++)
    {
      const TnRankedPair *pair = &g_array_index (self->ranked, TnRankedPair, i);

      if (g_hash_table_add (seen, GUINT_TO_POINTER (pair->layer + 1)))
        explain_layer (self, pair->layer, pair->scheme);
    }
}

static void
write_plans (Writer *self)
{
  const TnAnalysis *analysis = self->analysis;
  g_autoptr (TnAllocation) allocation = tn_allocation_new (analysis, NULL, NULL, NULL);
  const char *const headers[] = {_ ("Plan"), _ ("Bits"), _ ("Predicted"), _ ("Measured"), _ ("Measured / predicted")};
  const gboolean numeric[] = {FALSE, TRUE, TRUE, TRUE, TRUE};
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  if (allocation == NULL)
    return;
  tn_report_heading (self->report, _ ("Plans"));
  tn_report_figure (self->report, tn_analysis_draw_front (analysis, allocation, G_MAXUINT), WIDTH, HEIGHT,
                    _ ("The best mix of schemes for every size, if errors of layers add up; dots are one scheme for all layers, "
                       "and plans that were measured."));
  for (guint i = 0; i < analysis->checks->len; i++)
    {
      const TnPlanCheck *check = g_ptr_array_index (analysis->checks, i);

      g_ptr_array_add (cells, g_strdup (check->title));
      g_ptr_array_add (cells, format_number (check->bits, "%.2f"));
      g_ptr_array_add (cells, format_number (check->predicted, "%+.5f"));
      g_ptr_array_add (cells, format_estimate (&check->measured));
      g_ptr_array_add (cells, format_number (tn_plan_check_get_ratio (check), "%.2f"));
    }
  if (analysis->checks->len == 0)
    return;
  paragraph (self, g_strdup (_ ("Predicted is the sum of what its layers cost alone. Above a ratio of 1, errors of layers feed each other, and the plan "
                                "loses more than the sum says; there is none where a change may be chance.")));
  tn_report_table (self->report, G_N_ELEMENTS (headers), headers, numeric, analysis->checks->len,
                   (const char *const *) cells->pdata);
}

static void
write_plots (Writer *self)
{
  const TnAnalysis *analysis = self->analysis;
  double rows = MIN (120.0 + ROW_HEIGHT * analysis->layers->len, MOST_ROWS_HEIGHT);

  tn_report_heading (self->report, _ ("Plots"));
  tn_report_figure (self->report, tn_analysis_draw_comparison (analysis, TN_SHOW_ALONE), WIDTH, HEIGHT,
                    _ ("Errors of outputs, each layer's input exact. More is better."));
  tn_report_figure (self->report, tn_analysis_draw_comparison (analysis, TN_SHOW_ACCUMULATED), WIDTH, HEIGHT,
                    _ ("The same with all layers before it in the scheme too: where a line falls, errors pile up."));
  tn_report_figure (self->report, tn_analysis_draw_cells (analysis, TN_SHOW_LOSS), WIDTH, rows,
                    _ ("Change of the loss, on a logarithm; blank where it does not rise or is not known."));
  tn_report_figure (self->report, tn_analysis_draw_histogram (analysis, TN_SHOW_WEIGHT), WIDTH, HEIGHT, NULL);
  tn_report_figure (self->report, tn_analysis_draw_bits (analysis, TN_SHOW_WEIGHT), WIDTH, HEIGHT, NULL);
  if (!isnan (analysis->fisher_agreement.spearman))
    tn_report_figure (self->report, tn_analysis_draw_agreement (analysis), WIDTH, HEIGHT, NULL);
  if (analysis->correlations != NULL)
    tn_report_figure (self->report, tn_analysis_draw_correlations (analysis), WIDTH, rows,
                      _ ("Correlation, over tokens, of the logarithm of the layers' accumulated errors: blocks of one colour "
                         "fail on the same tokens."));
}

static void
write_methods (Writer *self)
{
  const TnAnalysis *analysis = self->analysis;

  tn_report_heading (self->report, _ ("How this was made"));
  paragraph (self,
             g_strdup_printf (_ ("Model %s, fingerprint %016" PRIx64 "; data %s, fingerprint of the samples %016" PRIx64
                                 "; seed %" PRIu64 "; products by %s."),
                              analysis->model_name, analysis->model_fingerprint, analysis->data_name, analysis->data_fingerprint,
                              analysis->seed, analysis->backend != NULL ? analysis->backend : "?"));
  paragraph (self,
             g_strdup_printf (_ ("Samples of %u tokens: %u for errors of outputs, %u for scores, %u for measured losses."),
                              analysis->seq_len, analysis->error_samples, analysis->score_samples, analysis->measure_samples));
  if (analysis->has_activations)
    {
      g_autofree char *name = tn_scheme_to_string (&analysis->activations);

      paragraph (self, g_strdup_printf (_ ("Inputs of layers are rounded to %s in every scheme."), name));
    }
  paragraph (self, g_strdup (_ ("SQNR: ten times the logarithm of signal power over error power. Fisher score: half the sum of "
                                "squared gradient times squared error, times "
                                "the tokens of a sequence. Measured: difference of the loss on the same windows, with Student's "
                                "interval over windows. "
                                "Grades: against what the scheme does to Gaussian and Laplace values. The guide on analysis has "
                                "formulas and sources.")));
}

TnReport *
tn_report_analysis (const TnAnalysis *analysis, const char *language)
{
  g_autofree char *title =
      g_strdup_printf (_ ("Error analysis of %s"), analysis->model_name != NULL ? analysis->model_name : "?");
  Writer writer = {.analysis = analysis, .report = tn_report_new (title, language), .ranked = tn_analysis_rank (analysis)};

  summarize (&writer);
  write_ranking (&writer);
  write_plans (&writer);
  explain (&writer);
  write_plots (&writer);
  write_cells (&writer);
  write_methods (&writer);
  g_array_unref (writer.ranked);
  return writer.report;
}

gboolean
tn_report_analysis_save (const TnAnalysis *analysis, const char *language, const char *path, GError **error)
{
  g_autoptr (TnReport) report = NULL;

  if (g_str_has_suffix (path, ".json"))
    return tn_analysis_save (analysis, path, error);
  report = tn_report_analysis (analysis, language);
  return tn_report_save (report, path, error);
}
