/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/transformer.h"

#include <math.h>

#include "engine/kernels/exponential.h"

#define LANES 8

/* Clones compute the same bits (no contraction, lanes fixed): only speed differs. */
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__ ((target_clones ("arch=x86-64-v4", "avx2", "default")))
#else
#define CLONES
#endif

static inline double
add_lanes (const double *lanes)
{
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

CLONES void
tn_kernel_rms_norm (const float *x, const float *gain, gsize n, double epsilon, float *y)
{
  double lanes[LANES] = { 0.0 };
  gsize whole = n - n % LANES;
  float scale;

  for (gsize i = 0; i < whole; i += LANES)
    for (guint lane = 0; lane < LANES; lane++)
      lanes[lane] += (double) x[i + lane] * (double) x[i + lane];
  for (gsize i = whole; i < n; i++)
    lanes[i - whole] += (double) x[i] * (double) x[i];
  scale = (float) (1.0 / sqrt (add_lanes (lanes) / (double) n + epsilon));
  for (gsize i = 0; i < n; i++)
    y[i] = x[i] * scale * gain[i];
}

CLONES void
tn_kernel_add (float *y, const float *x, gsize n)
{
  for (gsize i = 0; i < n; i++)
    y[i] += x[i];
}

CLONES void
tn_kernel_silu_gate (float *gate, const float *up, gsize n)
{
  for (gsize i = 0; i < n; i++)
    gate[i] = gate[i] / (1.0f + tn_exponential (-gate[i])) * up[i];
}

CLONES void
tn_kernel_relu2_gate (float *gate, const float *up, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      float positive = gate[i] > 0.0f ? gate[i] : 0.0f;

      gate[i] = positive * positive * up[i];
    }
}

static inline float
row_max (const float *x, gsize n)
{
  float max = x[0];

  for (gsize i = 1; i < n; i++)
    max = x[i] > max ? x[i] : max;
  return max;
}

CLONES void
tn_kernel_softmax (float *x, gsize n, float scale)
{
  double lanes[LANES] = { 0.0 };
  gsize whole = n - n % LANES;
  float max = row_max (x, n) * scale;
  float inverse;

  for (gsize i = 0; i < n; i++)
    x[i] = tn_exponential (x[i] * scale - max);
  for (gsize i = 0; i < whole; i += LANES)
    for (guint lane = 0; lane < LANES; lane++)
      lanes[lane] += (double) x[i + lane];
  for (gsize i = whole; i < n; i++)
    lanes[i - whole] += (double) x[i];
  inverse = (float) (1.0 / add_lanes (lanes));
  for (gsize i = 0; i < n; i++)
    x[i] *= inverse;
}

void
tn_kernel_rope (float *x, guint n_heads, guint head_dim, guint rope_dim, const float *cosine, const float *sine, gboolean interleaved)
{
  guint half = rope_dim / 2;

  for (guint head = 0; head < n_heads; head++, x += head_dim)
    for (guint i = 0; i < half; i++)
      {
        float *a = interleaved ? &x[2 * i] : &x[i];
        float *b = interleaved ? &x[2 * i + 1] : &x[i + half];
        float first = *a, second = *b;

        *a = first * cosine[i] - second * sine[i];
        *b = first * sine[i] + second * cosine[i];
      }
}

void
tn_kernel_log_sum_exp_start (TnLogSumExp *self)
{
  *self = (TnLogSumExp) { .max = -INFINITY, .best = -INFINITY, .best_index = -1 };
}

CLONES void
tn_kernel_log_sum_exp_add (TnLogSumExp *self, const float *logits, gsize n, gint32 first)
{
  double lanes[LANES] = { 0.0 };
  gsize whole = n - n % LANES;
  float max;

  if (n == 0)
    return;
  max = row_max (logits, n);
  if (max > self->best || self->best_index < 0)
    {
      gsize i = 0;

      while (i + 1 < n && !(logits[i] == max))
        i++;
      self->best = max;
      self->best_index = first + (gint32) i;
    }
  if ((double) max > self->max)
    {
      self->sum *= exp (self->max - (double) max);
      self->max = (double) max;
    }
  max = (float) self->max;
  for (gsize i = 0; i < whole; i += LANES)
    for (guint lane = 0; lane < LANES; lane++)
      lanes[lane] += (double) tn_exponential (logits[i + lane] - max);
  for (gsize i = whole; i < n; i++)
    lanes[i - whole] += (double) tn_exponential (logits[i] - max);
  self->sum += add_lanes (lanes);
}
