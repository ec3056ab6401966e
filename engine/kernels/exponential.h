/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* e^x for float32: reduction to [-ln 2 / 2, ln 2 / 2] and a polynomial of degree 6 (Cephes, expf); relative error below 2e-7; 0 below -87.3,
 * clamped to the largest float above 88.7. Plain arithmetic, so loops over it vectorise and give the same bits on every CPU. */
static inline float
tn_exponential (float x)
{
  /* Adding and taking off 1.5 * 2^23 rounds to the nearest whole number. */
  const float magic = 12582912.0f;
  float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
  float n = (clamped * 1.44269504f + magic) - magic;
  float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  gint32 bits;
  float scale;

  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  /* Half the exponent twice: n = 128 alone would not fit. */
  bits = ((gint32) n / 2 + 127) << 23;
  memcpy (&scale, &bits, sizeof scale);
  p *= scale;
  bits = ((gint32) n - (gint32) n / 2 + 127) << 23;
  memcpy (&scale, &bits, sizeof scale);
  p *= scale;
  return x < -87.3f ? 0.0f : p;
}

G_END_DECLS
