/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/layer-facts.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/numbers.h"

enum
{
  FACT_TYPE,
  FACT_SHAPE,
  FACT_ELEMENTS,
  FACT_MIN,
  FACT_MAX,
  FACT_MEAN,
  FACT_STD,
  FACT_ABSMEAN,
  FACT_ZEROS,
  FACT_NONFINITE,
  N_FACTS
};

static const char *const fact_titles[N_FACTS] = {
    N_ ("Type"), N_ ("Shape"),     N_ ("Elements"),       N_ ("Min"),   N_ ("Max"),
    N_ ("Mean"), N_ ("Std. dev."), N_ ("Mean magnitude"), N_ ("Zeros"), N_ ("Not finite"),
};

enum
{
  ERROR_BITS,
  ERROR_MSE,
  ERROR_SQNR,
  ERROR_COSINE,
  ERROR_ZEROS,
  N_ERROR_COLUMNS
};

static const char *const error_titles[N_ERROR_COLUMNS] = {
    N_ ("Bits"), N_ ("MSE"), N_ ("SQNR dB"), N_ ("Cosine"), N_ ("Zeros"),
};

static const char *const scheme_titles[TN_N_LAYER_SCHEMES] = {"ternary", "int8", "int4:g32"};

struct _TnLayerFacts
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkLabel *name;
  GtkLabel *source_name;
  GtkGrid *facts;
  GtkGrid *errors;
  GtkLabel *values[N_FACTS];
  GtkLabel *figures[TN_N_LAYER_SCHEMES][N_ERROR_COLUMNS];
};

G_DEFINE_FINAL_TYPE (TnLayerFacts, tn_layer_facts, GTK_TYPE_WIDGET)

static void
tn_layer_facts_dispose (GObject *object)
{
  TnLayerFacts *self = TN_LAYER_FACTS (object);

  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_layer_facts_parent_class)->dispose (object);
}

static void
tn_layer_facts_class_init (TnLayerFactsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_layer_facts_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/layer-facts.ui");
  gtk_widget_class_bind_template_child (widget_class, TnLayerFacts, content);
  gtk_widget_class_bind_template_child (widget_class, TnLayerFacts, name);
  gtk_widget_class_bind_template_child (widget_class, TnLayerFacts, source_name);
  gtk_widget_class_bind_template_child (widget_class, TnLayerFacts, facts);
  gtk_widget_class_bind_template_child (widget_class, TnLayerFacts, errors);
}

static GtkLabel *
add_label (GtkGrid *grid, int column, int row, const char *text, float xalign, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), xalign);
  if (css_class != NULL)
    gtk_widget_add_css_class (label, css_class);
  gtk_grid_attach (grid, label, column, row, 1, 1);
  return GTK_LABEL (label);
}

static void
tn_layer_facts_init (TnLayerFacts *self)
{
  const int rows = (N_FACTS + 1) / 2;

  gtk_widget_init_template (GTK_WIDGET (self));
  for (int i = 0; i < N_FACTS; i++)
    {
      int column = i / rows * 2;

      add_label (self->facts, column, i % rows, _ (fact_titles[i]), 0, "dim-label");
      self->values[i] = add_label (self->facts, column + 1, i % rows, NULL, 1, "numeric");
      gtk_widget_set_hexpand (GTK_WIDGET (self->values[i]), column == 0);
      if (i == FACT_SHAPE)
        gtk_label_set_ellipsize (self->values[i], PANGO_ELLIPSIZE_MIDDLE);
    }
  for (int i = 0; i < N_ERROR_COLUMNS; i++)
    gtk_widget_set_hexpand (GTK_WIDGET (add_label (self->errors, i + 1, 0, _ (error_titles[i]), 1, "dim-label")), TRUE);
  for (int i = 0; i < TN_N_LAYER_SCHEMES; i++)
    {
      add_label (self->errors, 0, i + 1, scheme_titles[i], 0, NULL);
      for (int j = 0; j < N_ERROR_COLUMNS; j++)
        self->figures[i][j] = add_label (self->errors, j + 1, i + 1, TN_DASH, 1, "numeric");
    }
}

