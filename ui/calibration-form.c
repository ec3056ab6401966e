/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration-form.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/sample.h"
#include "ui/accessible.h"
#include "ui/advanced-options.h"
#include "ui/data-list.h"
#include "ui/data-preview.h"
#include "ui/file-row.h"
#include "ui/model-row.h"
#include "ui/numbers.h"
#include "ui/sample-window.h"
#include "ui/settings.h"

#define MEBIBYTE ((gsize) 1 << 20)

enum
{
  SOURCE_MODEL,
  SOURCE_RECORDED
};

enum
{
  TOKENIZER_AUTOMATIC,
  TOKENIZER_BYTES,
  TOKENIZER_FILE
};

struct _TnCalibrationForm
{
  GtkWidget parent_instance;
  GtkWidget *content;
  AdwComboRow *source;
  AdwActionRow *model_row;
  TnDataList *data;
  TnDataList *tensors;
  GtkLabel *preview;
  GtkWidget *preview_group;
  AdwComboRow *sampler;
  AdwComboRow *strata;
  TnFileRow *indices;
  TnFileRow *weights;
  GtkSpinButton *samples;
  AdwActionRow *samples_row;
  GtkSpinButton *seq_len;
  AdwActionRow *seq_len_row;
  GtkWidget *sample_row;
  GtkSpinButton *seed;
  GtkSpinButton *memory;
  GtkSwitch *outputs;
  GtkSwitch *residual;
  GtkSwitch *logits;
  GtkSwitch *stable;
  GtkWidget *stable_row;
  GtkWidget *sites_group;
  GtkWidget *text_group;
  GtkSpinButton *tolerance;
  AdwEntryRow *time_limit;
  GtkSwitch *cache;
  TnAdvancedOptions *advanced;
  AdwComboRow *tokenizer;
  AdwActionRow *tokenizer_row;

  TnSession *session;
  char *tokenizer_path;
  double other_samples; /* how many were wanted of the source that is not chosen */
  char *data_problem; /* what reading the data said */
  char *data_read_by; /* the options that the preview was read with */
  GCancellable *reading;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnCalibrationForm, tn_calibration_form, GTK_TYPE_WIDGET)

static TnCalibrateOptions *collect (TnCalibrationForm *self, GError **error);

static void
on_changed (TnCalibrationForm *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

gboolean
tn_calibration_form_is_recorded (TnCalibrationForm *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_FORM (self), FALSE);

  return adw_combo_row_get_selected (self->source) == SOURCE_RECORDED;
}

void
tn_calibration_form_set_recorded (TnCalibrationForm *self, gboolean recorded)
{
  g_return_if_fail (TN_IS_CALIBRATION_FORM (self));

  adw_combo_row_set_selected (self->source, recorded ? SOURCE_RECORDED : SOURCE_MODEL);
}

static void
show_source (TnCalibrationForm *self)
{
  gboolean recorded = tn_calibration_form_is_recorded (self);
  GtkWidget *const of_a_model[] = {GTK_WIDGET (self->model_row), GTK_WIDGET (self->data), GTK_WIDGET (self->seq_len_row),
                                   self->sample_row,             self->stable_row,        self->sites_group,
                                   self->text_group};

  for (guint i = 0; i < G_N_ELEMENTS (of_a_model); i++)
    gtk_widget_set_visible (of_a_model[i], !recorded);
  gtk_widget_set_visible (GTK_WIDGET (self->tensors), recorded);
  gtk_widget_set_visible (self->preview_group, !recorded && *gtk_label_get_text (self->preview) != '\0');
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->source),
                               recorded ? _ ("what another program wrote") : _ ("what it computes on your data"));
  adw_action_row_set_subtitle (self->samples_row, recorded ? _ ("of each array, 0 takes all") : _ ("0 takes all"));
}

