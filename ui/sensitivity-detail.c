/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-detail.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "data/analysis/analysis-text.h"
#include "engine/analysis/remedies.h"
#include "engine/metrics/grade.h"
#include "ui/numbers.h"

/* Of each kind of carrier. */
#define MOST_CARRIERS 6
#define BAR_WIDTH 72

struct _TnSensitivityDetail
{
  GtkWidget parent_instance;
  GtkWidget *scroller;
  GtkBox *box;
  GString *text;
};

G_DEFINE_FINAL_TYPE (TnSensitivityDetail, tn_sensitivity_detail, GTK_TYPE_WIDGET)

static GtkLabel *
add_label (TnSensitivityDetail *self, const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (css_class != NULL)
    gtk_widget_add_css_class (label, css_class);
  gtk_box_append (self->box, label);
  g_string_append_printf (self->text, "%s\n", text);
  return GTK_LABEL (label);
}

static void
add_heading (TnSensitivityDetail *self, const char *text)
{
  gtk_widget_set_margin_top (GTK_WIDGET (add_label (self, text, "heading")), 10);
}

/* Takes the text, which may be NULL. */
static gboolean
add_sentence (TnSensitivityDetail *self, char *text)
{
  if (text != NULL)
    add_label (self, text, NULL);
  g_free (text);
  return text != NULL;
}

static void
add_facts (TnSensitivityDetail *self, const TnAnalysis *analysis, guint index, guint scheme)
{
  const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, index);
  const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, index, scheme);
  const TnScheme *of = tn_analysis_get_scheme (analysis, scheme);
  g_autofree char *scheme_name = tn_scheme_to_string (of), *title = NULL, *loss = NULL, *facts = NULL;
  gboolean predicted;
  TnEstimate estimate = tn_analysis_get_loss (analysis, index, scheme, &predicted);
  TnGradeResult grade;

  /* Translators: a layer and the scheme it is rounded by */
  title = g_strdup_printf (_ ("%s in %s"), layer->name, scheme_name);
  add_label (self, title, "heading");
  facts = g_strdup_printf ("%" G_GUINT64_FORMAT " × %" G_GUINT64_FORMAT, layer->rows, layer->columns);
  if (tn_estimate_is_set (&estimate))
    {
      g_autofree char *change = tn_format_loss (estimate.value);

      if (isfinite (estimate.low) && isfinite (estimate.high))
        loss = g_strdup_printf (predicted ? _ ("%s · predicted change of the loss %s ± %.5f nats a token")
                                          : _ ("%s · measured change of the loss %s ± %.5f nats a token"),
                                facts, change, 0.5 * (estimate.high - estimate.low));
      else
        loss = g_strdup_printf (predicted ? _ ("%s · predicted change of the loss %s nats a token, without an interval")
                                          : _ ("%s · measured change of the loss %s nats a token, without an interval"),
                                facts, change);
    }
  else
    loss = g_strdup_printf (_ ("%s · its change of the loss was not measured"), facts);
  gtk_widget_add_css_class (GTK_WIDGET (add_label (self, loss, "dim-label")), "numeric");
  if (isnan (cell->weight.sqnr_db))
    return;
  tn_grade_sqnr (of, layer->rows, layer->columns, cell->weight.sqnr_db, &grade);
  add_sentence (self, tn_grade_describe (&grade, of));
}

static void
add_findings (TnSensitivityDetail *self, const TnAnalyzedLayer *layer)
{
  add_heading (self, _ ("Findings"));
  for (guint i = 0; i < layer->findings->len; i++)
    add_sentence (self, tn_finding_to_text (&g_array_index (layer->findings, TnFinding, i)));
  if (layer->findings->len == 0)
    add_label (self, _ ("Nothing stands out in its weights or inputs."), "dim-label");
}

static void
add_remedies (TnSensitivityDetail *self, const TnAnalysis *analysis, guint layer, guint scheme)
{
  TnRemedy remedies[TN_MOST_REMEDIES];
  guint n = tn_analysis_recommend (analysis, layer, scheme, remedies);

  if (n == 0)
    return;
  add_heading (self, _ ("What can be done"));
  for (guint i = 0; i < n; i++)
    add_sentence (self, tn_remedy_to_text (remedies[i], analysis, layer, scheme));
}

static char *
describe_carrier (const TnCarrier *carrier)
{
  switch (carrier->kind)
    {
    case TN_CARRIER_TOKEN:
      if (carrier->text != NULL)
        return g_strdelimit (g_strdup (carrier->text), "\n\r\t", ' ');
      return g_strdup_printf (_ ("token %d: sample %u, position %u"), carrier->token, carrier->index, carrier->position);
    case TN_CARRIER_SAMPLE:
      if (carrier->text != NULL)
        {
          g_autofree char *line = g_strdelimit (g_strdup (carrier->text), "\n\r\t", ' ');

          /* Translators: the number of a sample and how it begins */
          return g_strdup_printf (_ ("%u: %s"), carrier->index, line);
        }
      return g_strdup_printf ("%u", carrier->index);
    case TN_CARRIER_INPUT_CHANNEL:
    case TN_CARRIER_OUTPUT_CHANNEL:
    case TN_N_CARRIERS:
    default:
      return g_strdup_printf ("%u", carrier->index);
    }
}

