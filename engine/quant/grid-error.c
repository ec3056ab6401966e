/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/grid-error.h"

#include <math.h>

#include "engine/tensor/lanes.h"

/* 1.5 * 2^52: adding and subtracting it rounds a double to an integer, half to even. */
#define MAGIC 0x1.8p52
/* Values, for each code, up to which going through all of them is faster than looking for the borders of the codes. */
#define DIRECT_VALUES_A_CODE 6

TnGrid
tn_grid_of_scheme (const TnScheme *scheme)
{
  if (scheme->kind != TN_SCHEME_INTEGER)
    return (TnGrid){.n_codes = 1};
  return (TnGrid){
      .asymmetric = scheme->asymmetric,
      .n_codes = scheme->asymmetric ? (1 << scheme->bits) - 1 : (1 << (scheme->bits - 1)) - 1,
  };
}

void
tn_grid_get_range (const TnGrid *self, gint32 zero_point, double *first, double *last)
{
  *first = self->asymmetric ? -(double) zero_point : -(double) self->n_codes;
  *last = self->asymmetric ? (double) (self->n_codes - zero_point) : (double) self->n_codes;
}

double
tn_grid_get_clip (const TnGrid *self, const TnGridScale *scale)
{
  double first, last;

  tn_grid_get_range (self, scale->zero_point, &first, &last);
  return MAX (-first, last) * scale->scale;
}

void
tn_grid_fit (const TnGrid *self, double min, double max, TnGridScale *scale)
{
  min = MIN (min, 0.0);
  max = MAX (max, 0.0);
  scale->zero_point = 0;
  if (!self->asymmetric)
    {
      scale->scale = MAX (max, -min) / self->n_codes;
      return;
    }
  scale->scale = (max - min) / self->n_codes;
  if (scale->scale > 0.0)
    scale->zero_point = (gint32) CLAMP (rint (-min / scale->scale), 0.0, (double) self->n_codes);
}

static inline double
round_half_even (double x)
{
  return (x + MAGIC) - MAGIC;
}

/* Sums of the values that have a code: of code * x and of code^2. The error is then sum x^2 - 2 scale cross + scale^2 squares. */
typedef struct
{
  double cross, squares;
} CodeSums;

/* Pieces, or parts of one, up to a place. */
typedef struct
{
  gsize piece; /* the first that is not below as a whole */
  double count, sum;
} Cut;

static Cut
cut_at (const TnDistribution *values, double place, gsize from)
{
  gsize low = from, high = values->n;
  Cut cut;

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (values->high[middle] <= place)
        low = middle + 1;
      else
        high = middle;
    }
  cut = (Cut){low, values->count[low], values->sum[low]};
  if (low < values->n && values->low[low] < place)
    {
      double width = values->high[low] - values->low[low];
      double part = tn_distribution_weight (values, low) * ((place - values->low[low]) / width);

      cut.count += part;
      cut.sum += part * (0.5 * (values->low[low] + place));
    }
  return cut;
}

static CodeSums
sum_by_cuts (const TnDistribution *values, double scale, double first, double last)
{
  CodeSums sums = {0};
  Cut before = {0};

  for (double code = values->folded ? 0.0 : first; code <= last; code += 1.0)
    {
      Cut cut = {values->n, values->count[values->n], values->sum[values->n]};
      double count, sum;

      if (code < last)
        cut = cut_at (values, (code + 0.5) * scale, before.piece);
      count = cut.count - before.count;
      sum = cut.sum - before.sum;
      sums.cross += code * sum;
      sums.squares += code * code * count;
      before = cut;
      if (cut.piece == values->n)
        break;
    }
  return sums;
}

/* In four lanes, folded in a fixed order: the same bits whichever instructions these are. */
TN_LANES_INLINE CodeSums
sum_directly (const TnDistribution *values, double scale, double first, double last)
{
  TnDouble4 inverse = (TnDouble4){0} + 1.0 / scale, cross = {0}, squares = {0};
  TnDouble4 low = (TnDouble4){0} + (values->folded ? 0.0 : first), high = (TnDouble4){0} + last;

  for (gsize i = 0; i < values->n; i += 4)
    {
      typedef gint64 Long4 __attribute__ ((vector_size (32)));
      TnDouble4 x, code;
      Long4 below, above;

      memcpy (&x, values->low + i, sizeof x);
      code = (x * inverse + MAGIC) - MAGIC;
      below = code < low;
      above = code > high;
      code = (TnDouble4) (((Long4) low & below) | ((Long4) code & ~below));
      code = (TnDouble4) (((Long4) high & above) | ((Long4) code & ~above));
      cross += code * x;
      squares += code * code;
    }
  return (CodeSums){(cross[0] + cross[1]) + (cross[2] + cross[3]), (squares[0] + squares[1]) + (squares[2] + squares[3])};
}

#if TN_LANES_X86
TN_LANES_AVX2 static CodeSums
sum_directly_avx2 (const TnDistribution *values, double scale, double first, double last)
{
  return sum_directly (values, scale, first, last);
}
#else
#define sum_directly_avx2 sum_directly
#endif

double
tn_grid_error (const TnDistribution *values, double scale, double first, double last, double *best_scale)
{
  double square = values->square[values->n], error;
  CodeSums sums;

  if (best_scale != NULL)
    *best_scale = scale;
  if (!(scale > 0.0))
    return square;
  /* A place beyond 2^51 codes would not be rounded by MAGIC, and no grid has one that is not clipped. */
  if (values->each_once && values->n <= DIRECT_VALUES_A_CODE * (gsize) (last - first + 1.0) &&
      MAX (tn_distribution_max (values), -tn_distribution_min (values)) < scale * 0x1p50)
    sums = tn_lanes_have_avx2 () ? sum_directly_avx2 (values, scale, first, last) : sum_directly (values, scale, first, last);
  else
    sums = sum_by_cuts (values, scale, first, last);
  if (best_scale != NULL && sums.cross > 0.0 && sums.squares > 0.0)
    *best_scale = sums.cross / sums.squares;
  error = square - 2.0 * scale * sums.cross + scale * scale * sums.squares;
  return MAX (error, 0.0);
}

/* The integral of |r|^power from 0 to r, and its continuation to negative r. */
static double
integrate_power (double r, double power)
{
  return copysign (pow (fabs (r), power + 1.0), r) / (power + 1.0);
}

/* |distance to the nearest code|^power, in steps, averaged over [low, high]. A whole step holds twice the integral to one half.
 */
static double
mean_cell_error (double low, double high, double first, double last, double power)
{
  double code_low = round_half_even (CLAMP (low, first, last));
  double code_high = round_half_even (CLAMP (high, first, last));
  double inner = code_low == code_high ? 0.0 : (code_high - code_low) * 2.0 * integrate_power (0.5, power);

  return (inner + integrate_power (high - code_high, power) - integrate_power (low - code_low, power)) / (high - low);
}

double
tn_grid_power_error (const TnDistribution *values, double scale, double first, double last, double power)
{
  double inverse = 1.0 / scale, sum = 0.0;

  if (!(scale > 0.0))
    {
      first = last = 0.0;
      inverse = scale = 1.0;
    }
  for (gsize i = 0; i < values->n; i++)
    {
      double low = values->low[i] * inverse, high = values->high[i] * inverse, error;

      if (high - low > 1e-9 * fabs (high))
        error = mean_cell_error (low, high, first, last, power);
      else
        error = pow (fabs (low - round_half_even (CLAMP (low, first, last))), power);
      sum += tn_distribution_weight (values, i) * error;
    }
  return sum * pow (scale, power);
}
