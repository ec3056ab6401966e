/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate.h"
#include "ui/channel-map.h"
#include "ui/site-row.h"

G_BEGIN_DECLS

/* TnCalibration: one calibration as the window sees it: its job, the sites with their numbers moving while it runs, the chosen
 * site's histogram, and what it leaves. Numbers are worked out on a worker thread and handed over at most four times a second. */
#define TN_TYPE_CALIBRATION (tn_calibration_get_type ())
G_DECLARE_FINAL_TYPE (TnCalibration, tn_calibration, TN, CALIBRATION, GObject)

typedef enum
{
  TN_EXPORT_STATISTICS,
  TN_EXPORT_JSON,
  TN_EXPORT_CSV,
  TN_EXPORT_IMATRIX,
  TN_EXPORT_IMATRIX_LEGACY,
  TN_N_EXPORTS
} TnExportFormat;

/* workspace may be NULL. */
TnCalibration          *tn_calibration_new           (const TnCalibrateOptions *options, TnWorkspace *workspace);
/* One that ended long ago: statistics read from a file (of so many bytes). There is nothing to start. */
TnCalibration          *tn_calibration_new_loaded    (const char *path, TnStats *stats, guint64 bytes);
gboolean                tn_calibration_is_loaded     (TnCalibration *self);
/* What it was made with; NULL for a loaded one. */
const TnCalibrateOptions *tn_calibration_get_options (TnCalibration *self);
void                    tn_calibration_start         (TnCalibration *self);
void                    tn_calibration_pause         (TnCalibration *self);
void                    tn_calibration_resume        (TnCalibration *self);
void                    tn_calibration_cancel        (TnCalibration *self);
gboolean                tn_calibration_is_running    (TnCalibration *self); /* paused counts */
void                    tn_calibration_get_progress  (TnCalibration *self, TnJobProgress *progress);
/* TRUE until every site says what the last statistics say: searching the parameters of thousands of sites goes on after the end. */
gboolean                tn_calibration_is_searching  (TnCalibration *self);
/* Sites that this goes on for, once the first of them are done; else 0. */
guint                   tn_calibration_get_n_unsearched (TnCalibration *self);
const char             *tn_calibration_get_title     (TnCalibration *self);
/* Base names of the data, for files that name what they were made from. */
const char             *tn_calibration_get_data_name (TnCalibration *self);
/* After it ended; NULL when it did not fail. */
const char             *tn_calibration_get_error     (TnCalibration *self);
GListModel             *tn_calibration_get_sites     (TnCalibration *self); /* of TnSiteRow */
void                    tn_calibration_choose_site   (TnCalibration *self, const char *name);
/* The chosen site with all that is known of it, as it was at the last look; NULL before. row: what the list says of it. */
const TnSiteStats      *tn_calibration_get_site      (TnCalibration *self, TnSiteRow **row);
const TnChannelMap     *tn_calibration_get_channels  (TnCalibration *self);
/* How it settled; NULL for statistics that were read from a file. */
const TnSiteHistory    *tn_calibration_get_history   (TnCalibration *self);
/* What can be exported; NULL before the end and when nothing was measured. */
const TnCalibrateResult *tn_calibration_get_result   (TnCalibration *self);

const char             *tn_export_get_label          (TnExportFormat format); /* translated */
const char             *tn_export_get_ending         (TnExportFormat format); /* ".json" */
/* After the end. */
void                    tn_calibration_export_async  (TnCalibration *self, TnExportFormat format, const char *path,
                                                      GAsyncReadyCallback callback, gpointer user_data);
gboolean                tn_calibration_export_finish (TnCalibration *self, GAsyncResult *result, GError **error);
/* Signals: "changed" () state or progress; "sites-changed" () numbers of sites; "site-changed" () of the chosen site; "event" (text);
 * "finished" () once. */

G_END_DECLS