static void
set_value (TnLayerFacts *self, int fact, char *text)
{
  gtk_label_set_text (self->values[fact], text);
  if (fact == FACT_SHAPE)
    gtk_widget_set_tooltip_text (GTK_WIDGET (self->values[fact]), text);
  g_free (text);
}

static void
set_figure (TnLayerFacts *self, int scheme, int column, char *text)
{
  gtk_label_set_text (self->figures[scheme][column], text);
  g_free (text);
}

void
tn_layer_facts_set_summary (TnLayerFacts *self, const TnTensorSummary *summary)
{
  g_return_if_fail (TN_IS_LAYER_FACTS (self));

  set_value (self, FACT_MIN, tn_format_value (summary->min));
  set_value (self, FACT_MAX, tn_format_value (summary->max));
  set_value (self, FACT_MEAN, tn_format_value (summary->mean));
  set_value (self, FACT_STD, tn_format_value (summary->std));
  set_value (self, FACT_ABSMEAN, tn_format_value (summary->absmean));
  set_value (self, FACT_ZEROS, tn_format_percent (summary->zeros));
  set_value (self, FACT_NONFINITE, tn_format_count (summary->nonfinite));
  if (summary->nonfinite > 0)
    gtk_widget_add_css_class (GTK_WIDGET (self->values[FACT_NONFINITE]), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->values[FACT_NONFINITE]), "error");
}

static void
show_errors (TnLayerFacts *self, TnLayerRow *row)
{
  for (int i = 0; i < TN_N_LAYER_SCHEMES; i++)
    {
      const TnQuantError *error = tn_layer_row_get_error (row, i);
      const char *unknown = tn_layer_row_get_state (row) == TN_LAYER_WAITING ? "…" : TN_DASH;

      set_figure (self, i, ERROR_BITS, error != NULL ? g_strdup_printf ("%.2f", error->bits) : g_strdup (unknown));
      set_figure (self, i, ERROR_MSE, error != NULL ? g_strdup_printf ("%.2e", error->mse) : g_strdup (unknown));
      set_figure (self, i, ERROR_SQNR, error != NULL ? tn_format_decibel (error->sqnr_db) : g_strdup (unknown));
      set_figure (self, i, ERROR_COSINE,
                  error == NULL           ? g_strdup (unknown)
                  : isnan (error->cosine) ? g_strdup (TN_DASH)
                                          : g_strdup_printf ("%.4f", error->cosine));
      set_figure (self, i, ERROR_ZEROS, error != NULL ? tn_format_percent (error->zero_fraction) : g_strdup (unknown));
    }
}

void
tn_layer_facts_show (TnLayerFacts *self, TnLayerRow *row)
{
  const TnModelTensor *info;
  g_autofree char *in_file = NULL;

  g_return_if_fail (TN_IS_LAYER_FACTS (self));
  g_return_if_fail (TN_IS_LAYER_ROW (row));

  info = tn_layer_row_get_info (row);
  gtk_label_set_text (self->name, info->name);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->name), info->name);
  in_file = g_strdup_printf (_ ("in the file: %s"), info->source_name);
  gtk_label_set_text (self->source_name, in_file);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->source_name), in_file);
  gtk_widget_set_visible (GTK_WIDGET (self->source_name), strcmp (info->name, info->source_name) != 0);

  set_value (self, FACT_TYPE, g_strdup (info->dtype_name));
  set_value (self, FACT_SHAPE, tn_tensor_shape_to_string (info->tensor));
  set_value (self, FACT_ELEMENTS, tn_format_count (info->tensor->count));
  if (tn_layer_row_get_state (row) == TN_LAYER_MEASURED)
    tn_layer_facts_set_summary (self, tn_layer_row_get_summary (row));
  else
    for (int i = FACT_MIN; i < N_FACTS; i++)
      set_value (self, i, g_strdup (tn_layer_row_get_state (row) == TN_LAYER_WAITING ? "…" : TN_DASH));
  show_errors (self, row);
}
