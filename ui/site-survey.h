/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"
#include "ui/channel-map.h"
#include "ui/site-row.h"

G_BEGIN_DECLS

/* TnSiteSurvey: what one look at the statistics found. Made on a worker thread: searching parameters takes milliseconds a site, so a
 * look at a running calibration stops after its budget and the next one goes on from there. */
typedef struct
{
  GPtrArray        *findings;  /* TnSiteFindings of all sites, in their order */
  guint             next;      /* site the next survey should search first */
  guint             n_searched; /* sites from the first on, round the end, whose parameters are known now */
  TnSiteStats      *site;      /* a copy of the chosen one; NULL when there is none */
  TnChannelMap     *channels;  /* of the chosen site */
  char             *chosen;
  guint64           samples, tokens;
  gint64            took_us;
} TnSiteSurvey;

/* chosen: the site that is wanted whole, searched first; may be NULL. budget_us: what searching the
 * others may take; 0: no limit. */
TnSiteSurvey *tn_site_survey_new  (const TnStats *stats, const char *chosen, guint first, gint64 budget_us, GCancellable *cancellable);
void          tn_site_survey_free (TnSiteSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSiteSurvey, tn_site_survey_free)

G_END_DECLS
