/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* TnTrend: the same analysis of several checkpoints of a training run, by ascending steps. All have the same layers and schemes. One thread at a time. */
typedef struct
{
  guint64     step;
  char       *checkpoint; /* file name without folders */
  TnAnalysis *analysis;
} TnTrendPoint;

typedef struct
{
  char      *run_name;
  GPtrArray *points; /* TnTrendPoint */
} TnTrend;

/* run_name may be NULL. */
TnTrend            *tn_trend_new       (const char *run_name);
void                tn_trend_free      (TnTrend *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTrend, tn_trend_free)
const TnTrendPoint *tn_trend_get_point (const TnTrend *self, guint point);
/* Takes the analysis over, also where it fails. TN_ERROR_MISMATCH: other layers or schemes than the first, or a step that does not come after the last. */
gboolean            tn_trend_add       (TnTrend *self, guint64 step, const char *checkpoint, TnAnalysis *analysis, GError **error);

/* On disk: one JSON document.
 *
 *   {"format": "ternion-trend", "version": 1, "run": string or null,
 *    "points": [{"step": count, "checkpoint": string or null, "analysis": the document of data/analysis/analysis-file.h}]} */
#define TN_TREND_FILE_FORMAT "ternion-trend"
#define TN_TREND_FILE_VERSION 1

/* The document as text. Free with g_free(). */
char     *tn_trend_print     (const TnTrend *trend);
/* Written whole or not at all. TN_ERROR_IO; TN_ERROR_UNSUPPORTED: more values than a reader takes. */
gboolean  tn_trend_save      (const TnTrend *trend, const char *path, GError **error);
/* Errors as tn_analysis_load(). */
TnTrend  *tn_trend_load      (const char *path, GError **error);
/* Whether a file says of itself that it is one; FALSE where it cannot be read. */
gboolean  tn_trend_file_peek (const char *path);

G_END_DECLS
