/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/ideal-error.h"

#include <math.h>

#define QUANTILES 64
#define END_QUANTILES 16
#define STEPS 100
#define GOLDEN 0.6180339887498949
/* Beyond this many deviations there is nothing of a Laplace distribution that doubles could add. */
#define FARTHEST 60.0
#define TWN_FACTOR 0.7
/* No clip of 8 bits lies beyond it. */
#define MOST_PLACE 20.0
#define SCAN 200

/* Moments of orders 0, 1, 2 of what lies above a place >= 0, of a symmetric distribution with variance 1. */
typedef struct
{
  double share, first, second;
} Tail;

static Tail
tail_of (TnSource source, double place)
{
  Tail tail;

  if (source == TN_SOURCE_GAUSSIAN)
    {
      double density = exp (-0.5 * place * place) / sqrt (2.0 * G_PI);

      tail.share = 0.5 * erfc (place * G_SQRT2 / 2.0);
      tail.first = density;
      tail.second = tail.share + place * density;
    }
  else
    {
      double scale = 1.0 / G_SQRT2;

      tail.share = 0.5 * exp (-place / scale);
      tail.first = tail.share * (place + scale);
      tail.second = tail.share * (place * place + 2.0 * place * scale + 2.0 * scale * scale);
    }
  return tail;
}

/* Squared error of a cell low .. high, high +inf for all that lies above, that is told by its level. */
static double
cell_error (TnSource source, double low, double high, double level)
{
  Tail above = tail_of (source, low), beyond = isinf (high) ? (Tail){0} : tail_of (source, high);

  return (above.second - beyond.second) - 2.0 * level * (above.first - beyond.first) +
         level * level * (above.share - beyond.share);
}

/* Of the values above 0, told by multiples 0 .. most of a step; they end at end. */
static double
side_error (TnSource source, double step, guint most, double end)
{
  double error = 0.0;

  for (guint code = 0; code <= most; code++)
    {
      double low = code > 0 ? (code - 0.5) * step : 0.0, high = code < most ? (code + 0.5) * step : end;

      if (low >= FARTHEST || low >= end)
        break;
      error += cell_error (source, low, MIN (high, end), code * step);
    }
  return error;
}

/* The place above which a share < 0.5 lies. */
static double
place_of (TnSource source, double share)
{
  double low = 0.0, high = FARTHEST;

  for (guint i = 0; i < STEPS; i++)
    {
      double middle = 0.5 * (low + high);

      if (tail_of (source, middle).share > share)
        low = middle;
      else
        high = middle;
    }
  return 0.5 * (low + high);
}

/* The largest of n magnitudes lies below it with this probability. */
static double
largest_of (TnSource source, double n, double probability)
{
  return place_of (source, 0.5 * -expm1 (log (probability) / n));
}

typedef double (*Cost) (TnSource source, double place, guint codes);

/* The place of the least cost between 0 and MOST_PLACE: steps first, for far from it costs are flat. */
static double
find_least (Cost cost, TnSource source, guint codes)
{
  double step = MOST_PLACE / SCAN, best = step, least = HUGE_VAL, low, high;

  for (guint i = 1; i <= SCAN; i++)
    {
      double found = cost (source, i * step, codes);

      if (found < least)
        {
          least = found;
          best = i * step;
        }
    }
  low = best - step;
  high = best + step;
  for (guint i = 0; i < STEPS; i++)
    {
      double left = high - GOLDEN * (high - low), right = low + GOLDEN * (high - low);

      if (cost (source, left, codes) < cost (source, right, codes))
        high = right;
      else
        low = left;
    }
  return 0.5 * (low + high);
}

static double
clip_error (TnSource source, double clip, guint codes)
{
  return 2.0 * side_error (source, clip / codes, codes, HUGE_VAL);
}

/* What a threshold leaves of the most that ternary can take away. */
static double
threshold_error (TnSource source, double threshold, guint codes)
{
  Tail tail = tail_of (source, threshold);

  return 1.0 - 2.0 * tail.first * tail.first / tail.share;
}

