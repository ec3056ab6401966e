/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/window.h"

G_BEGIN_DECLS

/* The float32 products of a convolution; private to engine/autograd/functions. */
typedef struct
{
  TnWindow      window;
  TnWindowSizes sizes;
  gsize         out;   /* channels */
  gsize         depth; /* channels x window */
} Convolution;

gsize tn_convolution_forward_scratch  (const Convolution *self, guint threads);
gsize tn_convolution_backward_scratch (const Convolution *self, guint threads);
void  tn_convolution_forward          (const Convolution *self, const TnCall *call);
/* Gradients of x and the weight. */
void  tn_convolution_backward         (const Convolution *self, const TnCall *call);

G_END_DECLS