static void
add_carrier (TnSensitivityDetail *self, const TnCarrier *carrier)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8), *bar = gtk_level_bar_new_for_interval (0, 1), *percent, *label;
  g_autofree char *share = tn_format_percent (carrier->share), *text = describe_carrier (carrier);

  percent = gtk_label_new (share);
  gtk_label_set_xalign (GTK_LABEL (percent), 1);
  gtk_label_set_width_chars (GTK_LABEL (percent), 7);
  gtk_widget_add_css_class (percent, "numeric");
  gtk_level_bar_set_value (GTK_LEVEL_BAR (bar), CLAMP (carrier->share, 0, 1));
  gtk_widget_set_size_request (bar, BAR_WIDTH, -1);
  gtk_widget_set_valign (bar, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (bar), GTK_ACCESSIBLE_PROPERTY_LABEL, share, -1);
  label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_set_tooltip_text (label, text);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (GTK_BOX (row), percent);
  gtk_box_append (GTK_BOX (row), bar);
  gtk_box_append (GTK_BOX (row), label);
  gtk_box_append (self->box, row);
  g_string_append_printf (self->text, "%s %s\n", share, text);
}

static void
add_carriers (TnSensitivityDetail *self, const TnAnalysis *analysis, const TnAnalyzedLayer *layer)
{
  g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (analysis, analysis->carriers_scheme));

  for (TnCarrierKind kind = 0; kind < TN_N_CARRIERS; kind++)
    {
      guint n = 0;

      for (guint i = 0; i < layer->carriers->len && n < MOST_CARRIERS; i++)
        {
          const TnCarrier *carrier = &g_array_index (layer->carriers, TnCarrier, i);

          if (carrier->kind != kind)
            continue;
          if (n++ == 0)
            {
              /* Translators: "input channels", and the scheme whose error they carry */
              g_autofree char *heading =
                  g_strdup_printf (_ ("Most of the error by %s, in %s"), tn_carrier_kind_to_text (kind), scheme);

              add_heading (self, heading);
            }
          add_carrier (self, carrier);
        }
    }
  if (layer->carriers->len > 0)
    return;
  add_heading (self, _ ("What carries the error"));
  add_label (self, _ ("This was not measured: give samples for errors."), "dim-label");
}

void
tn_sensitivity_detail_show (TnSensitivityDetail *self, const TnAnalysis *analysis, guint layer, guint scheme)
{
  GtkWidget *child;
  const TnAnalysisCell *cell;

  g_return_if_fail (TN_IS_SENSITIVITY_DETAIL (self));

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->box))) != NULL)
    gtk_box_remove (self->box, child);
  g_string_truncate (self->text, 0);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (self->scroller)), 0);
  if (analysis == NULL)
    {
      add_label (self, _ ("Choose a layer in the table to see where its error comes from."), "dim-label");
      return;
    }
  cell = tn_analysis_get_cell (analysis, layer, scheme);
  add_facts (self, analysis, layer, scheme);
  if (!add_sentence (self, tn_split_to_text (&cell->alone, &cell->accumulated)))
    add_label (self, _ ("How its error splits was not measured: give samples for errors."), "dim-label");
  add_remedies (self, analysis, layer, scheme);
  add_findings (self, tn_analysis_get_layer (analysis, layer));
  add_carriers (self, analysis, tn_analysis_get_layer (analysis, layer));
}

char *
tn_sensitivity_detail_dup_text (TnSensitivityDetail *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_DETAIL (self), NULL);

  return g_strdup (self->text->str);
}

static void
tn_sensitivity_detail_dispose (GObject *object)
{
  TnSensitivityDetail *self = TN_SENSITIVITY_DETAIL (object);

  g_clear_pointer (&self->scroller, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_sensitivity_detail_parent_class)->dispose (object);
}

static void
tn_sensitivity_detail_finalize (GObject *object)
{
  g_string_free (TN_SENSITIVITY_DETAIL (object)->text, TRUE);
  G_OBJECT_CLASS (tn_sensitivity_detail_parent_class)->finalize (object);
}

static void
tn_sensitivity_detail_class_init (TnSensitivityDetailClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_sensitivity_detail_dispose;
  G_OBJECT_CLASS (klass)->finalize = tn_sensitivity_detail_finalize;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_sensitivity_detail_init (TnSensitivityDetail *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);

  self->text = g_string_new (NULL);
  self->box = GTK_BOX (box);
  gtk_widget_set_margin_start (box, 18);
  gtk_widget_set_margin_end (box, 18);
  gtk_widget_set_margin_top (box, 6);
  gtk_widget_set_margin_bottom (box, 18);
  self->scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scroller), box);
  gtk_widget_set_parent (self->scroller, GTK_WIDGET (self));
  tn_sensitivity_detail_show (self, NULL, 0, 0);
}
