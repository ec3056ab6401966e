/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/site-row.h"

G_BEGIN_DECLS

/* TnRangeView: how a site's range, deviation or mean settled while sequences were seen, with its confidence interval. */
#define TN_TYPE_RANGE_VIEW (tn_range_view_get_type ())
G_DECLARE_FINAL_TYPE (TnRangeView, tn_range_view, TN, RANGE_VIEW, GtkWidget)

/* findings NULL: nothing to show. history NULL: was not watched; what is known at the end is told in words. Both are read now, not kept. */
void tn_range_view_show (TnRangeView *self, const TnSiteFindings *findings, const TnSiteHistory *history);

G_END_DECLS
