/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Fixed scales of the inputs of linear layers, which calibration found, beside a model's weights: metadata of GGUF and safetensors files of ours,
 *   "ternion.activations": {"scheme":"int8","sites":{"blk.0.attn_q.in":[scale, zero point],…}}
 * with a site for every linear layer. Reference counted by nobody: one owner. */
typedef struct _TnActivationScales TnActivationScales;

#define TN_ACTIVATION_SCALES_KEY "ternion.activations"

typedef struct
{
  char         *site;
  TnQuantParams params;  /* as read from a file without error and SQNR: NaN */
  double        largest; /* magnitude that the statistics saw; NaN where that is not known */
} TnActivationScale;

TnActivationScales      *tn_activation_scales_new    (void);
void                     tn_activation_scales_free   (TnActivationScales *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnActivationScales, tn_activation_scales_free)
/* A site once; all of one scheme. */
void                     tn_activation_scales_add    (TnActivationScales *self, const char *site, const TnQuantParams *params, double largest);
guint                    tn_activation_scales_count  (const TnActivationScales *self);
/* In the order they were added. */
const TnActivationScale *tn_activation_scales_get    (const TnActivationScales *self, guint index);
/* NULL when there is none. */
const TnActivationScale *tn_activation_scales_find   (const TnActivationScales *self, const char *site);
/* Free with g_free(). */
char                    *tn_activation_scales_print  (const TnActivationScales *self);
/* origin: for messages. TN_ERROR_FORMAT: not such a text, a scheme that is no integer per tensor, a scale that is not finite or below 0, a zero
 * point that the codes do not reach. */
TnActivationScales      *tn_activation_scales_parse  (const char *text, const char *origin, GError **error);

G_END_DECLS
