/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "app/tasks/number-file.h"
#include "engine/metrics/error-metrics.h"
#include "engine/metrics/grade.h"
#include "engine/metrics/spectrum.h"

G_BEGIN_DECLS

/* One tensor of an approximation against that of its reference. */
typedef struct
{
  char           *name;
  guint           n_dims;
  guint64         shape[TN_TENSOR_MAX_DIMS];
  guint64         rows, columns;
  TnErrorSummary  summary;
  TnErrorMetrics *metrics;  /* with channels and rows, where they were asked for; else NULL */
  TnSpectrum     *spectrum; /* of the columns along the rows; likewise */
  TnGradeResult   grade;    /* UNKNOWN without a scheme, and where it does not apply */
} TnTensorComparison;

typedef struct
{
  GPtrArray *tensors;        /* TnTensorComparison, in the order of the reference */
  GPtrArray *only_reference; /* char *: names that the other does not have */
  GPtrArray *only_approximation;
  GPtrArray *unlike;         /* char *: of another shape, or of a type that cannot be decoded */
} TnComparison;

typedef struct
{
  const char     *reference, *approximation; /* files or directories: number-file.h */
  const char     *tensor;  /* this alone; NULL: all that both have */
  const TnScheme *scheme;  /* to grade by; NULL: no grades */
  gboolean        parts;   /* keep channels and rows */
  guint           segment; /* of the spectrum, a power of two; 0: none. Takes a tensor's float32 of both sides at once. */
} TnCompareOptions;

/* Tensors are matched by name, canonical or as the file has it; two files of one tensor each by that. TN_ERROR_NOT_FOUND: no such tensor, or none in common;
 * TN_ERROR_SHAPE, TN_ERROR_UNSUPPORTED: the one that was named cannot be compared. Any thread (uses the compute thread). */
TnComparison *tn_compare_files    (const TnCompareOptions *options, const TnListener *listener, GCancellable *cancellable, GError **error);
void          tn_comparison_free  (TnComparison *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnComparison, tn_comparison_free)
/* Indices of tensors, worst first by a name of engine/metrics/metric-names.h; equal ones in their order. Free with g_array_unref(). */
GArray       *tn_comparison_rank  (const TnComparison *self, const char *metric);

G_END_DECLS
