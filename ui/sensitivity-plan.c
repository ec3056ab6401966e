/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-plan.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/analysis-figures.h"
#include "plots/widgets/plot-view.h"
#include "ui/accessible.h"
#include "ui/numbers.h"
#include "ui/progress-text.h"
#include "ui/sensitivity-row.h"
#include "ui/settings.h"

/* The front is drawn again while the slider moves, but not at every step of it. */
#define REDRAW_MS 60
/* A point of the front lies at its bits in spite of rounding. */
#define BITS_ROOM 1e-9
#define FIRST_BUDGET 4.0

struct _TnSensitivityPlan
{
  GtkWidget parent_instance;
  GtkStack *stack;
  GtkLabel *reason;
  GtkAdjustment *budget;
  GtkWidget *measure;
  GtkWidget *save;
  GtkLabel *summary;
  GtkLabel *measured;
  GtkColumnView *view;
  TnPlotView *plot;
  TnTable *table;
  GListStore *rows; /* TnSensitivityRow, a layer each */
  TnSensitivity *sensitivity;
  const TnAllocation *allocation; /* that is shown */
  guint point;
  gint *schemes; /* [layers] of the point */
  char *unmeasurable;
  guint redrawing;
};

enum
{
  MEASURE,
  SAVED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnSensitivityPlan, tn_sensitivity_plan, GTK_TYPE_WIDGET)

static void
draw_front (TnSensitivityPlan *self)
{
  tn_plot_view_set_figure (self->plot, tn_analysis_draw_front (tn_sensitivity_get_analysis (self->sensitivity), self->allocation,
                                                               self->point));
}

static gboolean
on_redraw (gpointer user_data)
{
  TnSensitivityPlan *self = user_data;

  self->redrawing = 0;
  if (self->allocation != NULL)
    draw_front (self);
  return G_SOURCE_REMOVE;
}

static char *
describe_change (const TnEstimate *change)
{
  g_autofree char *value = tn_format_loss (change->value), *low = NULL, *high = NULL;

  if (!isfinite (change->low) || !isfinite (change->high))
    return g_strdup_printf (_ ("predicted change of the loss %s, without an interval"), value);
  low = tn_format_loss (change->low);
  high = tn_format_loss (change->high);
  return g_strdup_printf (_ ("predicted change of the loss %s (%s to %s)"), value, low, high);
}

static void
show_summary (TnSensitivityPlan *self)
{
  const TnPlanPrediction prediction = tn_analysis_predict_plan (tn_sensitivity_get_analysis (self->sensitivity), self->schemes);
  g_autofree char *bytes = g_format_size ((guint64) ceil (prediction.bytes)), *change = describe_change (&prediction.change);
  /* Translators: bits a weight, the size of the linear layers, and the predicted change of the loss */
  g_autofree char *text = g_strdup_printf (_ ("%.2f bits · %s · %s"), prediction.bits, bytes, change);
  /* Translators: how many layers were measured, how many have a score alone, how many stay as they are */
  g_autofree char *known = g_strdup_printf (_ ("%s\nOf the layers %u were measured, %u have a score alone, %u stay as they are."),
                                            text, prediction.n_measured, prediction.n_scored, prediction.n_kept);

  gtk_label_set_text (self->summary, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->summary), known);
}

static void
show_point (TnSensitivityPlan *self, guint point)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));

  self->point = point;
  tn_allocation_get_schemes (self->allocation, point, self->schemes);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (TnSensitivityRow) row = g_list_model_get_item (G_LIST_MODEL (self->rows), i);

      tn_sensitivity_row_set_scheme (row, self->schemes[i]);
    }
  tn_table_refresh (self->table);
  show_summary (self);
  if (self->redrawing == 0)
    self->redrawing = g_timeout_add (REDRAW_MS, on_redraw, self);
}

static void
on_budget_changed (TnSensitivityPlan *self)
{
  guint point = 0;

  if (self->allocation == NULL)
    return;
  /* Below the smallest plan, that one is the nearest. */
  if (!tn_allocation_find_bits (self->allocation, gtk_adjustment_get_value (self->budget) + BITS_ROOM, &point, NULL))
    point = 0;
  if (point != self->point)
    show_point (self, point);
}

