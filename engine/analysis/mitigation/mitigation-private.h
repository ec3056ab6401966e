/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/mitigation/mitigation.h"
#include "engine/analysis/mitigation/sequence-losses.h"

G_BEGIN_DECLS

/* A mitigation on its way. */
typedef struct
{
  TnMitigation *result;
  GPtrArray *fitting, *choosing; /* TnBatch */
  const TnListener *listener;
  GCancellable *cancellable;
  gint64 start_us;
  TnSequenceLosses original; /* of the model as it is */
  TnSequenceLosses reference; /* of the base with every layer rounded as tn_mitigation_round_all() does */
} TnMitigationRun;

gboolean          tn_mitigation_run_is_late (const TnMitigationRun *self);
double            tn_mitigation_seconds_since (gint64 start_us);
TnMitigationStep *tn_mitigation_add_step    (TnMitigation *self, char *name);
/* detail and reason are taken over. */
void              tn_mitigation_add_trial   (TnMitigationStep *step, const TnMitigationTrial *trial);
/* Weights as they are rounded plainly: by the scheme itself where that repeats, else by the written one. On the compute thread. */
TnTensor         *tn_mitigation_round_plainly (const TnMitigation *self, const TnTensor *weight, GError **error);
/* Every layer of a base in the best way that is asked for, nothing chosen: compensated, else with error feedback, else with better scales, else
 * plainly. */
TnModel          *tn_mitigation_round_all   (TnMitigationRun *run, TnModel *base, GError **error);
/* Rotation and scales of the whole model: result->base. */
gboolean          tn_mitigation_transform   (TnMitigationRun *run, GError **error);
/* Layers one after the other: result->model. */
gboolean          tn_mitigation_run_steps   (TnMitigationRun *run, GError **error);

G_END_DECLS
