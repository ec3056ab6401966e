/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/function.h"

G_BEGIN_DECLS

/* Windows that go over images; of every pair the first is for the height, the second for the width. */
typedef struct
{
  gsize size[2];
  gsize stride[2];  /* from window to window */
  gsize padding[2]; /* rows and columns added on either side */
} TnWindow;

/* What goes in, [n, channels, height, width], and how many windows fit. */
typedef struct
{
  gsize n, channels;
  gsize in[2], out[2];
} TnWindowSizes;

/* For infer(): sizes for input 0. TN_ERROR_SHAPE: it is no such array; TN_ERROR_ARGUMENT: a size or stride is 0, padding is as wide as the
 * window, or no window fits. */
gboolean      tn_window_check     (const TnWindow *self, const TnInference *inference, GError **error);
TnWindowSizes tn_window_get_sizes (const TnWindow *self, const TnShape *x);

/* Where window i along axis 0 or 1 lies inside the image: from first on, n elements of it from offset on. */
typedef struct
{
  gsize first, n, offset;
} TnWindowSpan;

static inline TnWindowSpan
tn_window_span (const TnWindow *self, const TnWindowSizes *sizes, guint axis, gsize i)
{
  gsize start = i * self->stride[axis], offset = start < self->padding[axis] ? self->padding[axis] - start : 0;
  gsize first = start + offset - self->padding[axis], left = sizes->in[axis] > first ? sizes->in[axis] - first : 0;

  return (TnWindowSpan){first, MIN (self->size[axis] - offset, left), offset};
}

G_END_DECLS
