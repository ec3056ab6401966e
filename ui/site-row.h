/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/parameter-search.h"
#include "ui/site-history.h"
#include "ui/table.h"

G_BEGIN_DECLS

/* TnSiteRow: one site of a calibration, with what the statistics so far say about rounding its activations. */
typedef enum { TN_SITE_INT8, TN_SITE_INT4, TN_N_SITE_SCHEMES } TnSiteScheme;

typedef enum
{
  TN_SITE_NAME,
  TN_SITE_SETTLED,
  TN_SITE_WIDTH,
  TN_SITE_MIN,
  TN_SITE_MAX,
  TN_SITE_STD,
  TN_SITE_SQNR, /* the first of TN_N_SITE_SCHEMES columns */
  TN_N_SITE_COLUMNS = TN_SITE_SQNR + TN_N_SITE_SCHEMES
} TnSiteColumn;

typedef struct
{
  char         *name;
  guint         width;
  guint64       tokens, nonfinite;
  double        min, max, mean, std;
  TnSitePoint   points[TN_N_SITE_MEASURES];
  gboolean      searched; /* params hold */
  TnQuantParams params[TN_N_SITE_SCHEMES];
  double        tolerance; /* settled once the confidence interval of the standard deviation reaches no further than this share of it */
} TnSiteFindings;

void tn_site_findings_free (TnSiteFindings *self);

/* Half of the confidence interval of the standard deviation as a share; NaN while there is none. */
double tn_site_findings_uncertainty (const TnSiteFindings *self);

#define TN_TYPE_SITE_ROW (tn_site_row_get_type ())
G_DECLARE_FINAL_TYPE (TnSiteRow, tn_site_row, TN, SITE_ROW, TnTableRow)

extern const TnTableColumn tn_site_columns[TN_N_SITE_COLUMNS];

/* findings: name and width hold at least; a copy is kept. */
TnSiteRow            *tn_site_row_new          (const TnSiteFindings *findings, guint place);
/* Parameters that were not searched this time stay as they were. */
void                  tn_site_row_update       (TnSiteRow *self, const TnSiteFindings *findings);
const TnSiteFindings *tn_site_row_get_findings (TnSiteRow *self);

G_END_DECLS
