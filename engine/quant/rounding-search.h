/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/rounding.h"
#include "engine/tensor/moments.h"

G_BEGIN_DECLS

/* Rows, or groups, up to this length are rounded as a whole while they are in the cache; longer ones are streamed. */
#define TN_ROUNDING_MAX_CACHED_ELEMENTS ((guint64) 4 * TN_TENSOR_BLOCK_ELEMENTS)

/* The parameters of several schemes for elements first .. first + n of a tensor that is streamed, all under one scale a scheme
 * whatever its granularity. moments: of these elements when they are known already, else NULL. As many passes as the schemes need:
 * one for the moments, one more for levels (least squares, TWN), two for each absmedian and Lloyd-Max. */
gboolean tn_rounding_find_in_tensor (const TnTensor *tensor, guint64 first, guint64 n, const TnMoments *moments,
                                     const TnScheme *const *schemes, guint n_schemes, TnRounding *roundings,
                                     GCancellable *cancellable, GError **error);

G_END_DECLS
