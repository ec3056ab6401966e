/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/estimate.h"
#include "engine/nn/model.h"
#include "engine/quant/quantize.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* TnAnalysis: what is known of a model's layers under several schemes: errors, what they do to the loss, what carries them and
 * why. Filled by the functions of engine/analysis one after another, each its own part; what was not measured is NaN, an empty
 * array or NULL. One thread at a time. Losses are in nats a predicted token; a change of the loss is that of the rounded model
 * minus that of the model as it is. */

/* Error of a layer's output Y = X W^T, X its input. With ^ for rounded and ' for what comes out of the rounded layers before
 * it, Y'^ - Y = X (W^ - W)^T + (X^ - X) W^T + (X^ - X)(W^ - W)^T + what it inherits, (X' - X) W^T, in which X is X' in the
 * three parts before. Each part is its own sum of squares over that of Y; they add up to nmse but for `cross`, twice the
 * products of parts. */
typedef struct
{
  double nmse;    /* sum (error^2) / sum (Y^2); NaN: not measured */
  double sqnr_db; /* -10 log10 (nmse) */
  double cosine;  /* between Y and what it became */
  double maximum; /* largest |error| */
  double weights, inputs, interaction, inherited, cross;
} TnOutputError;

/* Where an error comes from. */
typedef enum
{
  TN_CARRIER_INPUT_CHANNEL,  /* column of W: its part of the error of the output */
  TN_CARRIER_OUTPUT_CHANNEL, /* row of W */
  TN_CARRIER_TOKEN,          /* of the data: sample and position */
  TN_CARRIER_SAMPLE,
  TN_N_CARRIERS
} TnCarrierKind;

typedef struct
{
  TnCarrierKind kind;
  guint index;    /* channel, or sample */
  guint position; /* of a token in its sample */
  gint32 token;   /* its id */
  double share;   /* of the sum of squares of the layer's error */
  char *text;     /* of a token the words around it, itself between the two marks; of a sample how it begins; else NULL. Owned by
                   * the layer's array */
} TnCarrier;

#define TN_CARRIER_TOKEN_OPEN "⟦"
#define TN_CARRIER_TOKEN_CLOSE "⟧"

/* Why a tensor fails. `value` is what was found, `limit` from where on it is said. */
typedef enum
{
  TN_FINDING_OUTLIER_INPUTS,  /* value: largest root mean square of an input channel over their median */
  TN_FINDING_OUTLIER_WEIGHTS, /* value: largest |weight| over the tensor's root mean square */
  TN_FINDING_HEAVY_TAIL,      /* value: kurtosis of the weights (3: Gaussian) */
  TN_FINDING_FEW_VALUES,      /* value: distinct values in the weights */
  TN_FINDING_SCALE_SPREAD,    /* value: largest over smallest root mean square of rows (those that are 0 left out) */
  TN_FINDING_CONCENTRATION,   /* value: share of the error that the 1 % of input channels with most of it carry */
  TN_FINDING_SHIFTED,         /* value: |mean| of the weights over their standard deviation */
  TN_FINDING_CONSTANT,        /* all weights, or all inputs, are one value */
  TN_FINDING_NONFINITE,       /* value: how many weights or inputs are not finite */
  TN_N_FINDINGS
} TnFindingKind;

typedef struct
{
  TnFindingKind kind;
  double value, limit;
  guint index; /* channel or row it is seen most in; G_MAXUINT: none */
} TnFinding;

/* One layer under one scheme. */
typedef struct
{
  gboolean applies;          /* FALSE: the scheme cannot be applied to this width; all else is NaN */
  double bits;               /* a weight, scales counted */
  double bytes;              /* of the weights */
  TnQuantError weight;       /* of the weights alone */
  TnOutputError alone;       /* its input exact */
  TnOutputError accumulated; /* every layer before it rounded to this scheme too */
  TnEstimate fisher;         /* predicted change of the loss: half the quadratic form of the empirical Fisher's diagonal */
  TnEstimate taylor;         /* the same: gradient times error, and half the square of that a token */
  TnEstimate hessian;        /* the same: trace of the Hessian, Hutchinson; on request */
  TnEstimate measured;       /* change of the loss with this layer alone rounded */
  gboolean stopped;          /* measuring ended early: its rank was certain */
} TnAnalysisCell;