static void
on_sampler_changed (TnCalibrationForm *self)
{
  static const char *const explanations[] = {
      [TN_SAMPLER_RANDOM] = N_ ("each record as likely"),
      [TN_SAMPLER_SYSTEMATIC] = N_ ("every so-manieth record"),
      [TN_SAMPLER_STRATIFIED] = N_ ("each stratum by its share"),
      [TN_SAMPLER_IMPORTANCE] = N_ ("more of what the model finds hard"),
      [TN_SAMPLER_RESERVOIR] = N_ ("random, in one pass over the data"),
      [TN_SAMPLER_INDICES] = N_ ("what a file lists"),
  };
  guint sampler = adw_combo_row_get_selected (self->sampler);

  if (sampler < G_N_ELEMENTS (explanations))
    adw_action_row_set_subtitle (ADW_ACTION_ROW (self->sampler), _ (explanations[sampler]));
  gtk_widget_set_visible (GTK_WIDGET (self->strata), sampler == TN_SAMPLER_STRATIFIED);
  gtk_widget_set_visible (GTK_WIDGET (self->indices), sampler == TN_SAMPLER_INDICES);
  gtk_widget_set_visible (GTK_WIDGET (self->weights), sampler == TN_SAMPLER_IMPORTANCE);
  on_changed (self);
}

static const char *
get_tokenizer_path (TnCalibrationForm *self)
{
  switch (adw_combo_row_get_selected (self->tokenizer))
    {
    case TOKENIZER_BYTES:
      return "bytes";
    case TOKENIZER_FILE:
      return self->tokenizer_path;
    default:
      return NULL;
    }
}

/* "Text, 2.1 MB in 3 files" */
static char *
describe_data (const TnDataPreview *found)
{
  g_autofree char *size = g_format_size (found->bytes);
  const char *kind = found->tokens ? _ ("Tokens") : _ ("Text");

  /* Translators: the kind of data, their size and the number of files */
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s, %s in %u file", "%s, %s in %u files", found->n_files), kind, size,
                          found->n_files);
}

static void
on_preview_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnCalibrationForm) self = user_data;
  TnDataPreview *found = tn_data_preview_read_finish (result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_pointer (&self->data_problem, g_free);
  if (found != NULL)
    {
      g_autofree char *facts = describe_data (found);

      gtk_label_set_text (self->preview, found->text);
      tn_data_list_set_facts (self->data, facts);
    }
  else
    {
      self->data_problem = g_strdup (error->message);
      gtk_label_set_text (self->preview, "");
    }
  gtk_widget_set_visible (self->preview_group, found != NULL && !tn_calibration_form_is_recorded (self));
  tn_data_preview_free (found);
  on_changed (self);
}

/* How the data are read, as far as that changes what the preview shows. */
static char *
describe_reading (const TnCalibrateOptions *options)
{
  return g_strdup_printf ("%s\n%s\n%s", options->data.format != NULL ? options->data.format : "",
                          options->data.field != NULL ? options->data.field : "",
                          options->data.label != NULL ? options->data.label : "");
}

static void
read_preview (TnCalibrationForm *self)
{
  g_autoptr (TnCalibrateOptions) options = collect (self, NULL);

  if (self->reading != NULL)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_pointer (&self->data_problem, g_free);
  if (options != NULL && options->data_paths != NULL && *options->data_paths != NULL)
    {
      g_free (self->data_read_by);
      self->data_read_by = describe_reading (options);
      self->reading = g_cancellable_new ();
      tn_data_preview_read_async (options, tn_session_get_file (self->session), self->reading, on_preview_read, g_object_ref (self));
    }
  else
    gtk_widget_set_visible (self->preview_group, FALSE);
  on_changed (self);
}

static void
on_source_changed (TnCalibrationForm *self)
{
  double samples = gtk_spin_button_get_value (self->samples);

  show_source (self);
  gtk_spin_button_set_value (self->samples, self->other_samples);
  self->other_samples = samples;
  if (self->session != NULL)
    read_preview (self);
}

static void
on_advanced_changed (TnCalibrationForm *self)
{
  g_autoptr (TnCalibrateOptions) options = self->session != NULL ? collect (self, NULL) : NULL;
  g_autofree char *reading = options != NULL ? describe_reading (options) : NULL;

  if (self->data_read_by != NULL && g_strcmp0 (reading, self->data_read_by) != 0)
    read_preview (self);
  else
    on_changed (self);
}

static void
show_tokenizer (TnCalibrationForm *self)
{
  const TnModelFacts *facts = tn_session_get_facts (self->session);
  g_autofree char *name = NULL;

  switch (adw_combo_row_get_selected (self->tokenizer))
    {
    case TOKENIZER_AUTOMATIC:
      adw_action_row_set_subtitle (self->tokenizer_row, facts == NULL              ? _ ("Looking…")
                                                        : facts->tokenizer != NULL ? facts->tokenizer
                                                                                   : _ ("None was found"));
      break;
    case TOKENIZER_BYTES:
      adw_action_row_set_subtitle (self->tokenizer_row, _ ("Every byte is a token"));
      break;
    case TOKENIZER_FILE:
    default:
      name = self->tokenizer_path != NULL ? g_filename_display_basename (self->tokenizer_path) : g_strdup (_ ("None chosen"));
      adw_action_row_set_subtitle (self->tokenizer_row, name);
      break;
    }
}

