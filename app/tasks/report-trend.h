/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/analysis/trend-file.h"
#include "plots/reports/report.h"

G_BEGIN_DECLS

/* A trend for people: what changed over the run, plots, every layer at every step, and from what it was made. language: as tn_report_new() takes it. */
TnReport *tn_report_trend (const TnTrend *trend, const char *language);

G_END_DECLS
