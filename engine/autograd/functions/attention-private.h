/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/attention.h"

G_BEGIN_DECLS

/* Private to attention.c: its float64 path, loops that follow the formulas. */
void tn_attention_reference_infer    (TnInference *inference);
void tn_attention_reference_forward  (const TnCall *call);
void tn_attention_reference_backward (const TnCall *call);

G_END_DECLS