static void
on_tokenizer_response (GtkNativeDialog *dialog, int response, TnCalibrationForm *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

      g_free (self->tokenizer_path);
      self->tokenizer_path = g_file_get_path (file);
      adw_combo_row_set_selected (self->tokenizer, TOKENIZER_FILE);
      show_tokenizer (self);
      read_preview (self);
    }
  g_object_unref (dialog);
}

static void
on_choose_tokenizer (TnCalibrationForm *self)
{
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new (_ ("Choose a Tokenizer"), GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                   GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Choose"), _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_tokenizer_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_tokenizer_changed (TnCalibrationForm *self)
{
  if (self->session == NULL) /* while the template is built */
    return;
  show_tokenizer (self);
  read_preview (self);
}

static void
on_facts_changed (TnCalibrationForm *self)
{
  const TnModelFacts *facts = tn_session_get_facts (self->session);

  if (facts != NULL && facts->n_context > 0)
    {
      g_autofree char *subtitle = g_strdup_printf (_ ("Tokens, at most %u"), facts->n_context);

      adw_action_row_set_subtitle (self->seq_len_row, subtitle);
      gtk_spin_button_set_range (self->seq_len, 1, facts->n_context);
    }
  show_tokenizer (self);
  on_changed (self);
}

/* The bundled model comes with its text. */
static void
offer_sample_text (TnCalibrationForm *self)
{
  g_autofree char *sample = tn_sample_find (NULL);
  g_autofree char *text = tn_sample_find_text (NULL);
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->data);

  if (!tn_calibration_form_is_recorded (self) && *paths == NULL && sample != NULL && text != NULL && g_strcmp0 (sample, tn_session_get_path (self->session)) == 0)
    tn_data_list_add (self->data, text);
}

static void
on_model_changed (TnCalibrationForm *self)
{
  tn_model_row_show (self->model_row, self->session);
  if (tn_session_get_state (self->session) == TN_SESSION_READY)
    offer_sample_text (self);
  on_facts_changed (self);
}

static void
on_preview_sample (TnCalibrationForm *self)
{
  g_autofree char *problem = tn_calibration_form_dup_problem (self);
  g_autoptr (TnCalibrateOptions) options = problem == NULL ? collect (self, NULL) : NULL;

  if (options != NULL)
    tn_sample_window_present (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), options);
  else
    tn_session_notice (self->session, problem);
}

static void
tn_calibration_form_dispose (GObject *object)
{
  TnCalibrationForm *self = TN_CALIBRATION_FORM (object);

  if (self->reading != NULL)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  g_clear_object (&self->session);
  g_clear_pointer (&self->tokenizer_path, g_free);
  g_clear_pointer (&self->data_problem, g_free);
  g_clear_pointer (&self->data_read_by, g_free);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_calibration_form_parent_class)->dispose (object);
}

static void
tn_calibration_form_class_init (TnCalibrationFormClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_calibration_form_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  g_type_ensure (TN_TYPE_ADVANCED_OPTIONS);
  g_type_ensure (TN_TYPE_DATA_LIST);
  g_type_ensure (TN_TYPE_FILE_ROW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/calibration-form.ui");
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, content);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, source);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, model_row);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, tensors);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, samples_row);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, sample_row);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, stable_row);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, sites_group);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, text_group);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, data);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, preview);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, preview_group);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, sampler);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, samples);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, seq_len);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, seq_len_row);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, seed);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, memory);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, outputs);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, residual);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, logits);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, stable);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, tolerance);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, time_limit);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, cache);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, advanced);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, strata);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, indices);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, weights);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, tokenizer);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationForm, tokenizer_row);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, read_preview);
  gtk_widget_class_bind_template_callback (widget_class, on_sampler_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_source_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_advanced_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_preview_sample);
  gtk_widget_class_bind_template_callback (widget_class, on_tokenizer_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_choose_tokenizer);
}

