/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/calibration/tensor-details.h"

G_BEGIN_DECLS

/* What of a site's details "stats show" gives. */
typedef struct
{
  const double *percents;
  guint         n_percents;
  gboolean      intervals;    /* of percentiles and SQNR too */
  gboolean      every_channel;
  gint          channel;      /* -1: none alone */
  gint          rule;         /* of TnOutlierRule; -1: all */
} TnDetailsView;

/* The percentiles that are shown when none are asked for, without intervals. */
extern const TnDetailsView tn_details_view_default;

/* "50", "99.9": the member that a percentile goes by. Free with g_free(). */
char *tn_percentile_to_string (double percent);

/* Members of an open object, beside those the site has already. */
void  tn_details_add_site     (JsonBuilder *builder, const TnSiteStats *site, const TnDetailsView *view);
/* The same numbers of a tensor, with its histogram; those that sites have go by the same names. */
void  tn_details_add_tensor   (JsonBuilder *builder, const TnTensorDetails *details, const TnFloatHistogram *histogram);
/* For people, lines that begin with indent spaces; free with g_free(). */
char *tn_details_describe     (const TnSiteStats *site, const TnDetailsView *view);
/* Of a tensor, without its name. */
char *tn_details_describe_tensor (const TnTensorDetails *details);
/* A line for every channel, or the one in view. */
char *tn_details_describe_channels (const TnSiteStats *site, const TnDetailsView *view);

G_END_DECLS
