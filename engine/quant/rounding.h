/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* How the elements that share a scale are rounded.
 * Integer schemes: scale * clip (round (x / scale), low, high), round half to even.
 * Ternary and binary: |x| > threshold ? sign (x) * scale : 0; binary has the threshold -1, and sign (0) = +1. */
typedef struct
{
  gboolean integer;
  float    scale;
  float    low, high;
  gboolean clips; /* FALSE: low and high are known to bound the codes of all elements by themselves */
  float    threshold;
  float    overflow; /* the scale that is beyond what is stored, and 65504 in its place (TN_SCALE_F16); else 0 */
} TnRounding;

/* Sums over the finite elements of what rounding does to them. */
typedef struct
{
  guint64 zeros;          /* codes that stand for 0 */
  double  error_square;   /* sum of (x - rounded)^2 */
  double  product;        /* sum of x * rounded */
  double  rounded_square; /* sum of rounded^2 */
} TnRoundingSums;

/* Parameters from statistics of the finite elements; min > max: there is none. Scales are rounded to the scheme's type first, and
 * codes follow from what is stored. An fp16 scale below 2^-25 becomes 0, and all codes with it: the error that is measured has it. */
TnRounding tn_rounding_from_range   (const TnScheme *scheme, float min, float max);
/* Binary and ternary. Least squares and TWN lack their scale yet: tn_rounding_set_level(). */
TnRounding tn_rounding_from_absmean (const TnScheme *scheme, double absmean);
TnRounding tn_rounding_from_absmedian (const TnScheme *scheme, float absmedian);
/* Ternary Lloyd-Max: every element goes to the nearest of the levels. */
TnRounding tn_rounding_from_level   (const TnScheme *scheme, double level);
gboolean   tn_scheme_needs_level    (const TnScheme *scheme);
/* The level nearest to the elements above the threshold: their mean magnitude. */
void       tn_rounding_set_level    (TnRounding *self, const TnScheme *scheme, double abs_sum, guint64 n);
/* A scale that was searched (engine/quant/parameters.h); ternary: a level with its threshold at the half of it. 0: everything is zero. */
TnRounding tn_rounding_from_scale   (const TnScheme *scheme, double scale, gint32 zero_point);
/* All of it for n elements at hand. */
TnRounding tn_rounding_find         (const TnScheme *scheme, const float *x, gsize n);

/* Element i is rounded by units[i / unit_length]; all units come from one scheme. n < 2^31. Adds to sums. */
void       tn_rounding_measure      (const TnRounding *units, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums);
/* tn_rounding_apply() to n elements; out may be x. */
void       tn_rounding_round        (const TnRounding *self, const float *x, gsize n, float *out);
/* Their codes, counted from the zero point: rounded = code * scale, to the bit. An element that is not finite has code 0; returns how many
 * there are. */
gsize      tn_rounding_encode       (const TnRounding *self, const float *x, gsize n, gint16 *codes);

/* Adding and subtracting 1.5 * 2^23 rounds to an integer, half to even, below 2^22. */
#define TN_ROUNDING_MAGIC 0x1.8p23f

/* An element that is not finite stays as it is. */
static inline float
tn_rounding_apply (const TnRounding *self, float x)
{
  float code;

  if (!isfinite (x))
    return x;
  if (!self->integer)
    return fabsf (x) > self->threshold ? (x < 0.0f ? -self->scale : self->scale) : 0.0f;
  code = (x / self->scale + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
  return CLAMP (code, self->low, self->high) * self->scale;
}

G_END_DECLS
