/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* What a calibration has so far, kept beside its output so that a run that was killed goes on from there: OUT.checkpoint, a statistics file
 * marked as partial, check-summed as all of them, with the provenance of the run as a note. How many sequences it holds is where the run stands
 * in the drawn ones. It is replaced as a whole, synced to disk. One thread at a time. */
typedef struct _TnCalibrateCheckpoint TnCalibrateCheckpoint;

#define TN_CHECKPOINT_SECONDS 20

/* seconds: between two checkpoints; 0: none. From TN_CHECKPOINT_SECONDS on, where one takes long the next waits a hundred times as long, up
 * to 50 seconds, so that they take a hundredth of the run and less than a minute is lost. */
TnCalibrateCheckpoint *tn_calibrate_checkpoint_new      (const char *out_path, const char *provenance, double seconds);
void                   tn_calibrate_checkpoint_free     (TnCalibrateCheckpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCalibrateCheckpoint, tn_calibrate_checkpoint_free)
const char            *tn_calibrate_checkpoint_get_path (TnCalibrateCheckpoint *self);
/* The statistics so far, marked as partial; *stats stays NULL where there is no checkpoint. TN_ERROR_MISMATCH: it is of another
 * run, and says what differs; TN_ERROR_FORMAT: damaged. */
gboolean               tn_calibrate_checkpoint_load     (TnCalibrateCheckpoint *self, TnStats **stats, GError **error);
/* At every batch boundary: keeps the statistics when it is time. A failure is said once and does not hurt the run. */
void                   tn_calibrate_checkpoint_offer    (TnCalibrateCheckpoint *self, const TnStats *stats, const TnListener *listener);
/* At once, for a run that ends before its end. */
gboolean               tn_calibrate_checkpoint_write    (TnCalibrateCheckpoint *self, const TnStats *stats, GError **error);
/* The run is complete. */
void                   tn_calibrate_checkpoint_remove   (TnCalibrateCheckpoint *self, const TnListener *listener);

G_END_DECLS
