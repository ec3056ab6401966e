/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/rounding.h"

#include "engine/quant/order-statistic.h"
#include "engine/tensor/lanes.h"
#include "engine/tensor/scan.h"

/* Below this, BitNet b1.58 takes a matrix for zero. */
#define TERNARY_SCALE_FLOOR 1e-5
#define TWN_THRESHOLD 0.7

static inline float
round_half_even (float x)
{
  return (x + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
}

TnRounding
tn_rounding_from_range (const TnScheme *scheme, float min, float max)
{
  TnRounding self = {.integer = TRUE};

  if (min <= max && scheme->asymmetric)
    {
      gint levels = (1 << scheme->bits) - 1;
      double low = MIN ((double) min, 0.0), high = MAX ((double) max, 0.0);
      float scale = (float) ((high - low) / levels);
      float zero_point = scale > 0.0f ? (float) CLAMP (nearbyint (-low / (double) scale), 0.0, levels) : 0.0f;

      self.scale = scale;
      self.low = -zero_point;
      self.high = (float) levels - zero_point;
    }
  else if (min <= max)
    {
      float largest = (float) ((1 << (scheme->bits - 1)) - 1);

      self.scale = MAX (fabsf (min), fabsf (max)) / largest;
      self.low = -largest;
      self.high = largest;
    }
  if (!(self.scale > 0.0f))
    /* Everything is zero: code 0 of any scale. */
    self = (TnRounding){.integer = TRUE, .scale = 1.0f};
  /* Division and rounding are monotonic: what holds for the extremes holds for all. */
  self.clips = !(round_half_even (min / self.scale) >= self.low && round_half_even (max / self.scale) <= self.high);
  return self;
}

TnRounding
tn_rounding_from_absmean (const TnScheme *scheme, double absmean)
{
  TnRounding self = {0};

  if (scheme->kind == TN_SCHEME_BINARY)
    {
      self.threshold = -1.0f;
      self.scale = (float) absmean;
    }
  else if (scheme->rule == TN_RULE_TWN)
    self.threshold = (float) (TWN_THRESHOLD * absmean);
  else
    {
      self.scale = (float) MAX (absmean, TERNARY_SCALE_FLOOR);
      /* round (x / scale) is 0 for a half: the same as this comparison, to the bit. */
      self.threshold = self.scale * 0.5f;
    }
  return self;
}

TnRounding
tn_rounding_from_absmedian (float absmedian)
{
  float scale = MAX (absmedian, (float) TERNARY_SCALE_FLOOR);

  return (TnRounding){.scale = scale, .threshold = scale * 0.5f};
}

gboolean
tn_scheme_needs_level (const TnScheme *scheme)
{
  return scheme->kind == TN_SCHEME_TERNARY && (scheme->rule == TN_RULE_LEAST_SQUARES || scheme->rule == TN_RULE_TWN);
}

void
tn_rounding_set_level (TnRounding *self, double abs_sum, guint64 n)
{
  self->scale = n > 0 ? (float) (abs_sum / (double) n) : 0.0f;
}

TnRounding
tn_rounding_find (const TnScheme *scheme, const float *x, gsize n)
{
  TnRounding self;
  guint64 count;
  double abs_sum;

  if (scheme->kind == TN_SCHEME_INTEGER)
    {
      float min, max;

      tn_scan_range (x, n, &min, &max);
      return tn_rounding_from_range (scheme, min, max);
    }
  if (scheme->kind == TN_SCHEME_TERNARY && scheme->rule == TN_RULE_ABSMEDIAN)
    return tn_rounding_from_absmedian (tn_absmedian (x, n));

  abs_sum = tn_scan_abs_sum (x, n, &count);
  self = tn_rounding_from_absmean (scheme, count > 0 ? abs_sum / (double) count : 0.0);
  if (tn_scheme_needs_level (scheme))
    {
      abs_sum = tn_scan_abs_above (x, n, self.threshold, &count);
      tn_rounding_set_level (&self, abs_sum, count);
    }
  return self;
}

/* Sums of one rounded vector, held in lanes. */
#define DECLARE_SUMS()                                                                                                           \
  TnDouble4 error_low = {0}, error_high = {0};                                                                                   \
  TnDouble4 product_low = {0}, product_high = {0};                                                                               \
  TnDouble4 rounded_low = {0}, rounded_high = {0};                                                                               \
  TnInt8 zero_count = {0}

#define ADD_HALF(half, HALF)                                                                                                     \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    TnDouble4 wide_value = TN_LANES_##HALF (value);                                                                              \
    TnDouble4 wide_rounded = TN_LANES_##HALF (rounded);                                                                          \
    TnDouble4 wide_error = wide_value - wide_rounded;                                                                            \
                                                                                                                                 \
    error_##half += wide_error * wide_error;                                                                                     \
    product_##half += wide_value * wide_rounded;                                                                                 \
    rounded_##half += wide_rounded * wide_rounded;                                                                               \
  }                                                                                                                              \
  G_STMT_END

