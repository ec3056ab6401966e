/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/estimate.h"
#include "engine/listener.h"
#include "engine/nn/model.h"
#include "engine/quant/plan.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* TnMitigation: what makes rounding to a scheme lose less, applied and measured. Weights alone are rounded.
 *
 * Of the whole model first: a rotation (rotation.h), then scales a channel (folding.h). Each is tried with all layers rounded in the best of the ways that are
 * asked for (compensated, else with error feedback, else with better scales, else plainly), and kept when the loss on the choosing batches is lower by more
 * than chance; not when a third of the time is gone. Both leave the model exact, so that nothing is lost but a head of its own, which a rotation needs where
 * the head was the embedding.
 * Then layers in the order they run, those that read one input together: in a model in which every layer before is rounded as it was chosen and every
 * layer behind is not, plain rounding and what applies are tried and the lowest loss on the choosing batches is kept. Statistics of inputs come from the
 * fitting batches and that model. What is left when the time is used up is rounded plainly. */
typedef enum
{
  TN_MITIGATION_ROTATE = 1 << 0,     /* "rotate" */
  TN_MITIGATION_SMOOTH = 1 << 1,     /* "smooth": scales a channel, SmoothQuant, AWQ and cross-layer equalization */
  TN_MITIGATION_SCALE = 1 << 2,      /* "scale": better scales by the error of the output, each weight to its nearest level */
  TN_MITIGATION_FEEDBACK = 1 << 3,   /* "gptq": error feedback (error-feedback.h), descent, fitted scales */
  TN_MITIGATION_COMPENSATE = 1 << 4, /* "compensate": the same on weights that make up for what layers before lost (step-moments.h) */
} TnMitigationKind;

#define TN_MITIGATION_ALL ((TnMitigationKind) 31)

typedef struct
{
  TnScheme scheme;
  TnMitigationKind kinds;
  double seconds; /* 0: as long as it takes */
  guint64 seed;   /* of the rotation's signs */
  guint n_refits; /* of scales; 0: 4 */
} TnMitigationOptions;

/* One thing that was tried on one step. */
typedef struct
{
  TnMitigationKind kind; /* 0: plain rounding */
  char *detail;          /* "block 64", "scales of 18 of 20 places"; or NULL */
  double error;          /* of the outputs on the fitting batches, a part of their power, mean over the step's layers; NaN: of whole models */
  TnEstimate change;     /* of the loss on the choosing batches against plain rounding of the same step, paired; plain: against the step not rounded;
                           of the whole model: against all of it rounded so without the change */
  double seconds;
  gboolean kept;
  char *reason;          /* why not; NULL where it is kept */
} TnMitigationTrial;

typedef struct
{
  char *name;        /* of its layers: "blk.0.attn_q, blk.0.attn_k, blk.0.attn_v"; "the whole model" */
  GArray *trials;    /* TnMitigationTrial */
} TnMitigationStep;

typedef struct
{
  TnMitigationOptions options;
  TnScheme written;   /* the scheme whose plain rounding leaves the mitigated weights alone: same grid, same bits */
  GPtrArray *steps;   /* TnMitigationStep */
  TnEstimate loss, plain_loss, mitigated_loss; /* on the choosing batches: of the model as it is, rounded plainly, mitigated */
  TnEstimate plain_change, mitigated_change;   /* against the model as it is, paired */
  double bits;         /* a weight of linear layers, scales counted; the same before and after */
  guint64 added_bytes; /* of a head of its own */
  double seconds;
  gboolean out_of_time;
  TnModel *base;       /* the model that is rounded: rotated and scaled as was kept; computes what the model computed */
  TnModel *model;      /* with every linear layer on its grid: rounding by the plan changes no bit of it */
  TnPlan *plan;
} TnMitigation;

/* fitting, choosing: TnBatch with targets, apart from each other; choosing at least two sequences. Any thread; works on the compute thread, batch by
 * batch. NULL on error: TN_ERROR_UNSUPPORTED (low precision already), TN_ERROR_DATA, TN_ERROR_MEMORY, G_IO_ERROR_CANCELLED. The same bits for any number of threads
 * where the back end's products are, but that a time limit cuts where it cuts. listener may be NULL. */
TnMitigation *tn_mitigate (TnModel *model, GPtrArray *fitting, GPtrArray *choosing, const TnMitigationOptions *options,
                           const TnListener *listener, GCancellable *cancellable, GError **error);
void          tn_mitigation_free (TnMitigation *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnMitigation, tn_mitigation_free)
/* "plain" for 0, else as above. */
const char   *tn_mitigation_kind_get_name (TnMitigationKind kind);
/* "gptq,smooth" -> kinds; TN_ERROR_ARGUMENT names what is none, and what is; TN_ERROR_UNSUPPORTED: "bias", which needs biases. */
gboolean      tn_mitigation_kinds_parse (const char *text, TnMitigationKind *kinds, GError **error);

G_END_DECLS
