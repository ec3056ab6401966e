/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/models/model-file.h"
#include "data/statistics/details-text.h"
#include "engine/metrics/tensor-summary.h"
#include "engine/quant/quantize.h"

G_BEGIN_DECLS

#define TN_INSPECT_DEFAULT_SCHEMES "ternary,int8,int4:g32"

/* What inspection found of one tensor. */
typedef struct
{
  guint             tensor;     /* index in the model file */
  gboolean          decoded;    /* FALSE: the dtype cannot be decoded, only listed */
  TnTensorSummary   summary;
  GArray           *schemes;    /* TnScheme, shared by all tensors */
  gboolean          quantized;  /* TRUE when errors hold (2-d and wide enough for the scheme; error is NaN where a scheme does not apply) */
  TnQuantError     *errors;     /* [schemes->len] */
  TnFloatHistogram *histogram;  /* NULL unless asked for */
  TnTensorDetails  *details;    /* likewise; with histogram */
} TnTensorInspection;

void tn_tensor_inspection_free (TnTensorInspection *self);

/* One tensor. Any thread (uses the compute thread). */
TnTensorInspection *tn_inspect_tensor (TnModelFile *file, guint tensor, GArray *schemes, gboolean with_histogram,
                                       GCancellable *cancellable, GError **error);

/* Called on the working thread as soon as a tensor is done; takes ownership of the inspection. */
typedef void (*TnInspectFunc) (TnTensorInspection *inspection, gpointer user_data);

/* All tensors (or the one named). details: with those of the default percentiles, and histograms; else neither. */
gboolean tn_inspect_model (TnModelFile *file, const char *only_tensor, GArray *schemes, gboolean details, TnInspectFunc func, gpointer user_data,
                           const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
