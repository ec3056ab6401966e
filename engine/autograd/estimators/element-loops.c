/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/estimators/quantizer-unit.h"
#include "engine/kernels/variant.h"

/* Elements whose sums are made in pairs. */
#define PIECE 256

#define REAL float
#define NAME(x) x##_float
#define ROUNDER 0x1.8p23f
#define TANH tanhf
#define TANH_FLOOR floorf
#include "engine/autograd/estimators/element-loops.h"
#undef REAL
#undef NAME
#undef ROUNDER
#undef TANH
#undef TANH_FLOOR

#define REAL double
#define NAME(x) x##_double
#define ROUNDER 0x1.8p52
#define TANH tanh
#define TANH_FLOOR floor
#include "engine/autograd/estimators/element-loops.h"

#define tn_elements_forward_f32_body forward_all_float
#define tn_elements_backward_f32_body backward_all_float

TN_KERNEL_DEFINE (tn_elements_forward_f32,
                  (TnElementRule rule, const TnQuantizerUnit *unit, float lambda, const float *x, gsize n, float *y),
                  (rule, unit, lambda, x, n, y))
TN_KERNEL_DEFINE (tn_elements_backward_f32,
                  (TnElementRule rule, const TnQuantizerUnit *unit, float lambda, const float *x, const float *g, gsize n,
                   float *dx, gboolean adds, double sums[2]),
                  (rule, unit, lambda, x, g, n, dx, adds, sums))

void
tn_elements_forward_f64 (TnElementRule rule, const TnQuantizerUnit *unit, double lambda, const double *x, gsize n, double *y)
{
  forward_all_double (rule, unit, lambda, x, n, y);
}

void
tn_elements_backward_f64 (TnElementRule rule, const TnQuantizerUnit *unit, double lambda, const double *x, const double *g,
                          gsize n, double *dx, gboolean adds, double sums[2])
{
  backward_all_double (rule, unit, lambda, x, g, n, dx, adds, sums);
}
