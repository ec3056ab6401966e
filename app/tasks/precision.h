/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "data/models/activation-scales.h"
#include "engine/listener.h"
#include "engine/nn/quantized-model.h"
#include "engine/quant/plan.h"

G_BEGIN_DECLS

/* What a model is to compute in, as a person says it. */
typedef struct
{
  const char *scheme;      /* of the weights of every linear layer, or NULL */
  const char *plan_path;   /* a scheme per layer, or NULL */
  const char *activations; /* of the input of every linear layer; "none"; NULL: what the plan says, else none */
  const char *stats_path;  /* statistics of the activations, for schemes of theirs that need a fixed scale; or NULL */
  const char *method;      /* how fixed scales are found, of weights and activations (app/tasks/method-choice.h), or NULL: those of weights as
                              their scheme says, those of activations with the least squared error */
  const char *objective;   /* of --method auto, or NULL */
  const TnActivationScales *stored; /* fixed scales that the model's file has, for use without statistics; or NULL */
  TnActivationScales *taken;        /* is filled with the fixed scales that were used, a linear layer each; or NULL */
  const TnListener *listener; /* told what is probably not meant; or NULL */
} TnPrecision;

/* TN_ERROR_ARGUMENT: options that contradict each other, a scheme that is none; found before any work. */
gboolean tn_precision_check     (const TnPrecision *self, GError **error);
/* TRUE when it leaves a model as it is. */
gboolean tn_precision_is_empty  (const TnPrecision *self);
/* The plan of a file; model: whose layers and sites it has to name, NULL where it cannot run and only weights can be checked later. */
TnPlan  *tn_precision_load_plan (const char *path, TnModel *model, GError **error);
/* The model with its layers rounded (engine/nn/quantized-model.h); inputs that are not rounded are as the model has them: fp32 unless it is a
 * BitNet. Any thread. */
TnModel *tn_precision_apply     (const TnPrecision *self, TnModel *model, GCancellable *cancellable, GError **error);

G_END_DECLS
