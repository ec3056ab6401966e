/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/pooling.h"

#include <math.h>

#include "engine/autograd/functions/real.h"

/* One window of a plane. */
typedef struct
{
  TnWindowSpan rows, columns;
  gsize width;    /* of the plane */
  gsize elements; /* of a whole window */
} View;

/* The bodies of both types; planes are independent of each other. */
#define DEFINE_TYPE(REAL)                                                                                                        \
  static gsize find_largest_##REAL (const View *view, const REAL *x)                                                             \
  {                                                                                                                              \
    gsize best = view->rows.first * view->width + view->columns.first;                                                           \
                                                                                                                                 \
    for (gsize u = 0; u < view->rows.n; u++)                                                                                     \
      for (gsize v = 0; v < view->columns.n; v++)                                                                                \
        {                                                                                                                        \
          gsize place = (view->rows.first + u) * view->width + view->columns.first + v;                                          \
                                                                                                                                 \
          if (x[place] > x[best] || (isnan (x[place]) && !isnan (x[best])))                                                      \
            best = place;                                                                                                        \
        }                                                                                                                        \
    return best;                                                                                                                 \
  }                                                                                                                              \
                                                                                                                                 \
  static void max_forward_##REAL (const View *view, const REAL *x, REAL *y) { *y = x[find_largest_##REAL (view, x)]; }           \
                                                                                                                                 \
  static void max_backward_##REAL (const View *view, const REAL *x, REAL dy, REAL *dx)                                           \
  {                                                                                                                              \
    dx[find_largest_##REAL (view, x)] += dy;                                                                                     \
  }                                                                                                                              \
                                                                                                                                 \
  static void average_forward_##REAL (const View *view, const REAL *x, REAL *y)                                                  \
  {                                                                                                                              \
    double sum = 0.0;                                                                                                            \
                                                                                                                                 \
    for (gsize u = 0; u < view->rows.n; u++)                                                                                     \
      for (gsize v = 0; v < view->columns.n; v++)                                                                                \
        sum += (double) x[(view->rows.first + u) * view->width + view->columns.first + v];                                       \
    *y = (REAL) (sum / (double) view->elements);                                                                                 \
  }                                                                                                                              \
                                                                                                                                 \
  static void average_backward_##REAL (const View *view, const REAL *x, REAL dy, REAL *dx)                                       \
  {                                                                                                                              \
    for (gsize u = 0; u < view->rows.n; u++)                                                                                     \
      for (gsize v = 0; v < view->columns.n; v++)                                                                                \
        dx[(view->rows.first + u) * view->width + view->columns.first + v] += dy / (REAL) view->elements;                        \
  }

DEFINE_TYPE (float)
DEFINE_TYPE (double)

/* Calls max or average, forward or backward, for the windows of a plane. */
#define FOR_WINDOWS(statement)                                                                                                   \
  for (gsize i = 0; i < sizes->out[0]; i++)                                                                                      \
    {                                                                                                                            \
      View view = {.rows = tn_window_span (window, sizes, 0, i),                                                                 \
                   .width = sizes->in[1],                                                                                        \
                   .elements = window->size[0] * window->size[1]};                                                               \
                                                                                                                                 \
      for (gsize j = 0; j < sizes->out[1]; j++)                                                                                  \
        {                                                                                                                        \
          gsize place = i * sizes->out[1] + j;                                                                                   \
                                                                                                                                 \
          view.columns = tn_window_span (window, sizes, 1, j);                                                                   \
          statement;                                                                                                             \
        }                                                                                                                        \
    }

#define DEFINE_PLANES(kind, REAL)                                                                                                \
  static void kind##_plane_forward_##REAL (const TnWindow *window, const TnWindowSizes *sizes, const REAL *x, REAL *y)           \
  {                                                                                                                              \
    FOR_WINDOWS (kind##_forward_##REAL (&view, x, y + place));                                                                   \
  }                                                                                                                              \
                                                                                                                                 \
  static void kind##_plane_backward_##REAL (const TnWindow *window, const TnWindowSizes *sizes, const REAL *x, const REAL *dy,   \
                                            REAL *dx, gboolean adds)                                                             \
  {                                                                                                                              \
    for (gsize i = 0; !adds && i < sizes->in[0] * sizes->in[1]; i++)                                                             \
      dx[i] = (REAL) 0.0;                                                                                                        \
    FOR_WINDOWS (kind##_backward_##REAL (&view, x, dy[place], dx));                                                              \
  }

#define DEFINE_POOL(kind)                                                                                                        \
  DEFINE_PLANES (kind, float)                                                                                                    \
  DEFINE_PLANES (kind, double)                                                                                                   \
                                                                                                                                 \
  static void kind##_forward (const TnCall *call)                                                                                \
  {                                                                                                                              \
    const TnWindow *window = call->attributes;                                                                                   \
    const TnWindowSizes sizes = tn_window_get_sizes (window, &call->input_infos[0].shape);                                       \
    gsize in = sizes.in[0] * sizes.in[1], out = sizes.out[0] * sizes.out[1];                                                     \
                                                                                                                                 \
    _Pragma ("omp parallel for schedule(static) num_threads((int) call->threads)") for (gsize plane = 0;                         \
                                                                                        plane < sizes.n * sizes.channels;        \
                                                                                        plane++) if (call->dtype ==              \
                                                                                                     TN_DTYPE_F64)               \
        kind##_plane_forward_double (window, &sizes, (const double *) call->inputs[0] + plane * in,                              \
                                     (double *) call->outputs[0] + plane * out);                                                 \
    else kind##_plane_forward_float (window, &sizes, (const float *) call->inputs[0] + plane * in,                               \
                                     (float *) call->outputs[0] + plane * out);                                                  \
  }                                                                                                                              \
                                                                                                                                 \
  static void kind##_backward (const TnCall *call)                                                                               \
  {                                                                                                                              \
    const TnWindow *window = call->attributes;                                                                                   \
    const TnWindowSizes sizes = tn_window_get_sizes (window, &call->input_infos[0].shape);                                       \
    gsize in = sizes.in[0] * sizes.in[1], out = sizes.out[0] * sizes.out[1];                                                     \
                                                                                                                                 \
    _Pragma ("omp parallel for schedule(static) num_threads((int) call->threads)") for (gsize plane = 0;                         \
                                                                                        plane < sizes.n * sizes.channels;        \
                                                                                        plane++)                                 \
    {                                                                                                                            \
      gsize x_offset = call->inputs[0] != NULL ? plane * in : 0;                                                                 \
                                                                                                                                 \
      if (call->dtype == TN_DTYPE_F64)                                                                                           \
        kind##_plane_backward_double (window, &sizes, (const double *) call->inputs[0] + x_offset,                               \
                                      (const double *) call->output_gradients[0] + plane * out,                                  \
                                      (double *) call->input_gradients[0] + plane * in, call->adds[0]);                          \
      else                                                                                                                       \
        kind##_plane_backward_float (window, &sizes, (const float *) call->inputs[0] + x_offset,                                 \
                                     (const float *) call->output_gradients[0] + plane * out,                                    \
                                     (float *) call->input_gradients[0] + plane * in, call->adds[0]);                            \
    }                                                                                                                            \
  }

