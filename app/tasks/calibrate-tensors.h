/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "app/tasks/calibrate-checkpoint.h"
#include "app/tasks/calibrate-options.h"
#include "app/tasks/calibrate-stop.h"
#include "engine/calibration/stats.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* Calibration on recorded activations: what the numbers of --tensors say, through the same statistics as a model's activations. Samples and tokens
 * count through all sites, each tensor having sequences of its own. There is no model: its fingerprint is the hash of the names and widths of
 * the sites, and the back end is TN_RECORDED_BACKEND. */
typedef struct _TnRecordedRun TnRecordedRun;

#define TN_RECORDED_BACKEND "recorded"

/* Without --samples all sequences, without --batch-size as many at a time as memory suggests. */
TnRecordedRun *tn_recorded_run_open      (const TnCalibrateOptions *options, const TnListener *listener, GError **error);
void           tn_recorded_run_free      (TnRecordedRun *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnRecordedRun, tn_recorded_run_free)
/* Empty statistics of the sites. Sequences of a checkpoint are passed over by options->sampling.skip. */
TnStats       *tn_recorded_run_new_stats (TnRecordedRun *self);
/* Observes everything, or until stop says so, into stats: whole tiles under lock, with *version counted up (atomically) and checkpoint
 * (may be NULL) offered behind each. */
gboolean       tn_recorded_run_observe   (TnRecordedRun *self, TnStats *stats, TnCalibrateStop *stop, TnCalibrateCheckpoint *checkpoint, GMutex *lock,
                                          gint *version, const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
