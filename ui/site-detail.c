/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/site-detail.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/widgets/plot-view.h"
#include "ui/channel-view.h"
#include "ui/extreme-view.h"
#include "ui/histogram-figure.h"
#include "ui/range-view.h"

struct _TnSiteDetail
{
  GtkWidget parent_instance;
  GtkStack *stack;
  TnPlotView *plot;
  TnRangeView *range;
  TnChannelView *channels;
  TnExtremeView *extremes;
  TnSession *session;
  TnCalibration *calibration; /* whose signals are connected */
  char *drawn_site;
};

G_DEFINE_FINAL_TYPE (TnSiteDetail, tn_site_detail, GTK_TYPE_WIDGET)

static void
add_clips (TnFigure *figure, const TnSiteFindings *findings)
{
  double clip8 = findings->params[TN_SITE_INT8].clip, clip4 = findings->params[TN_SITE_INT4].clip;
  double ends8[] = {-clip8, clip8}, ends4[] = {-clip4, clip4};
  const char *labels8[] = {"−int8", "int8"}, *labels4[] = {"−int4", "int4"};

  tn_figure_add_markers (figure, _ ("int8 range with the least error"), 1, 2, ends8, labels8);
  tn_figure_add_markers (figure, _ ("int4 range with the least error"), 2, 2, ends4, labels4);
}

static void
draw_distribution (TnSiteDetail *self, const TnSiteStats *site, TnSiteRow *row)
{
  TnFigure *figure = tn_plot_view_get_figure (self->plot);

  tn_figure_clear (figure);
  if (site != NULL)
    {
      const TnSiteFindings *findings = tn_site_row_get_findings (row);
      double reach = fmax (fabs (findings->min), fabs (findings->max));

      if (g_strcmp0 (findings->name, self->drawn_site) != 0)
        {
          g_free (self->drawn_site);
          self->drawn_site = g_strdup (findings->name);
          tn_figure_set_title (figure, findings->name);
          tn_figure_reset_view (figure);
          tn_plot_view_set_export_name (self->plot, findings->name);
        }
      if (isfinite (reach))
        tn_figure_add_float_histogram (figure, _ ("Values"), 0, site->histogram, -reach, reach);
      if (findings->searched)
        add_clips (figure, findings);
    }
  tn_plot_view_changed (self->plot);
}

/* What was read from a file knows nothing of its data: then those are looked in that the page has. */
static void
show_extremes (TnSiteDetail *self, const TnSiteStats *site)
{
  const TnCalibrateOptions *options = NULL;
  const char *why = NULL;

  if (self->calibration == NULL || site == NULL)
    why = "";
  else if (tn_calibration_is_running (self->calibration))
    why = _ ("The texts can be looked up when the calibration has ended");
  else if (tn_calibration_is_loaded (self->calibration))
    {
      options = tn_session_get_draft (self->session);
      why = _ ("Choose the model, data and sequence length that the statistics were made with to look up the texts");
    }
  else if (tn_calibration_get_options (self->calibration)->tensor_paths != NULL)
    why = _ ("Recorded activations come without their texts");
  else
    options = tn_calibration_get_options (self->calibration);
  tn_extreme_view_show (self->extremes, site, options, why);
}

/* Only what is in sight is drawn. */
static void
draw (TnSiteDetail *self)
{
  const char *page = gtk_stack_get_visible_child_name (self->stack);
  TnSiteRow *row = NULL;
  const TnSiteStats *site = self->calibration != NULL ? tn_calibration_get_site (self->calibration, &row) : NULL;

  if (g_strcmp0 (page, "distribution") == 0)
    draw_distribution (self, site, row);
  else if (g_strcmp0 (page, "range") == 0)
    tn_range_view_show (self->range, site != NULL ? tn_site_row_get_findings (row) : NULL,
                        site != NULL ? tn_calibration_get_history (self->calibration) : NULL);
  else if (g_strcmp0 (page, "channels") == 0)
    tn_channel_view_show (self->channels, site != NULL ? tn_calibration_get_channels (self->calibration) : NULL);
  else if (g_strcmp0 (page, "extremes") == 0)
    show_extremes (self, site);
}

static void
tn_site_detail_dispose (GObject *object)
{
  TnSiteDetail *self = TN_SITE_DETAIL (object);
  GtkWidget *child;

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  g_clear_object (&self->session);
  g_clear_pointer (&self->drawn_site, g_free);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_site_detail_parent_class)->dispose (object);
}

static void
tn_site_detail_class_init (TnSiteDetailClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_site_detail_dispose;
  g_type_ensure (TN_TYPE_RANGE_VIEW);
  g_type_ensure (TN_TYPE_CHANNEL_VIEW);
  g_type_ensure (TN_TYPE_EXTREME_VIEW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/site-detail.ui");
  gtk_widget_class_bind_template_child (widget_class, TnSiteDetail, stack);
  gtk_widget_class_bind_template_child (widget_class, TnSiteDetail, plot);
  gtk_widget_class_bind_template_child (widget_class, TnSiteDetail, range);
  gtk_widget_class_bind_template_child (widget_class, TnSiteDetail, channels);
  gtk_widget_class_bind_template_child (widget_class, TnSiteDetail, extremes);
}

static void
tn_site_detail_init (TnSiteDetail *self)
{
  TnFigure *figure;

  gtk_widget_init_template (GTK_WIDGET (self));
  figure = tn_plot_view_get_figure (self->plot);
  tn_figure_set_x_axis (figure, _ ("activation"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, _ ("count"), TN_AXIS_LOG);
  tn_figure_set_empty_text (figure, _ ("Choose a site to see its distribution"));
  g_signal_connect_swapped (self->stack, "notify::visible-child", G_CALLBACK (draw), self);
}

void
tn_site_detail_set_session (TnSiteDetail *self, TnSession *session)
{
  g_return_if_fail (TN_IS_SITE_DETAIL (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "draft-changed", G_CALLBACK (draw), self, G_CONNECT_SWAPPED);
}

void
tn_site_detail_set_calibration (TnSiteDetail *self, TnCalibration *calibration)
{
  g_return_if_fail (TN_IS_SITE_DETAIL (self));

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, calibration);
  g_clear_pointer (&self->drawn_site, g_free);
  if (calibration != NULL)
    {
      g_signal_connect_swapped (calibration, "site-changed", G_CALLBACK (draw), self);
      g_signal_connect_swapped (calibration, "finished", G_CALLBACK (draw), self);
    }
  draw (self);
}

void
tn_site_detail_show_page (TnSiteDetail *self, const char *page)
{
  g_return_if_fail (TN_IS_SITE_DETAIL (self));

  gtk_stack_set_visible_child_name (self->stack, page);
}