DEFINE_POOL (max)
DEFINE_POOL (average)

static gboolean
infer_average (TnInference *inference, GError **error)
{
  const TnWindow *window = inference->attributes;
  TnWindowSizes sizes;

  if (!tn_window_check (window, inference, error))
    return FALSE;
  sizes = tn_window_get_sizes (window, &inference->inputs[0].shape);
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE (sizes.n, sizes.channels, sizes.out[0], sizes.out[1]);
  return TRUE;
}

static gboolean
infer_max (TnInference *inference, GError **error)
{
  inference->reads_inputs = 1;
  return infer_average (inference, error);
}

TnValue *
tn_tape_max_pool (TnTape *tape, TnValue *x, const TnWindow *window)
{
  static const TnFunction function = {.name = "max pool",
                                      .attribute_bytes = sizeof (TnWindow),
                                      .infer = infer_max,
                                      .forward = max_forward,
                                      .backward = max_backward};

  return tn_tape_apply (tape, &function, &x, 1, window, NULL);
}

TnValue *
tn_tape_average_pool (TnTape *tape, TnValue *x, const TnWindow *window)
{
  static const TnFunction function = {.name = "average pool",
                                      .attribute_bytes = sizeof (TnWindow),
                                      .infer = infer_average,
                                      .forward = average_forward,
                                      .backward = average_backward};

  return tn_tape_apply (tape, &function, &x, 1, window, NULL);
}

TnValue *
tn_tape_global_average_pool (TnTape *tape, TnValue *x)
{
  const TnShape *shape;
  TnWindow window = {{1, 1}, {1, 1}, {0, 0}};

  if (x == NULL)
    return NULL;
  shape = &tn_value_get_info (x)->shape;
  for (guint axis = 0; shape->n_dims == 4 && axis < 2; axis++)
    window.size[axis] = shape->dims[2 + axis];
  x = tn_tape_average_pool (tape, x, &window);
  return x != NULL ? tn_tape_reshape (tape, x, &TN_SHAPE (shape->dims[0], shape->dims[1])) : NULL;
}
