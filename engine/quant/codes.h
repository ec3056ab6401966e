/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/rounding.h"
#include "engine/tensor/tensor-blocks.h"

G_BEGIN_DECLS

/* The codes and scales of a tensor under a scheme, rows at a time: those that tn_quantize_tensor() multiplies out, to the bit. Values are
 * code * scale; codes of asymmetric schemes are counted from their zero point, so that they lie in -z .. 2^B - 1 - z. Elements that are
 * not finite have the code 0 and are counted. */
typedef struct _TnCoder TnCoder;

/* Sums over rows, in their order: the same bits for any number of threads and of rows a call. */
typedef struct
{
  guint64 nonfinite;
  double  square;       /* sum of x^2 */
  double  error_square; /* sum of (x - what is stored)^2 */
  double  scale_change; /* largest |stored scale - scale| / scale */
} TnCodeSums;

/* How codes are kept. */
typedef struct
{
  TnDtype scales; /* F32, or F16: rounded after the codes were found */
  TnDtype values; /* F32, or F16, BF16: code * scale is kept, rounded to it */
} TnCodeStorage;

/* Finds the scale of a tensor where there is one for all of it. tensor must outlive it. Errors as tn_quantize_tensor(). Runs parallel
 * loops: call on the compute thread. */
TnCoder *tn_coder_new             (const TnTensor *tensor, const TnScheme *scheme, const TnCodeStorage *storage,
                                   GCancellable *cancellable, GError **error);
void     tn_coder_free            (TnCoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCoder, tn_coder_free)
/* Scales in a row: columns over group size; 1 where a scale covers a row or the tensor. */
guint64  tn_coder_units_per_row   (const TnCoder *self);
gboolean tn_coder_is_per_tensor   (const TnCoder *self);
/* Rows first .. first + n. codes: [n, columns]; units: [n, units_per_row], ranges of codes (low = -z) and scales as they are stored.
 * codes NULL: only the units are wanted. Adds to sums. TN_ERROR_DATA: a scale that its type cannot hold. Runs a parallel loop: call on the compute thread. */
gboolean tn_coder_read            (TnCoder *self, guint64 first, guint64 n, gint16 *codes, TnRounding *units, TnCodeSums *sums,
                                   GCancellable *cancellable, GError **error);

G_END_DECLS
