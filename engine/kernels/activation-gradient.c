/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/activation-lanes.h"
#include "engine/kernels/activation.h"

/* count is TN_PIECE, or less at the end of an array; a constant where it is the former. */

TN_KERNEL_INLINE void
load_some (const float *x, gsize count, TnFloats *out)
{
  float lanes[TN_PIECE] = {0};

  if (count == TN_PIECE)
    tn_load (x, out);
  else
    {
      memcpy (lanes, x, count * sizeof *x);
      tn_load (lanes, out);
    }
}

TN_KERNEL_INLINE void
put_some (float *x, gsize count, const TnFloats *value, gboolean adds)
{
  TnFloats sum = *value;
  float lanes[TN_PIECE];

  if (adds)
    {
      TN_STAYS_A_BRANCH ();
      load_some (x, count, &sum);
      sum += *value;
    }
  if (count == TN_PIECE)
    tn_store (x, &sum);
  else
    {
      tn_store (lanes, &sum);
      memcpy (x, lanes, count * sizeof *x);
    }
}

#define DEFINE_ACTIVATION(name)                                                                                                  \
  TN_KERNEL_INLINE void name##_step (const float *x, float *y, gsize count)                                                      \
  {                                                                                                                              \
    TnFloats value;                                                                                                              \
                                                                                                                                 \
    load_some (x, count, &value);                                                                                                \
    name##_lanes (&value);                                                                                                       \
    put_some (y, count, &value, FALSE);                                                                                          \
  }                                                                                                                              \
                                                                                                                                 \
  TN_KERNEL_INLINE void name##_body (const float *x, float *y, gsize n)                                                          \
  {                                                                                                                              \
    gsize i = 0;                                                                                                                 \
                                                                                                                                 \
    for (; i + TN_PIECE <= n; i += TN_PIECE)                                                                                     \
      name##_step (x + i, y + i, TN_PIECE);                                                                                      \
    if (i < n)                                                                                                                   \
      name##_step (x + i, y + i, n - i);                                                                                         \
  }                                                                                                                              \
                                                                                                                                 \
  void name (const float *x, float *y, gsize n);                                                                                 \
  TN_KERNEL_DEFINE (name, (const float *x, float *y, gsize n), (x, y, n))                                                        \
                                                                                                                                 \
  TN_KERNEL_INLINE void name##_gradient_step (const float *x, const float *dy, float *dx, gsize count, gboolean adds)            \
  {                                                                                                                              \
    TnFloats value, slope, gradient;                                                                                             \
                                                                                                                                 \
    load_some (x, count, &value);                                                                                                \
    load_some (dy, count, &gradient);                                                                                            \
    name##_slope (&value, &slope);                                                                                               \
    gradient *= slope;                                                                                                           \
    put_some (dx, count, &gradient, adds);                                                                                       \
  }                                                                                                                              \
                                                                                                                                 \
  TN_KERNEL_INLINE void name##_gradient_body (const float *x, const float *dy, float *dx, gsize n, gboolean adds)                \
  {                                                                                                                              \
    gsize i = 0;                                                                                                                 \
                                                                                                                                 \
    for (; i + TN_PIECE <= n; i += TN_PIECE)                                                                                     \
      name##_gradient_step (x + i, dy + i, dx + i, TN_PIECE, adds);                                                              \
    if (i < n)                                                                                                                   \
      name##_gradient_step (x + i, dy + i, dx + i, n - i, adds);                                                                 \
  }                                                                                                                              \
                                                                                                                                 \
  void name##_gradient (const float *x, const float *dy, float *dx, gsize n, gboolean adds);                                     \
  TN_KERNEL_DEFINE (name##_gradient, (const float *x, const float *dy, float *dx, gsize n, gboolean adds), (x, dy, dx, n, adds))

DEFINE_ACTIVATION (tn_relu)
DEFINE_ACTIVATION (tn_relu2)
DEFINE_ACTIVATION (tn_silu)
DEFINE_ACTIVATION (tn_gelu)
DEFINE_ACTIVATION (tn_gelu_tanh)

void
tn_activate (TnActivate activate, const float *x, float *y, gsize n)
{
  static void (*const funcs[TN_N_ACTIVATES]) (const float *, float *, gsize) = {tn_relu, tn_relu2, tn_silu, tn_gelu,
                                                                                tn_gelu_tanh};

  funcs[activate](x, y, n);
}

void
tn_activate_gradient (TnActivate activate, const float *x, const float *dy, float *dx, gsize n, gboolean adds)
{
  static void (*const funcs[TN_N_ACTIVATES]) (const float *, const float *, float *, gsize,
                                              gboolean) = {tn_relu_gradient, tn_relu2_gradient, tn_silu_gradient,
                                                           tn_gelu_gradient, tn_gelu_tanh_gradient};

  funcs[activate](x, dy, dx, n, adds);
}

TN_KERNEL_INLINE void
silu_value_and_slope (const TnFloats *x, TnFloats *value, TnFloats *slope)
{
  tn_silu_slope_lanes (x, value, slope);
}

TN_KERNEL_INLINE void
relu2_value_and_slope (const TnFloats *x, TnFloats *value, TnFloats *slope)
{
  *value = *x;
  tn_relu_lanes (value);
  *slope = *value + *value;
  *value *= *value;
}

#define DEFINE_GATE(name, value_and_slope)                                                                                       \
  TN_KERNEL_INLINE void name##_step (const TnGateGradient *gradient, gsize i, gsize count)                                       \
  {                                                                                                                              \
    TnFloats gate, up, dy, value, slope;                                                                                         \
                                                                                                                                 \
    load_some (gradient->gate + i, count, &gate);                                                                                \
    load_some (gradient->up + i, count, &up);                                                                                    \
    load_some (gradient->dy + i, count, &dy);                                                                                    \
    value_and_slope (&gate, &value, &slope);                                                                                     \
    slope *= dy * up;                                                                                                            \
    value *= dy;                                                                                                                 \
    if (gradient->dgate != NULL)                                                                                                 \
      put_some (gradient->dgate + i, count, &slope, gradient->gate_adds);                                                        \
    if (gradient->dup != NULL)                                                                                                   \
      put_some (gradient->dup + i, count, &value, gradient->up_adds);                                                            \
  }                                                                                                                              \
                                                                                                                                 \
  TN_KERNEL_INLINE void name##_body (const TnGateGradient *gradient, gsize n)                                                    \
  {                                                                                                                              \
    gsize i = 0;                                                                                                                 \
                                                                                                                                 \
    for (; i + TN_PIECE <= n; i += TN_PIECE)                                                                                     \
      name##_step (gradient, i, TN_PIECE);                                                                                       \
    if (i < n)                                                                                                                   \
      name##_step (gradient, i, n - i);                                                                                          \
  }                                                                                                                              \
                                                                                                                                 \
  TN_KERNEL_DEFINE (name, (const TnGateGradient *gradient, gsize n), (gradient, n))

DEFINE_GATE (tn_silu_gate_gradient, silu_value_and_slope)
DEFINE_GATE (tn_relu2_gate_gradient, relu2_value_and_slope)
