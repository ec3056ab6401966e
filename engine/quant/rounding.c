/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/rounding.h"

#include <float.h>

#include "engine/quant/lloyd-max.h"
#include "engine/quant/order-statistic.h"
#include "engine/quant/parameters.h"
#include "engine/tensor/lanes.h"
#include "engine/tensor/scan.h"

/* Below this, BitNet b1.58 takes a matrix for zero. */
#define TERNARY_SCALE_FLOOR 1e-5
#define TWN_THRESHOLD 0.7
#define LARGEST_HALF 65504.0f
/* 32-bit lane counters are emptied after this many elements. */
#define COUNT_CHUNK ((gsize) 1 << 30)

static inline float
round_half_even (float x)
{
  return (x + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
}

/* The scale as it is stored. */
static float
store_scale (TnRounding *self, const TnScheme *scheme, float scale)
{
  float stored;

  if (tn_scheme_get_scale_type (scheme) == TN_SCALE_F32)
    return scale;
  stored = tn_f16_to_f32 (tn_f32_to_f16 (scale));
  self->overflow = isinf (stored) ? scale : 0.0f;
  return isinf (stored) ? LARGEST_HALF : stored;
}

/* No code of a symmetric scheme stands for infinity: of the largest floats the scale may round a step too high for that. */
static float
keep_finite (float scale, float largest_code)
{
  float most = FLT_MAX / largest_code;

  return MIN (scale, isinf (most * largest_code) ? nextafterf (most, 0.0f) : most);
}

/* A level of 0 stands for nothing: no element gets it. */
static float
get_threshold (float level, float threshold)
{
  return level > 0.0f ? threshold : INFINITY;
}

TnRounding
tn_rounding_from_range (const TnScheme *scheme, float min, float max)
{
  TnRounding self = {.integer = TRUE};

  if (min <= max && scheme->asymmetric)
    {
      gint levels = (1 << scheme->bits) - 1;
      double low = MIN ((double) min, 0.0), high = MAX ((double) max, 0.0);
      float scale = store_scale (&self, scheme, (float) ((high - low) / levels));
      float zero_point = scale > 0.0f ? (float) CLAMP (nearbyint (-low / (double) scale), 0.0, levels) : 0.0f;

      self.scale = scale;
      self.low = -zero_point;
      self.high = (float) levels - zero_point;
    }
  else if (min <= max)
    {
      float largest = (float) ((1 << (scheme->bits - 1)) - 1);

      self.scale = keep_finite (store_scale (&self, scheme, MAX (fabsf (min), fabsf (max)) / largest), largest);
      self.low = -largest;
      self.high = largest;
    }
  if (!(self.scale > 0.0f))
    /* Everything is zero, or as good as that: code 0 of any scale. */
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
      self.scale = store_scale (&self, scheme, (float) absmean);
    }
  else if (scheme->rule == TN_RULE_TWN)
    self.threshold = (float) (TWN_THRESHOLD * absmean);
  else if (scheme->rule == TN_RULE_LEAST_SQUARES)
    self.threshold = (float) MAX (absmean, TERNARY_SCALE_FLOOR) * 0.5f;
  else
    /* round (x / scale) is 0 for a half: the same as this comparison, to the bit. */
    self = tn_rounding_from_level (scheme, MAX (absmean, TERNARY_SCALE_FLOOR));
  return self;
}

TnRounding
tn_rounding_from_absmedian (const TnScheme *scheme, float absmedian)
{
  return tn_rounding_from_level (scheme, MAX ((double) absmedian, TERNARY_SCALE_FLOOR));
}

TnRounding
tn_rounding_from_level (const TnScheme *scheme, double level)
{
  TnRounding self = {0};

  self.scale = store_scale (&self, scheme, (float) level);
  self.threshold = get_threshold (self.scale, self.scale * 0.5f);
  return self;
}

TnRounding
tn_rounding_from_scale (const TnScheme *scheme, double scale, gint32 zero_point)
{
  TnRounding self = {.integer = TRUE, .clips = TRUE};
  gint32 last;

  if (scheme->kind != TN_SCHEME_INTEGER)
    return tn_rounding_from_level (scheme, scale);
  last = (1 << (scheme->bits - (scheme->asymmetric ? 0 : 1))) - 1;
  self.scale = store_scale (&self, scheme, (float) scale);
  if (!(self.scale > 0.0f))
    return (TnRounding){.integer = TRUE, .scale = 1.0f, .clips = TRUE};
  self.low = (float) (scheme->asymmetric ? -zero_point : -last);
  self.high = (float) (scheme->asymmetric ? last - zero_point : last);
  if (!scheme->asymmetric)
    self.scale = keep_finite (self.scale, self.high);
  return self;
}

gboolean
tn_scheme_needs_level (const TnScheme *scheme)
{
  return scheme->kind == TN_SCHEME_TERNARY && !tn_scheme_is_searched (scheme) &&
         (scheme->rule == TN_RULE_LEAST_SQUARES || scheme->rule == TN_RULE_TWN);
}

void
tn_rounding_set_level (TnRounding *self, const TnScheme *scheme, double abs_sum, guint64 n)
{
  self->scale = n > 0 ? store_scale (self, scheme, (float) (abs_sum / (double) n)) : 0.0f;
  self->threshold = get_threshold (self->scale, self->threshold);
}

