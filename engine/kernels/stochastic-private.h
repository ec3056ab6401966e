/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Random numbers of kernels that round at random: the seed of a row. */
static inline guint32
tn_stochastic_seed (guint64 key, guint64 row)
{
  guint64 z = key + (row + 1) * 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (guint32) (z ^ (z >> 31));
}

/* A permutation of 32 bits whose outcomes look independent: Chris Wellons' lowbias32. */
static inline __attribute__ ((always_inline)) guint32
tn_stochastic_bits (guint32 seed, guint32 i)
{
  guint32 h = seed + i * 0x9e3779b9u;

  h = (h ^ (h >> 16)) * 0x7feb352du;
  h = (h ^ (h >> 15)) * 0x846ca68bu;
  return h ^ (h >> 16);
}

/* Uniform in [0, 1): 24 bits. */
static inline __attribute__ ((always_inline)) float
tn_stochastic_uniform (guint32 seed, guint32 i)
{
  return (float) (gint32) (tn_stochastic_bits (seed, i) >> 8) * 0x1p-24f;
}

/* One row; what engine/kernels/stochastic-rows.h says. */
void tn_stochastic_row (const float *x, const float *factors, gsize width, guint32 seed, gint8 *codes, float *scale, gint32 *sum);

G_END_DECLS