static void
tn_calibration_form_init (TnCalibrationForm *self)
{
  GSettings *settings = tn_settings_get ();

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_name_lists (self->content, _ ("Options"));
  tn_accessible_name_parts (GTK_WIDGET (self->source), _ ("Activations"));
  tn_data_list_set_recorded (self->tensors);
  show_source (self);
  tn_accessible_name_parts (GTK_WIDGET (self->sampler), _ ("Sampler"));
  tn_accessible_name_parts (GTK_WIDGET (self->strata), _ ("Strata"));
  tn_accessible_name_parts (GTK_WIDGET (self->time_limit), _ ("Time Limit"));
  tn_file_row_set_hint (self->indices, _ ("A file with one number a line"));
  tn_file_row_set_hint (self->weights, _ ("The model's loss, unless a file says"));
  on_sampler_changed (self);
  tn_accessible_name_parts (GTK_WIDGET (self->tokenizer), _ ("Tokenizer"));
  if (settings == NULL)
    return;
  gtk_spin_button_set_value (self->samples, g_settings_get_uint (settings, "calibration-samples"));
  gtk_spin_button_set_value (self->seq_len, g_settings_get_uint (settings, "calibration-length"));
  gtk_spin_button_set_value (self->memory, (double) (g_settings_get_uint64 (settings, "calibration-memory-limit") / MEBIBYTE));
}

void
tn_calibration_form_remember (TnCalibrationForm *self, const TnCalibrateOptions *options)
{
  GSettings *settings = tn_settings_get ();

  if (settings == NULL)
    return;
  if (options->tensor_paths == NULL)
    {
      g_settings_set_uint (settings, "calibration-samples", options->sampling.n_samples);
      g_settings_set_uint (settings, "calibration-length", options->sampling.seq_len);
    }
  g_settings_set_uint64 (settings, "calibration-memory-limit", options->memory_limit);
}

void
tn_calibration_form_set_session (TnCalibrationForm *self, TnSession *session)
{
  g_return_if_fail (TN_IS_CALIBRATION_FORM (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "facts-changed", G_CALLBACK (on_facts_changed), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
}

void
tn_calibration_form_add_data (TnCalibrationForm *self, const char *path)
{
  g_return_if_fail (TN_IS_CALIBRATION_FORM (self));

  tn_data_list_add (tn_calibration_form_is_recorded (self) ? self->tensors : self->data, path);
}

static TnSampler
get_sampler (TnCalibrationForm *self)
{
  return (TnSampler) MIN (adw_combo_row_get_selected (self->sampler), TN_SAMPLER_INDICES);
}

static gboolean
collect_tensors (TnCalibrationForm *self, TnCalibrateOptions *options, GError **error)
{
  g_autofree char *samples = g_strdup_printf ("%d", gtk_spin_button_get_value_as_int (self->samples));
  const char *values[] = {samples, NULL};
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->tensors);

  if (*paths != NULL)
    options->tensor_paths = g_steal_pointer (&paths);
  /* Set as a flag is: of recorded activations, all are taken where no number was given. */
  return tn_calibrate_options_set (options, _ ("Sequences"), "samples", values, error);
}

static void
collect_model (TnCalibrationForm *self, TnCalibrateOptions *options)
{
  options->model_path = g_strdup (tn_session_get_path (self->session));
  options->data_paths = tn_data_list_dup_paths (self->data);
  options->tokenizer_path = g_strdup (get_tokenizer_path (self));
  options->sampling.n_samples = (guint) gtk_spin_button_get_value_as_int (self->samples);
  options->sampling.seq_len = (guint) gtk_spin_button_get_value_as_int (self->seq_len);
  options->tolerance = gtk_switch_get_active (self->stable) ? gtk_spin_button_get_value (self->tolerance) / 100 : 0;
}

/* Everything that the form holds; NULL when a field holds nonsense. */
static TnCalibrateOptions *
collect (TnCalibrationForm *self, GError **error)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  const char *time_limit[] = {gtk_editable_get_text (GTK_EDITABLE (self->time_limit)), NULL};
  gboolean timely = *time_limit[0] == '\0' || tn_calibrate_options_set (options, _ ("Time Limit"), "time-limit", time_limit, error);

  if (!tn_calibration_form_is_recorded (self))
    collect_model (self, options);
  else if (!collect_tensors (self, options, error))
    return NULL;
  options->sampling.sampler = get_sampler (self);
  options->sampling.strata = (TnStrata) MIN (adw_combo_row_get_selected (self->strata), TN_STRATA_FILE);
  options->indices_path = options->sampling.sampler == TN_SAMPLER_INDICES ? g_strdup (tn_file_row_get_path (self->indices)) : NULL;
  options->weights_path =
      options->sampling.sampler == TN_SAMPLER_IMPORTANCE ? g_strdup (tn_file_row_get_path (self->weights)) : NULL;
  options->sampling.seed = (guint64) gtk_spin_button_get_value (self->seed);
  options->kinds = TN_SITE_INPUT;
  if (gtk_switch_get_active (self->outputs))
    options->kinds |= TN_SITE_OUTPUT;
  if (gtk_switch_get_active (self->residual))
    options->kinds |= TN_SITE_RESIDUAL;
  if (gtk_switch_get_active (self->logits))
    options->kinds |= TN_SITE_LOGITS;
  options->memory_limit = (guint64) gtk_spin_button_get_value_as_int (self->memory) * MEBIBYTE;
  options->no_cache = !gtk_switch_get_active (self->cache);
  if (timely)
    gtk_widget_remove_css_class (GTK_WIDGET (self->time_limit), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->time_limit), "error");
  if (!timely || !tn_advanced_options_apply (self->advanced, options, error))
    return NULL;
  return g_steal_pointer (&options);
}

