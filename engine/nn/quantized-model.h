/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/input-rounding.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* How one linear layer is to compute. */
typedef struct
{
  const char          *name;          /* canonical name of its weight, "blk.3.ffn_down.weight"; NULL: every linear layer that no
                                         other entry names */
  const TnScheme      *weights;       /* NULL: as they are */
  const TnScheme      *activations;   /* what its input is rounded to; NULL: as the model has it (fp32 unless it is a BitNet) */
  const TnQuantParams *static_params; /* scale and zero point of the input, for activations per tensor; else NULL */
  gboolean             keep_ternary;  /* weights that are ternary already, in whatever type, with one scale a tensor or row, are taken
                                         as they are: rounding by absmean would change their scale */
  gboolean             bit_linear;    /* with weights NULL: it is an error (TN_ERROR_UNSUPPORTED) when they are not ternary */
} TnLayerPrecision;

/* The same model in other precision; what is not changed is shared. Embedding, head and norms stay.
 *
 * Weights. "ternary", a tensor or row ("ternary:c"), any rule, with activations "int8:t": the layer becomes a BitLinear
 * (engine/nn/bit-linear.h): packed codes in memory, exact integer sums. So does, where weights is NULL, a layer whose weights are
 * ternary by their stored type (TQ1_0, TQ2_0, packed ternary) and have one scale a tensor or row. Everything else is multiplied in
 * fp32: taken as it is, rounded to packed ternary codes that are decoded as they are needed, or rounded to an fp32 copy
 * (tn_quantize_tensor()).
 *
 * Activations. Per token ("int8:t", "int4:t:asym") or per group ("int8:g32"): the scale is found in each row as it flows; int8:t has
 * the codes and scales of BitNet (engine/kernels/row-quantize.h) on either path, the others the rounding of tn_quantize_values().
 * Per tensor ("int8"): fixed, static_params has to be there. Sites show the input in fp32 before it is rounded. A sequence's results
 * never depend on its batch.
 *
 * May be called from any thread; it works on the compute thread. The sources may be freed afterwards.
 * TN_ERROR_NOT_FOUND: a name that is no linear layer; TN_ERROR_ARGUMENT: a scheme that does not fit; TN_ERROR_DATA: a value that
 * is not finite where ternary codes cannot hold it; TN_ERROR_UNSUPPORTED: not ternary where it has to be; TN_ERROR_MEMORY;
 * G_IO_ERROR_CANCELLED. Each names the layer. */
TnModel *tn_model_quantize (TnModel *self, const TnLayerPrecision *layers, guint n_layers, GCancellable *cancellable,
                            GError **error);

/* What a layer's product is computed in. */
typedef enum
{
  TN_LAYER_PATH_FLOAT,         /* fp32 x fp32 */
  TN_LAYER_PATH_ROUNDED_INPUT, /* fp32 x fp32 after the input was rounded to its scheme */
  TN_LAYER_PATH_BIT_LINEAR,    /* packed ternary x int8, in integers */
} TnLayerPath;

/* name: canonical, of a linear layer's weight. */
TnLayerPath tn_model_get_layer_path    (TnModel *self, const char *name);
/* How a layer rounds its input. Owned by the model. */
const TnInputRounding *tn_model_get_input_rounding (TnModel *self, const char *name);
/* Linear layers on that path. */
guint       tn_model_count_layer_paths (TnModel *self, TnLayerPath path);

G_END_DECLS
