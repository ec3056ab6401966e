/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "plots/reports/report.h"

G_BEGIN_DECLS

/* An analysis for people: a summary in plain words, the ranking, every layer, plots, and by what methods and from what it was made. language: as
 * tn_report_new() takes it. */
TnReport *tn_report_analysis (const TnAnalysis *analysis, const char *language);

/* Writes it by the ending: as tn_report_save() does, or .json: the analysis itself. */
gboolean  tn_report_analysis_save (const TnAnalysis *analysis, const char *language, const char *path, GError **error);

G_END_DECLS
