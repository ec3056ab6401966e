/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* TnSiteDetail: everything about the chosen site of a calibration: its distribution, how it settles, its channels, where its extremes are. */
#define TN_TYPE_SITE_DETAIL (tn_site_detail_get_type ())
G_DECLARE_FINAL_TYPE (TnSiteDetail, tn_site_detail, TN, SITE_DETAIL, GtkWidget)

void tn_site_detail_set_session     (TnSiteDetail *self, TnSession *session);
/* calibration may be NULL. */
void tn_site_detail_set_calibration (TnSiteDetail *self, TnCalibration *calibration);
/* "distribution", "range", "channels", "extremes". */
void tn_site_detail_show_page       (TnSiteDetail *self, const char *page);

G_END_DECLS
