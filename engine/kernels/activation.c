/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/activation.h"

#include "engine/kernels/activation-lanes.h"

/* gate = activation (gate) * up. */
#define DEFINE_BODY(name, activation)                                                                                            \
  TN_KERNEL_INLINE void name##_body (float *gate, const float *up, gsize n)                                                      \
  {                                                                                                                              \
    float gate_tail[TN_PIECE] = {0}, up_tail[TN_PIECE] = {0};                                                                    \
    TnFloats value, factor;                                                                                                      \
    gsize i = 0;                                                                                                                 \
    for (; i + TN_PIECE <= n; i += TN_PIECE)                                                                                     \
      {                                                                                                                          \
        tn_load (gate + i, &value);                                                                                              \
        tn_load (up + i, &factor);                                                                                               \
        activation (&value);                                                                                                     \
        value *= factor;                                                                                                         \
        tn_store (gate + i, &value);                                                                                             \
      }                                                                                                                          \
    if (i < n)                                                                                                                   \
      {                                                                                                                          \
        memcpy (gate_tail, gate + i, (n - i) * sizeof (float));                                                                  \
        memcpy (up_tail, up + i, (n - i) * sizeof (float));                                                                      \
        tn_load (gate_tail, &value);                                                                                             \
        tn_load (up_tail, &factor);                                                                                              \
        activation (&value);                                                                                                     \
        value *= factor;                                                                                                         \
        tn_store (gate_tail, &value);                                                                                            \
        memcpy (gate + i, gate_tail, (n - i) * sizeof (float));                                                                  \
      }                                                                                                                          \
  }

DEFINE_BODY (tn_silu_multiply, tn_silu_lanes)
DEFINE_BODY (tn_relu2_multiply, tn_relu2_lanes)

TN_KERNEL_DEFINE (tn_silu_multiply, (float *gate, const float *up, gsize n), (gate, up, n))
TN_KERNEL_DEFINE (tn_relu2_multiply, (float *gate, const float *up, gsize n), (gate, up, n))