#define STORE_SUMS(sums)                                                                                                         \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    (sums)->error_square += TN_LANES_SUM (error_low, error_high);                                                                \
    (sums)->product += TN_LANES_SUM (product_low, product_high);                                                                 \
    (sums)->rounded_square += TN_LANES_SUM (rounded_low, rounded_high);                                                          \
    for (guint lane = 0; lane < TN_LANES; lane++)                                                                                \
      (sums)->zeros += (guint32) zero_count[lane];                                                                               \
  }                                                                                                                              \
  G_STMT_END

TN_LANES_INLINE void
measure_integer (const TnRounding *unit, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums)
{
  DECLARE_SUMS ();

  for (gsize start = 0; start < n; start += unit_length, unit++)
    {
      const float *y = x + start;
      gsize length = MIN (unit_length, n - start);
      TnFloat8 scale = (TnFloat8){0} + unit->scale;
      TnFloat8 low = (TnFloat8){0} + unit->low;
      TnFloat8 high = (TnFloat8){0} + unit->high;

      for (gsize i = 0; i < length; i += TN_LANES)
        {
          TN_LANES_LOAD (value, y, i, length);
          TnInt8 finite = TN_LANES_FINITE (value);
          TnFloat8 code, rounded;

          value = (TnFloat8) ((TnInt8) value & finite);
          code = (value / scale + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
          if (unit->clips)
            {
              code = TN_LANES_SELECT (code < low, low, code);
              code = TN_LANES_SELECT (code > high, high, code);
            }
          rounded = code * scale;
          TN_LANES_ADD_COUNT (zero_count, (code == 0.0f) & finite);
          ADD_HALF (low, LOW);
          ADD_HALF (high, HIGH);
        }
    }
  STORE_SUMS (sums);
}

TN_LANES_INLINE void
measure_levels (const TnRounding *unit, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums)
{
  DECLARE_SUMS ();

  for (gsize start = 0; start < n; start += unit_length, unit++)
    {
      const float *y = x + start;
      gsize length = MIN (unit_length, n - start);
      TnFloat8 scale = (TnFloat8){0} + unit->scale;
      TnFloat8 threshold = (TnFloat8){0} + unit->threshold;

      for (gsize i = 0; i < length; i += TN_LANES)
        {
          TN_LANES_LOAD (value, y, i, length);
          TnInt8 finite = TN_LANES_FINITE (value);
          TnInt8 taken = finite & (TN_LANES_ABS (value) > threshold);
          TnInt8 sign = (TnInt8) value & (gint32) 0x80000000;
          TnFloat8 rounded = (TnFloat8) (((TnInt8) scale | sign) & taken);

          value = (TnFloat8) ((TnInt8) value & finite);
          TN_LANES_ADD_COUNT (zero_count, finite & ~taken);
          ADD_HALF (low, LOW);
          ADD_HALF (high, HIGH);
        }
    }
  STORE_SUMS (sums);
}

#if TN_LANES_X86
TN_LANES_AVX2 static void
measure_integer_avx2 (const TnRounding *units, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums)
{
  measure_integer (units, unit_length, x, n, sums);
}

TN_LANES_AVX2 static void
measure_levels_avx2 (const TnRounding *units, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums)
{
  measure_levels (units, unit_length, x, n, sums);
}
#else
#define measure_integer_avx2 measure_integer
#define measure_levels_avx2 measure_levels
#endif

void
tn_rounding_measure (const TnRounding *units, gsize unit_length, const float *x, gsize n, TnRoundingSums *sums)
{
  if (n == 0)
    return;
  if (units->integer && tn_lanes_have_avx2 ())
    measure_integer_avx2 (units, unit_length, x, n, sums);
  else if (units->integer)
    measure_integer (units, unit_length, x, n, sums);
  else if (tn_lanes_have_avx2 ())
    measure_levels_avx2 (units, unit_length, x, n, sums);
  else
    measure_levels (units, unit_length, x, n, sums);
}
