/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/estimator-params.h"
#include "engine/autograd/functions/bit-linear.h"
#include "engine/autograd/functions/quantize.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

typedef struct _TnTrainingLayer TnTrainingLayer;

/* How the layers of a network round while they are trained. */
typedef struct
{
  gboolean    rounds_weights, rounds_inputs;
  TnScheme    weights, inputs;
  TnEstimator weight_estimator, input_estimator;
  gboolean    rotates_weights; /* they are rounded in a rotated space and rotated back, W = Q (w H) H, pieces of tn_hadamard_get_block() along the
                                  input (QuEST, Panferov et al., 2025, section 3.1; inputs stay as they are) */
  gboolean    output_scales; /* a learned factor for each output, 1 at first (Echo-1.58; OneBit, Xu et al., 2024) */
  gboolean    keeps_first, keeps_last; /* the first, the last layer stays float32 */
  gboolean    fixed_inputs;  /* inputs with one scale a tensor that no estimator learns have one that stays as it is set, instead of that of
                                the batch: what a calibration found */
  char      **keeps;         /* names and patterns ("blk.0.*") of layers that stay float32; NULL: none */
  gboolean    integer;       /* products of ternary weights with int8 inputs are made in integers, and their factors kept packed; where
                                weights are ternary, a scale a tensor or row, inputs int8 a token, and both estimators the identity */
  TnBackward  backward_inputs, backward_weights; /* with integer: products of the backward pass */
  guint       counts;        /* every so many steps what quantizers do is counted (TnQuantizerState); 0: never */
  TnVariable *lambda;        /* one element: how much of the rounding counts, 1 at first */
  TnVariable *temperature;   /* one element: of soft estimators, 1 at first */
  /* Recorded in front of each layer that multiplies in float32, with what goes into its product; gives the value that goes on. NULL: none. */
  TnValue *(*probe) (TnTape *tape, const TnTrainingLayer *layer, TnValue *x, gpointer user_data);
  gpointer    probe_data;
} TnTrainingPrecision;

/* Rounds nothing. NULL: TN_ERROR_MEMORY. */
TnTrainingPrecision *tn_training_precision_new  (GError **error);
/* Shares lambda and temperature. */
TnTrainingPrecision *tn_training_precision_copy (const TnTrainingPrecision *self);
void                 tn_training_precision_free (TnTrainingPrecision *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTrainingPrecision, tn_training_precision_free)

/* A linear layer, y = x W^T + bias, W [out, in], with what rounds it. */
struct _TnTrainingLayer
{
  char             *name;         /* "blk.3.ffn_down" */
  TnVariable       *weight;
  TnVariable       *bias;         /* [out] or NULL */
  TnVariable       *weight_scale; /* of learned estimators, [units]; else NULL */
  TnVariable       *input_scale;
  TnVariable       *weight_offset, *input_offset; /* of lsq+, and of fixed asymmetric scales */
  TnVariable       *output_scale; /* [out] or NULL */
  gboolean          rounds_weight, rounds_input;
  TnQuantizerState *weight_state; /* what its quantizer did; NULL: nothing is counted */
};

/* Rounds nothing yet; takes references. */
TnTrainingLayer *tn_training_layer_new  (const char *name, TnVariable *weight, TnVariable *bias);
void             tn_training_layer_free (TnTrainingLayer *self);

/* Makes layers 0 .. n - 1 round as precision says, with scales for learned estimators: of weights from the weights as they are
 * by the least error (tn_initial_scales()), of inputs as if they were standard normal, which behind a norm they nearly are. The scales are added to
 * variables (GPtrArray of TnVariable). TN_ERROR_ARGUMENT names the layer that the scheme or the estimator does not fit; TN_ERROR_MEMORY. */
gboolean tn_training_layers_prepare (TnTrainingLayer *const *layers, guint n, const TnTrainingPrecision *precision, GPtrArray *variables,
                                     GError **error);

/* The one scale with which a layer rounds its inputs, learned or fixed, as inference takes it (TnLayerPrecision): the same bits. FALSE: it has none, or
 * its levels are not those of an integer scheme (tn_estimator_to_params()). */
gboolean tn_training_layer_get_input_params (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnQuantParams *params);

/* The RMSNorm in front of layers. */
typedef struct
{
  TnVariable *gain; /* NULL: there is none */
  double      epsilon;
} TnTrainingNorm;

/* Layers that read the same x, normed: y[i]. What rounds x alike is recorded once. NULL values where recording failed. */
void     tn_training_layers_record  (TnTrainingLayer *const *layers, guint n, const TnTrainingPrecision *precision, TnTape *tape,
                                     TnValue *x, const TnTrainingNorm *norm, TnValue **y);
/* TRUE: who reads the latent weight rounds it anew to what the layer multiplies by, with the scheme alone; also where it does not round. */
gboolean tn_training_layer_is_latent_enough (const TnTrainingLayer *self, const TnTrainingPrecision *precision);
/* The weight as the rounding sees it, rotated where it is; free with g_free(). */
float   *tn_training_layer_dup_rotated      (const TnTrainingLayer *self, const TnTrainingPrecision *precision);
/* Whether integers make the products of a layer. TN_ERROR_ARGUMENT: precision asks for it, and schemes or estimators do not allow it. */
gboolean tn_training_precision_check (const TnTrainingPrecision *self, GError **error);
/* The weight as the layer multiplies by it; for layers that are no linear ones. */
TnValue *tn_training_layer_record_weight (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape);
/* The weight rounded in full, whatever lambda is, without a gradient, and the distances of its levels; NULL where the layer does not round. */
TnValue *tn_training_layer_record_rounded (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape, TnValue **scales);
TnValue *tn_training_layer_record_input  (const TnTrainingLayer *self, const TnTrainingPrecision *precision, TnTape *tape, TnValue *x);

G_END_DECLS
