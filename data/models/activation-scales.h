/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Fixed scales of the inputs of linear layers, which calibration found, beside a model's weights: metadata of GGUF and safetensors files of ours,
 *   "ternion.activations": {"scheme":"int8","sites":{"blk.0.attn_q.in":[scale, zero point],"blk.0.attn_k.in":[scale, zero point, offset],
 *                                                    "blk.0.attn_v.in":null,…}}
 * with a site for every linear layer; offset: of a grid that was learned with one, 0 where it is not there; null: this input stays float32. Reference counted by nobody: one owner. */
typedef struct _TnActivationScales TnActivationScales;

#define TN_ACTIVATION_SCALES_KEY "ternion.activations"

typedef struct
{
  char         *site;
  gboolean      kept;    /* stays float32: params are those of a scheme alone */
  TnQuantParams params;  /* as read from a file without error and SQNR: NaN */
  double        largest; /* magnitude that the statistics saw; NaN where that is not known */
} TnActivationScale;

TnActivationScales      *tn_activation_scales_new    (void);
void                     tn_activation_scales_free   (TnActivationScales *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnActivationScales, tn_activation_scales_free)
/* A site once; all of one scheme. */
void                     tn_activation_scales_add    (TnActivationScales *self, const char *site, const TnQuantParams *params, double largest);
/* One that stays float32 beside others of that scheme. */
void                     tn_activation_scales_add_kept (TnActivationScales *self, const char *site, const TnScheme *scheme);
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