static void
set_allocation (TnSensitivityPlan *self, const TnAllocation *allocation)
{
  const TnAnalysis *analysis = tn_sensitivity_get_analysis (self->sensitivity);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);
  double least = tn_allocation_get_bits (allocation, 0),
         most = tn_allocation_get_bits (allocation, tn_knapsack_n_points (tn_allocation_get_front (allocation)) - 1);

  for (guint i = 0; i < analysis->layers->len; i++)
    {
      TnSensitivityRow *row = tn_sensitivity_row_new (G_OBJECT (self->sensitivity), analysis, i, -1);

      tn_table_row_set_place (TN_TABLE_ROW (row), i);
      g_ptr_array_add (rows, row);
    }
  g_list_store_splice (self->rows, 0, g_list_model_get_n_items (G_LIST_MODEL (self->rows)), rows->pdata, rows->len);
  g_free (self->schemes);
  self->schemes = g_new0 (gint, MAX (analysis->layers->len, 1));
  self->point = G_MAXUINT;
  self->allocation = NULL; /* while the range is set */
  gtk_adjustment_configure (self->budget, CLAMP (FIRST_BUDGET, least, most), least, MAX (most, least), 0.05, 0.5, 0);
  self->allocation = allocation;
  on_budget_changed (self);
}

static void
show_measured (TnSensitivityPlan *self)
{
  gboolean measuring = self->sensitivity != NULL && tn_sensitivity_is_measuring (self->sensitivity);
  GPtrArray *measured = self->sensitivity != NULL ? tn_sensitivity_get_measured (self->sensitivity) : NULL;
  const char *error = self->sensitivity != NULL ? tn_sensitivity_get_measuring_error (self->sensitivity) : NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  gtk_button_set_label (GTK_BUTTON (self->measure), measuring ? _ ("_Stop") : _ ("_Measure Plan"));
  tn_accessible_fix_mnemonics (self->measure);
  gtk_widget_set_sensitive (self->measure, measuring || self->unmeasurable == NULL);
  gtk_widget_set_tooltip_text (self->measure,
                               self->unmeasurable != NULL
                                   ? self->unmeasurable
                                   : _ ("The loss of the plan and of one scheme everywhere, on the data on the left"));
  if (measuring)
    {
      TnJobProgress progress;
      g_autofree char *how_far = NULL;

      tn_sensitivity_get_measuring_progress (self->sensitivity, &progress);
      how_far = tn_progress_text (progress.done, progress.total, progress.unit, progress.rate, progress.seconds_left, 0);
      g_string_printf (text, _ ("Measuring… %s"), how_far);
    }
  else if (error != NULL)
    g_string_assign (text, error);
  for (guint i = 0; measured != NULL && i < measured->len; i++)
    {
      const TnMeasuredPlan *plan = g_ptr_array_index (measured, i);
      g_autofree char *predicted = tn_format_loss (plan->prediction.change.value), *change = tn_format_loss (plan->change.loss);

      /* Translators: a plan, its bits a weight, its predicted and its measured change of the loss with a standard error */
      g_string_append_printf (text, _ ("%s%s, %.2f bits: predicted %s, measured %s ± %.5f"), i > 0 ? "\n" : "", plan->title,
                              plan->prediction.bits, predicted, change, plan->change.loss_stderr);
    }
  /* Why it cannot be measured is no error, but has to be found without a pointer that rests on the button. */
  if (text->len == 0 && self->unmeasurable != NULL)
    {
      g_string_assign (text, self->unmeasurable);
      gtk_widget_add_css_class (GTK_WIDGET (self->measured), "dim-label");
    }
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->measured), "dim-label");
  gtk_label_set_text (self->measured, text->str);
  gtk_widget_set_visible (GTK_WIDGET (self->measured), text->len > 0);
  if (error != NULL && !measuring)
    gtk_widget_add_css_class (GTK_WIDGET (self->measured), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->measured), "error");
}

static void
on_sensitivity_changed (TnSensitivityPlan *self)
{
  const TnAllocation *allocation = self->sensitivity != NULL ? tn_sensitivity_get_allocation (self->sensitivity) : NULL;
  const char *reason = self->sensitivity != NULL ? tn_sensitivity_get_no_plans (self->sensitivity) : NULL;

  if (allocation != NULL && allocation != self->allocation)
    set_allocation (self, allocation);
  gtk_label_set_text (self->reason, reason != NULL ? reason : _ ("The best plans for every size are being found…"));
  gtk_stack_set_visible_child_name (self->stack, allocation != NULL ? "plan" : "none");
}

static void
on_measure_clicked (TnSensitivityPlan *self)
{
  if (tn_sensitivity_is_measuring (self->sensitivity))
    tn_sensitivity_stop_measuring (self->sensitivity);
  else
    g_signal_emit (self, signals[MEASURE], 0);
}

typedef struct
{
  char *path;
  gint *schemes;
} Saving;

static void
saving_free (gpointer pointer)
{
  Saving *self = pointer;

  g_free (self->path);
  g_free (self->schemes);
  g_free (self);
}