TnRounding
tn_rounding_find (const TnScheme *scheme, const float *x, gsize n)
{
  TnRounding self;
  guint64 count;
  double abs_sum;

  if (tn_scheme_is_searched (scheme))
    return tn_rounding_search (scheme, x, n);
  if (scheme->kind == TN_SCHEME_INTEGER)
    {
      float min, max;

      tn_scan_range (x, n, &min, &max);
      return tn_rounding_from_range (scheme, min, max);
    }
  if (scheme->kind == TN_SCHEME_TERNARY && scheme->rule == TN_RULE_ABSMEDIAN)
    return tn_rounding_from_absmedian (scheme, tn_absmedian (x, n));
  if (scheme->kind == TN_SCHEME_TERNARY && scheme->rule == TN_RULE_LLOYD)
    return tn_rounding_from_level (scheme, tn_lloyd_max_level (x, n));

  abs_sum = tn_scan_abs_sum (x, n, &count);
  self = tn_rounding_from_absmean (scheme, count > 0 ? abs_sum / (double) count : 0.0);
  if (tn_scheme_needs_level (scheme))
    {
      abs_sum = tn_scan_abs_above (x, n, self.threshold, &count);
      tn_rounding_set_level (&self, scheme, abs_sum, count);
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

TN_LANES_INLINE void
round_values (const TnRounding *self, const float *x, gsize n, float *out)
{
  TnFloat8 scale = (TnFloat8){0} + self->scale;
  TnFloat8 low = (TnFloat8){0} + self->low, high = (TnFloat8){0} + self->high;
  TnFloat8 threshold = (TnFloat8){0} + self->threshold;

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (value, x, i, n);
      TnInt8 finite = TN_LANES_FINITE (value);
      TnFloat8 rounded;

      if (self->integer)
        {
          rounded = (value / scale + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
          rounded = TN_LANES_SELECT (rounded < low, low, rounded);
          rounded = TN_LANES_SELECT (rounded > high, high, rounded) * scale;
        }
      else
        {
          TnInt8 taken = TN_LANES_ABS (value) > threshold;
          TnInt8 negative = (value < 0.0f) & (gint32) 0x80000000;

          rounded = (TnFloat8) (((TnInt8) scale | negative) & taken);
        }
      value = TN_LANES_SELECT (finite, rounded, value);
      memcpy (out + i, &value, MIN (n - i, TN_LANES) * sizeof (float));
    }
}

TN_LANES_INLINE gsize
encode_values (const TnRounding *self, const float *x, gsize n, gint16 *codes)
{
  typedef gint16 Short8 __attribute__ ((vector_size (16)));
  TnFloat8 scale = (TnFloat8){0} + self->scale;
  TnFloat8 low = (TnFloat8){0} + self->low, high = (TnFloat8){0} + self->high;
  TnFloat8 threshold = (TnFloat8){0} + self->threshold;
  gsize lost = 0;

  for (gsize start = 0; start < n; start += COUNT_CHUNK)
    {
      gsize end = MIN (n - start, COUNT_CHUNK);
      const float *y = x + start;
      TnInt8 finite_count = {0};

      for (gsize i = 0; i < end; i += TN_LANES)
        {
          TN_LANES_LOAD (value, y, i, end);
          TnInt8 finite = TN_LANES_FINITE (value);
          TnInt8 code;
          Short8 narrow;

          TN_LANES_ADD_COUNT (finite_count, finite);
          value = (TnFloat8) ((TnInt8) value & finite);
          if (self->integer)
            {
              value = (value / scale + TN_ROUNDING_MAGIC) - TN_ROUNDING_MAGIC;
              value = TN_LANES_SELECT (value < low, low, value);
              value = TN_LANES_SELECT (value > high, high, value);
              code = __builtin_convertvector(value, TnInt8);
            }
          else
            code = ((value < 0.0f) | 1) & (TN_LANES_ABS (value) > threshold);
          narrow = __builtin_convertvector(code & finite, Short8);
          memcpy (codes + start + i, &narrow, MIN (end - i, TN_LANES) * sizeof (gint16));
        }
      lost += end;
      for (guint lane = 0; lane < TN_LANES; lane++)
        lost -= (guint32) finite_count[lane];
    }
  return lost;
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

TN_LANES_AVX2 static void
round_values_avx2 (const TnRounding *self, const float *x, gsize n, float *out)
{
  round_values (self, x, n, out);
}

TN_LANES_AVX2 static gsize
encode_values_avx2 (const TnRounding *self, const float *x, gsize n, gint16 *codes)
{
  return encode_values (self, x, n, codes);
}
#else
#define measure_integer_avx2 measure_integer
#define measure_levels_avx2 measure_levels
#define round_values_avx2 round_values
#define encode_values_avx2 encode_values
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

void
tn_rounding_round (const TnRounding *self, const float *x, gsize n, float *out)
{
  if (tn_lanes_have_avx2 ())
    round_values_avx2 (self, x, n, out);
  else
    round_values (self, x, n, out);
}

gsize
tn_rounding_encode (const TnRounding *self, const float *x, gsize n, gint16 *codes)
{
  return tn_lanes_have_avx2 () ? encode_values_avx2 (self, x, n, codes) : encode_values (self, x, n, codes);
}