typedef struct
{
  char *name; /* canonical name of its weight, "blk.3.ffn_down.weight" */
  char *site; /* of its input, "blk.3.ffn_down.in" */
  guint block;
  guint64 rows, columns;
  guint group; /* layers of a group read the same input and are to have the same scheme: q, k and v; gate and up. Counted from 0
                */
  GArray *carriers; /* TnCarrier, by kind, the largest share first; of the scheme that `carriers_scheme` of the analysis says */
  GArray *findings; /* TnFinding, the worst first */
} TnAnalyzedLayer;

/* A whole plan, predicted and measured. */
typedef struct
{
  char *title;      /* "int4 everywhere", for people */
  gint *schemes;    /* [layers]: index of a scheme, -1: the layer stays as it is */
  double bits;      /* a weight of linear layers */
  double bytes;     /* of them */
  double predicted; /* change of the loss, by the sum over layers (tn_analysis_predict_plan()) */
  TnEstimate measured;
} TnPlanCheck;

typedef struct
{
  double spearman, spearman_low, spearman_high, kendall;
  guint n; /* pairs that were measured */
} TnRankAgreement;

typedef struct
{
  /* What it is of, so that it can be made again. */
  char *model_name; /* file name without folders */
  char *data_name;
  guint64 model_fingerprint, data_fingerprint, seed;
  char *backend;    /* what multiplied (tn_linear_backend()) */
  char *statistics; /* name of the statistics file, or NULL */
  guint seq_len, score_samples, measure_samples, error_samples;
  double seconds; /* it took; not written where files are compared */

  GArray *schemes; /* TnScheme */
  gboolean has_activations;
  TnScheme activations; /* what inputs are rounded to in every cell, when has_activations */
  guint carriers_scheme;

  TnEstimate loss;       /* of the model as it is */
  GPtrArray *layers;     /* TnAnalyzedLayer, in the order they run */
  TnAnalysisCell *cells; /* [layers * schemes], layer after layer */
  guint n_groups;
  double *correlations; /* [layers * layers] of the errors of layers over tokens, under carriers_scheme; NULL: not measured */
  GPtrArray *checks;    /* TnPlanCheck */
  TnRankAgreement fisher_agreement, taylor_agreement, hessian_agreement;
} TnAnalysis;

/* The linear layers of a model and their groups, bits and bytes; nothing is measured yet. schemes: GArray of TnScheme, copied.
 * activations may be NULL. TN_ERROR_UNSUPPORTED: the model has no linear layer. */
TnAnalysis *tn_analysis_new (TnModel * model, GArray * schemes, const TnScheme *activations, GError **error);
void tn_analysis_free (TnAnalysis * self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAnalysis, tn_analysis_free)
/* Empty: for those who read one from a file. */
TnAnalysis *tn_analysis_new_empty (void);
TnAnalyzedLayer *tn_analyzed_layer_new (const char *name, const char *site, guint block, guint64 rows, guint64 columns,
                                        guint group);
TnPlanCheck *tn_plan_check_new (const char *title, guint n_layers);
void tn_plan_check_free (TnPlanCheck * self);
/* How far losses of layers add up: measured over predicted, 1 where they do. NaN: a prediction that is not above 0, or a measurement whose interval
 * holds 0, of which a ratio says nothing. */
double tn_plan_check_get_ratio (const TnPlanCheck *self);
/* Allocates cells, once layers and schemes are there. */
void tn_analysis_allocate (TnAnalysis * self);
TnAnalyzedLayer *tn_analysis_get_layer (const TnAnalysis *self, guint layer);
TnAnalysisCell *tn_analysis_get_cell (const TnAnalysis *self, guint layer, guint scheme);
const TnScheme *tn_analysis_get_scheme (const TnAnalysis *self, guint scheme);
/* G_MAXUINT: there is none of that name. */
guint tn_analysis_find_layer (const TnAnalysis *self, const char *name);
/* The best estimate there is of the change of the loss: measured, else Taylor, Fisher; NaN value: none. predicted, if not NULL:
 * TRUE where it is a score. */
TnEstimate tn_analysis_get_loss (const TnAnalysis *self, guint layer, guint scheme, gboolean *predicted);
/* Name of a kind, for files: "input_channel"; "heavy_tail". */
const char *tn_carrier_kind_get_name (TnCarrierKind kind);
const char *tn_finding_kind_get_name (TnFindingKind kind);

G_END_DECLS
