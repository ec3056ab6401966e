/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/statistics/details-text.h"
#include "data/statistics/params-text.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* Statistics as safetensors with JSON metadata (layout: resources/guides/statistics-file.md). The same statistics give the same bytes:
 * no clock, no path. */
gboolean tn_stats_save  (const TnStats *stats, const char *path, guint64 *bytes_written, GError **error);
/* TN_ERROR_FORMAT names file, field and what was expected; TN_ERROR_MISMATCH for a newer schema version. */
TnStats *tn_stats_load  (const char *path, GError **error);
/* The same of a model that is at hand. TN_ERROR_MISMATCH, too: they are of another one. */
TnStats *tn_stats_load_for_model (const char *path, guint64 fingerprint, GError **error);
/* TRUE when the file says that it holds statistics, whole or summary; tn_stats_load() may still find fault with it. */
gboolean tn_stats_recognise (const char *path);
/* The same file with further metadata (string -> string), which tn_stats_load() passes over. */
gboolean tn_stats_save_with_notes (const TnStats *stats, GHashTable *notes, const char *path, guint64 *bytes_written, GError **error);

/* A file with less in it, which tn_stats_load() reads as well: channels have their means in float32 instead of exact sums, and no histograms. It is
 * shown, compared, exported and used like the whole, and does not merge. */
gboolean tn_stats_save_summary (const TnStats *stats, const char *path, guint64 *bytes_written, GError **error);

/* llama.cpp importance matrices: mean squares of the inputs of every block's linear layers. */
gboolean tn_stats_export_imatrix        (const TnStats *stats, const char *path, guint chunk_size, const char *dataset, GError **error);
gboolean tn_stats_export_imatrix_legacy (const TnStats *stats, const char *path, guint chunk_size, const char *dataset, GError **error);
/* Arrays for NumPy: sites (names), numbers of them (count, min, max, mean, std, …), and of each SITE.channels.{count,min,max,mean,mean_square} and
 * SITE.histogram.{low,high,count}. Read only: what is needed to merge is not in it. */
gboolean tn_stats_export_npz            (const TnStats *stats, const char *path, GError **error);
/* ONNX Runtime's calibration table as JSON, what its TensorsData are written as (quantization/calibrate.py): the ranges of a MinMax calibration,
 * {"CLS":"TensorsData","data":{NAME:{"lowest":[…],"highest":[…],…}},"calibration_method":…}. names: a key file with [names] and lines SITE = tensor
 * of the ONNX graph, for those that are to be in it; NULL: all by their own names. Free with g_free(). */
char    *tn_stats_to_onnx               (const TnStats *stats, const char *names, GError **error);
/* The JSON of "stats show" (DESIGN 6); free with g_free(). */
char    *tn_stats_to_json (const TnStats *stats);
/* The same with parameters of other schemes or by another method, more or other details, and one site only (NULL: all). */
char    *tn_stats_to_json_by (const TnStats *stats, const TnSiteStats *only, const TnParamsChoice *choice, const TnDetailsView *view);
/* One line a site; free with g_free(). */
char    *tn_stats_to_csv  (const TnStats *stats);

G_END_DECLS