static void
save_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const Saving *saving = task_data;
  GError *error = NULL;

  if (tn_plan_write (tn_sensitivity_get_analysis (source), saving->schemes, saving->path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (TnSensitivityPlan) self = user_data;
  const Saving *saving = g_task_get_task_data (G_TASK (result));
  g_autofree char *name = g_filename_display_basename (saving->path), *text = NULL;
  g_autoptr (GError) error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    text = g_strdup_printf (_ ("Saved %s"), name);
  else
    text = g_strdup_printf (_ ("Not saved: %s"), error->message);
  g_signal_emit (self, signals[SAVED], 0, text);
}

static void
on_save_response (GtkNativeDialog *dialog, int response, TnSensitivityPlan *self)
{
  g_autoptr (GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

  if (path != NULL && self->point != G_MAXUINT)
    {
      g_autoptr (GTask) task = g_task_new (self->sensitivity, NULL, on_saved, g_object_ref (self));
      guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));
      Saving *saving = g_new0 (Saving, 1);

      saving->path = g_steal_pointer (&path);
      saving->schemes = g_memdup2 (self->schemes, MAX (n, 1) * sizeof *self->schemes);
      g_task_set_task_data (task, saving, saving_free);
      g_task_run_in_thread (task, save_on_worker);
    }
  g_object_unref (dialog);
}

static void
on_save_clicked (TnSensitivityPlan *self)
{
  const TnAnalysis *analysis = tn_sensitivity_get_analysis (self->sensitivity);
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new (_ ("Save Plan"), GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                   GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  g_autofree char *name = g_strconcat (analysis->model_name != NULL ? analysis->model_name : "model", ".plan", NULL);

  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  tn_settings_apply_folder ("last-folder", GTK_FILE_CHOOSER (dialog));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_save_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
tn_sensitivity_plan_dispose (GObject *object)
{
  TnSensitivityPlan *self = TN_SENSITIVITY_PLAN (object);
  GtkWidget *child;

  g_clear_handle_id (&self->redrawing, g_source_remove);
  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  self->allocation = NULL;
  g_clear_object (&self->table);
  g_clear_object (&self->rows);
  g_clear_object (&self->sensitivity);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_sensitivity_plan_parent_class)->dispose (object);
}

static void
tn_sensitivity_plan_finalize (GObject *object)
{
  TnSensitivityPlan *self = TN_SENSITIVITY_PLAN (object);

  g_free (self->schemes);
  g_free (self->unmeasurable);
  G_OBJECT_CLASS (tn_sensitivity_plan_parent_class)->finalize (object);
}

static void
tn_sensitivity_plan_class_init (TnSensitivityPlanClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_sensitivity_plan_dispose;
  G_OBJECT_CLASS (klass)->finalize = tn_sensitivity_plan_finalize;
  signals[MEASURE] = g_signal_new ("measure", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SAVED] = g_signal_new ("saved", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  g_type_ensure (TN_TYPE_PLOT_VIEW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/sensitivity-plan.ui");
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, stack);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, reason);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, budget);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, measure);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, save);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, summary);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, measured);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, view);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPlan, plot);
  gtk_widget_class_bind_template_callback (widget_class, on_budget_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_measure_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_save_clicked);
}

static void
tn_sensitivity_plan_init (TnSensitivityPlan *self)
{
  self->point = G_MAXUINT;
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  self->rows = g_list_store_new (TN_TYPE_SENSITIVITY_ROW);
  self->table = tn_table_new (self->view, _ ("Plan"), tn_sensitivity_columns, TN_N_PLAN_COLUMNS);
  tn_table_set_rows (self->table, G_LIST_MODEL (self->rows));
  tn_plot_view_set_export_name (self->plot, _ ("plans"));
}

void
tn_sensitivity_plan_set_sensitivity (TnSensitivityPlan *self, TnSensitivity *sensitivity)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PLAN (self));

  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  self->allocation = NULL;
  self->point = G_MAXUINT;
  g_list_store_remove_all (self->rows);
  g_set_object (&self->sensitivity, sensitivity);
  if (sensitivity != NULL)
    {
      g_signal_connect_swapped (sensitivity, "changed", G_CALLBACK (on_sensitivity_changed), self);
      g_signal_connect_swapped (sensitivity, "measured", G_CALLBACK (show_measured), self);
    }
  on_sensitivity_changed (self);
  show_measured (self);
}

void
tn_sensitivity_plan_set_unmeasurable (TnSensitivityPlan *self, const char *why)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PLAN (self));

  g_free (self->unmeasurable);
  self->unmeasurable = g_strdup (why);
  show_measured (self);
}

void
tn_sensitivity_plan_set_budget (TnSensitivityPlan *self, double bits)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PLAN (self));

  gtk_adjustment_set_value (self->budget, bits);
}

guint
tn_sensitivity_plan_get_point (TnSensitivityPlan *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PLAN (self), G_MAXUINT);

  return self->point;
}

const char *
tn_sensitivity_plan_get_summary (TnSensitivityPlan *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PLAN (self), NULL);

  return gtk_label_get_text (self->summary);
}

TnTable *
tn_sensitivity_plan_get_table (TnSensitivityPlan *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PLAN (self), NULL);

  return self->table;
}
