/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-form.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/sample.h"
#include "ui/accessible.h"
#include "ui/data-list.h"
#include "ui/file-row.h"
#include "ui/model-row.h"
#include "ui/numbers.h"

/* Of the choices in the order of the drop-downs. */
static const char *const activations[] = {NULL, "int8:t", "int4:t", "int8", "int4"};
static const guint measured[] = {10, 30, TN_ANALYZE_ALL, 0};

struct _TnSensitivityForm
{
  GtkWidget parent_instance;
  GtkWidget *content;
  AdwActionRow *model_row;
  TnDataList *data;
  AdwEntryRow *schemes;
  AdwComboRow *activations;
  TnFileRow *stats;
  AdwActionRow *seq_len_row;
  GtkSpinButton *seq_len;
  GtkSpinButton *score_samples;
  AdwComboRow *measure;
  GtkSpinButton *measure_samples;
  GtkSpinButton *error_samples;
  GtkSpinButton *seed;
  TnSession *session;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnSensitivityForm, tn_sensitivity_form, GTK_TYPE_WIDGET)

static void
on_changed (TnSensitivityForm *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static gboolean
has_fixed_scales (TnSensitivityForm *self)
{
  guint chosen = adw_combo_row_get_selected (self->activations);

  return chosen < G_N_ELEMENTS (activations) && activations[chosen] != NULL && strchr (activations[chosen], ':') == NULL;
}

static void
on_activations_changed (TnSensitivityForm *self)
{
  tn_file_row_set_hint (self->stats, has_fixed_scales (self) ? _ ("Fixed scales come from statistics")
                                                             : _ ("None: findings tell of weights alone"));
  on_changed (self);
}

/* The bundled model comes with its text. */
static void
offer_sample_text (TnSensitivityForm *self)
{
  g_autofree char *sample = tn_sample_find (NULL), *text = tn_sample_find_text (NULL);
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->data);

  if (*paths == NULL && sample != NULL && text != NULL && g_strcmp0 (sample, tn_session_get_path (self->session)) == 0)
    tn_data_list_add (self->data, text);
}

static void
on_facts_changed (TnSensitivityForm *self)
{
  const TnModelFacts *facts = tn_session_get_facts (self->session);

  if (facts != NULL && facts->n_context > 1)
    {
      g_autofree char *subtitle = g_strdup_printf (_ ("of each sequence, at most %u"), facts->n_context);

      adw_action_row_set_subtitle (self->seq_len_row, subtitle);
      gtk_spin_button_set_range (self->seq_len, 2, facts->n_context);
    }
  on_changed (self);
}

static void
on_model_changed (TnSensitivityForm *self)
{
  tn_model_row_show (self->model_row, self->session);
  if (tn_session_get_state (self->session) == TN_SESSION_READY)
    offer_sample_text (self);
  on_facts_changed (self);
}

static void
tn_sensitivity_form_dispose (GObject *object)
{
  TnSensitivityForm *self = TN_SENSITIVITY_FORM (object);

  g_clear_object (&self->session);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_sensitivity_form_parent_class)->dispose (object);
}

static void
tn_sensitivity_form_class_init (TnSensitivityFormClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_sensitivity_form_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (TN_TYPE_DATA_LIST);
  g_type_ensure (TN_TYPE_FILE_ROW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/sensitivity-form.ui");
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, content);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, model_row);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, data);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, schemes);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, activations);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, stats);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, seq_len_row);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, seq_len);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, score_samples);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, measure);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, measure_samples);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, error_samples);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityForm, seed);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_activations_changed);
}

static void
tn_sensitivity_form_init (TnSensitivityForm *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_name_lists (self->content, _ ("Options"));
  tn_accessible_name_parts (GTK_WIDGET (self->schemes), _ ("Schemes"));
  tn_accessible_name_parts (GTK_WIDGET (self->activations), _ ("Activations"));
  tn_accessible_name_parts (GTK_WIDGET (self->measure), _ ("Measured Losses"));
  gtk_editable_set_text (GTK_EDITABLE (self->schemes), TN_ANALYZE_DEFAULT_SCHEMES);
  on_activations_changed (self);
}

void
tn_sensitivity_form_set_session (TnSensitivityForm *self, TnSession *session)
{
  g_return_if_fail (TN_IS_SENSITIVITY_FORM (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "facts-changed", G_CALLBACK (on_facts_changed), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
}

void
tn_sensitivity_form_add_data (TnSensitivityForm *self, const char *path)
{
  g_return_if_fail (TN_IS_SENSITIVITY_FORM (self));

  tn_data_list_add (self->data, path);
}

char **
tn_sensitivity_form_dup_data (TnSensitivityForm *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_FORM (self), NULL);

  return tn_data_list_dup_paths (self->data);
}

TnAnalyzeOptions *
tn_sensitivity_form_get_options (TnSensitivityForm *self)
{
  TnAnalyzeOptions *options;
  guint chosen;

  g_return_val_if_fail (TN_IS_SENSITIVITY_FORM (self), NULL);

  options = tn_analyze_options_new ();
  options->model_path = g_strdup (tn_session_get_path (self->session));
  options->data = tn_data_list_dup_paths (self->data);
  options->schemes = g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->schemes)));
  chosen = adw_combo_row_get_selected (self->activations);
  options->activations = g_strdup (chosen < G_N_ELEMENTS (activations) ? activations[chosen] : NULL);
  options->stats_path = g_strdup (tn_file_row_get_path (self->stats));
  options->seq_len = (guint) gtk_spin_button_get_value_as_int (self->seq_len);
  options->score_samples = (guint) gtk_spin_button_get_value_as_int (self->score_samples);
  chosen = adw_combo_row_get_selected (self->measure);
  options->measure = chosen < G_N_ELEMENTS (measured) ? measured[chosen] : 0;
  options->measure_samples = options->measure > 0 ? (guint) gtk_spin_button_get_value_as_int (self->measure_samples) : 0;
  options->error_samples = (guint) gtk_spin_button_get_value_as_int (self->error_samples);
  options->seed = (guint64) gtk_spin_button_get_value (self->seed);
  return options;
}

char *
tn_sensitivity_form_dup_problem (TnSensitivityForm *self)
{
  const TnModelFacts *facts;
  g_autoptr (TnAnalyzeOptions) options = NULL;
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (TN_IS_SENSITIVITY_FORM (self), NULL);

  facts = tn_session_get_facts (self->session);
  if (tn_session_get_state (self->session) == TN_SESSION_EMPTY)
    return g_strdup (_ ("Open the model to analyze"));
  if (tn_session_get_state (self->session) != TN_SESSION_READY || facts == NULL)
    return g_strdup (_ ("The model is not open yet"));
  if (facts->unfit != NULL)
    return g_strdup_printf (_ ("This model can be inspected, not run: %s"), facts->unfit);
  options = tn_sensitivity_form_get_options (self);
  if (options->data[0] == NULL)
    return g_strdup (_ ("Choose the data to analyze on"));
  if (facts->tokenizer_error != NULL && tn_dataset_needs_tokenizer ((const char *const *) options->data, NULL))
    return g_strdup (facts->tokenizer_error);
  if (has_fixed_scales (self) && options->stats_path == NULL)
    return g_strdup (_ ("Choose the statistics that fixed scales of activations come from"));
  return tn_analyze_check (options, &error) ? NULL : g_strdup (error->message);
}
