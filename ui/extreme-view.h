/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* TnExtremeView: the extremes of a site, each with its channel, its token and the text around that, found in the data on request. */
#define TN_TYPE_EXTREME_VIEW (tn_extreme_view_get_type ())
G_DECLARE_FINAL_TYPE (TnExtremeView, tn_extreme_view, TN, EXTREME_VIEW, GtkWidget)

/* site: read now, not kept; NULL: nothing to show. options: what the statistics were made with, to look the texts up in; NULL: they cannot be now,
 * and why says so. */
void  tn_extreme_view_show  (TnExtremeView *self, const TnSiteStats *site, const TnCalibrateOptions *options, const char *why);
/* Looks the texts up. */
void  tn_extreme_view_find  (TnExtremeView *self);
guint tn_extreme_view_n_found (TnExtremeView *self);

G_END_DECLS
