/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "plots/reports/report.h"

G_BEGIN_DECLS

/* An analysis for people: a summary in plain words, the ranking, every layer, plots, and by what methods and from what it was made. language: as
 * tn_report_new() takes it. */
TnReport *tn_report_analysis (const TnAnalysis *analysis, const char *language);

G_END_DECLS