static void
symmetric_range_error (TnSource source, guint codes, double n, TnIdealError *error)
{
  error->level = largest_of (source, n, 0.5);
  error->mse = error->zeros = 0.0;
  for (guint i = 0; i < QUANTILES; i++)
    {
      double largest = largest_of (source, n, (i + 0.5) / QUANTILES), step = largest / codes;
      double inside = 1.0 - 2.0 * tail_of (source, largest).share;

      if (!(inside > 0.0))
        continue;
      error->mse += (n - 1.0) / n * 2.0 * side_error (source, step, codes, largest) / inside / QUANTILES;
      error->zeros += (n - 1.0) / n * (1.0 - 2.0 * tail_of (source, MIN (0.5 * step, largest)).share) / inside / QUANTILES;
    }
}

/* Both ends as the largest of n, each by its own quantiles, cut into so many steps. Rounding the zero point shifts the grid
 * against them, so that they have the error of all others. */
static void
asymmetric_range_error (TnSource source, guint steps, double n, TnIdealError *error)
{
  double ends[END_QUANTILES];

  for (guint i = 0; i < END_QUANTILES; i++)
    ends[i] = place_of (source, MIN (-expm1 (log ((i + 0.5) / END_QUANTILES) / n), 0.5));
  error->level = place_of (source, MIN (-expm1 (log (0.5) / n), 0.5));
  error->mse = error->zeros = 0.0;
  for (guint i = 0; i < END_QUANTILES; i++)
    for (guint k = 0; k < END_QUANTILES; k++)
      {
        double step = (ends[i] + ends[k]) / steps,
               inside = 1.0 - tail_of (source, ends[i]).share - tail_of (source, ends[k]).share;
        double weight = 1.0 / inside / (END_QUANTILES * END_QUANTILES);

        if (!(step > 0.0))
          continue;
        error->mse += weight * (side_error (source, step, steps, ends[i]) + side_error (source, step, steps, ends[k]));
        error->zeros += weight * (1.0 - tail_of (source, MIN (0.5 * step, ends[i])).share -
                                  tail_of (source, MIN (0.5 * step, ends[k])).share);
      }
}

static void
integer_error (const TnScheme *scheme, TnSource source, double n, TnIdealError *error)
{
  guint codes = (1U << (scheme->bits - 1)) - 1;

  if (scheme->asymmetric)
    {
      asymmetric_range_error (source, (1U << scheme->bits) - 1, n, error);
      return;
    }
  if (scheme->method == TN_METHOD_MINMAX)
    {
      symmetric_range_error (source, codes, n, error);
      return;
    }
  error->level = find_least (clip_error, source, codes);
  error->mse = clip_error (source, error->level, codes);
  error->zeros = 1.0 - 2.0 * tail_of (source, 0.5 * error->level / codes).share;
}

static void
ternary_error (const TnScheme *scheme, TnSource source, TnIdealError *error)
{
  double absmean = 2.0 * tail_of (source, 0.0).first, threshold, level;
  TnSchemeRule rule = scheme->method == TN_METHOD_MINMAX ? scheme->rule : TN_RULE_LLOYD;
  Tail tail;

  switch (rule)
    {
    case TN_RULE_ABSMEDIAN:
      level = place_of (source, 0.25);
      threshold = 0.5 * level;
      break;
    case TN_RULE_LEAST_SQUARES:
    case TN_RULE_TWN:
    case TN_RULE_LLOYD:
      threshold = rule == TN_RULE_LEAST_SQUARES ? 0.5 * absmean
                  : rule == TN_RULE_TWN         ? TWN_FACTOR * absmean
                                                : find_least (threshold_error, source, 1);
      tail = tail_of (source, threshold);
      level = tail.first / tail.share;
      break;
    default:
      level = absmean;
      threshold = 0.5 * level;
    }
  error->level = level;
  error->mse = 2.0 * (cell_error (source, 0.0, threshold, 0.0) + cell_error (source, threshold, HUGE_VAL, level));
  error->zeros = 1.0 - 2.0 * tail_of (source, threshold).share;
}

void
tn_ideal_error (const TnScheme *scheme, TnSource source, guint64 per_scale, TnIdealError *error)
{
  double n = (double) MAX (per_scale, 1);

  switch (scheme->kind)
    {
    case TN_SCHEME_BINARY:
      error->level = 2.0 * tail_of (source, 0.0).first;
      error->mse = 2.0 * cell_error (source, 0.0, HUGE_VAL, error->level);
      error->zeros = 0.0;
      break;
    case TN_SCHEME_TERNARY:
      ternary_error (scheme, source, error);
      break;
    default:
      integer_error (scheme, source, n, error);
    }
  error->sqnr_db = -10.0 * log10 (error->mse);
}