/* NULL when there is none that the model and its data have. */
static char *
find_model_problem (TnCalibrationForm *self)
{
  const TnModelFacts *facts = tn_session_get_facts (self->session);
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->data);
  guint tokenizer = adw_combo_row_get_selected (self->tokenizer);

  if (tn_session_get_state (self->session) == TN_SESSION_EMPTY)
    return g_strdup (_ ("Open the model to calibrate"));
  if (tn_session_get_state (self->session) != TN_SESSION_READY || facts == NULL)
    return g_strdup (_ ("The model is not open yet"));
  if (facts->unfit != NULL)
    return g_strdup_printf (_ ("This model can be inspected, not run: %s"), facts->unfit);
  if (*paths == NULL)
    return g_strdup (_ ("Choose the data to calibrate on"));
  if (self->data_problem != NULL)
    return g_strdup (self->data_problem);
  if (tokenizer == TOKENIZER_FILE && self->tokenizer_path == NULL)
    return g_strdup (_ ("Choose the tokenizer's file"));
  if (tokenizer == TOKENIZER_AUTOMATIC && tn_dataset_needs_tokenizer ((const char *const *) paths, NULL) &&
      facts->tokenizer_error != NULL)
    return g_strdup (facts->tokenizer_error);
  if (gtk_spin_button_get_value (self->seq_len) > facts->n_context)
    return g_strdup_printf (_ ("The model's context is %u tokens"), facts->n_context);
  return NULL;
}

static char *
find_tensors_problem (TnCalibrationForm *self)
{
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->tensors);

  if (*paths == NULL)
    return g_strdup (_ ("Choose the recorded activations"));
  if (get_sampler (self) == TN_SAMPLER_IMPORTANCE && tn_file_row_get_path (self->weights) == NULL)
    return g_strdup (_ ("Choose the importance of records: there is no model to ask"));
  return NULL;
}

char *
tn_calibration_form_dup_problem (TnCalibrationForm *self)
{
  g_autofree char *problem = NULL;
  g_autoptr (TnCalibrateOptions) options = NULL;
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (TN_IS_CALIBRATION_FORM (self), NULL);

  problem = tn_calibration_form_is_recorded (self) ? find_tensors_problem (self) : find_model_problem (self);
  if (problem != NULL)
    return g_steal_pointer (&problem);
  if (get_sampler (self) == TN_SAMPLER_INDICES && tn_file_row_get_path (self->indices) == NULL)
    return g_strdup (_ ("Choose the list of records to take"));
  options = collect (self, &error);
  return options != NULL && tn_calibrate_options_check (options, &error) ? NULL : g_strdup (error->message);
}

TnCalibrateOptions *
tn_calibration_form_get_options (TnCalibrationForm *self)
{
  TnCalibrateOptions *options;

  g_return_val_if_fail (TN_IS_CALIBRATION_FORM (self), NULL);

  options = collect (self, NULL);
  g_return_val_if_fail (options != NULL, NULL);
  return options;
}
