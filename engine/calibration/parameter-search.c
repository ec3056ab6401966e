/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/parameter-search.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"

#define MIN_GRID_POINTS 160
#define MAX_GRID_POINTS 4000
#define GRID_RATIO 1.015
#define GOLDEN_STEPS 28
#define COARSE_ZERO_POINTS 17
#define COARSE_GRID_POINTS 64

/* weight values spread evenly over [low, high], or all at low when they are equal. */
typedef struct
{
  double low, high, weight;
} Piece;

typedef struct
{
  GArray *pieces; /* ascending; by magnitude when the scheme is symmetric */
  double count;   /* zeros too */
  double power;   /* mean square */
  double absmean;
  double min, max; /* exact extremes, widened to hold 0 */
  gboolean asymmetric;
  gint32 n_codes; /* symmetric: largest code; asymmetric: codes - 1 */
} Search;

static double
piece_power (const Piece *piece)
{
  return (piece->low * piece->low + piece->low * piece->high + piece->high * piece->high) / 3.0;
}

static double
round_half_even (double x)
{
  return (x + 0x1.8p52) - 0x1.8p52;
}

/* Mean squared distance, in steps, of [low, high] from the nearest code in [first, last]. The distance from code n is
 * r = u - n, and its square integrates to r^3 / 3 from the code's place on; a whole step holds 1/12. */
static double
mean_cell_error (double low, double high, double first, double last)
{
  double code_low = round_half_even (CLAMP (low, first, last));
  double code_high = round_half_even (CLAMP (high, first, last));
  double r_low = low - code_low, r_high = high - code_high;

  if (code_low == code_high)
    return (r_low * r_low + r_low * r_high + r_high * r_high) / 3.0;
  return ((code_high - code_low) / 12.0 + (r_high * r_high * r_high - r_low * r_low * r_low) / 3.0) / (high - low);
}

static double
search_error (const Search *self, double scale, gint32 zero_point)
{
  double first = self->asymmetric ? -(double) zero_point : -(double) self->n_codes;
  double last = self->asymmetric ? (double) (self->n_codes - zero_point) : (double) self->n_codes;
  double sum = 0.0, inverse = 1.0 / scale;

  if (!(scale > 0.0))
    return self->power;
  for (guint i = 0; i < self->pieces->len; i++)
    {
      const Piece *piece = &g_array_index (self->pieces, Piece, i);

      sum += piece->weight * mean_cell_error (piece->low * inverse, piece->high * inverse, first, last);
    }
  return sum / self->count * scale * scale;
}

static void
add_piece (Search *self, double low, double high, double weight)
{
  Piece piece = {low, high, weight};

  if (weight > 0.0)
    g_array_append_val (self->pieces, piece);
}

/* The exact extremes are known: their bins end there, and one value stands at the end itself. */
static void
trim_ends (Search *self, double min, double max)
{
  Piece *first, *last;

  if (self->pieces->len == 0)
    return;
  first = &g_array_index (self->pieces, Piece, 0);
  if (min > first->low && min <= first->high)
    first->low = min;
  if (self->asymmetric && first->weight > 1.0 && first->low == min)
    {
      Piece point = {min, min, 1.0};

      first->weight -= 1.0;
      g_array_prepend_val (self->pieces, point);
    }
  last = &g_array_index (self->pieces, Piece, self->pieces->len - 1);
  if (max < last->low || max > last->high)
    return;
  last->high = max;
  if (last->weight > 1.0)
    {
      last->weight -= 1.0;
      add_piece (self, max, max, 1.0);
    }
  else
    last->low = max;
}

static void
search_init (Search *self, const TnFloatHistogram *histogram, const TnScheme *scheme)
{
  double low, high;

  *self = (Search){
      .pieces = g_array_new (FALSE, FALSE, sizeof (Piece)),
      .asymmetric = scheme->asymmetric,
      .n_codes = scheme->asymmetric ? (1 << scheme->bits) - 1 : (1 << (scheme->bits - 1)) - 1,
  };
  if (scheme->asymmetric)
    for (guint i = 0x8000; i-- > 0;)
      {
        tn_float_histogram_bin_range (0x8000 | i, &low, &high);
        add_piece (self, low, high, (double) histogram->bins[0x8000 | i]);
      }
  for (guint i = 0; i < 0x8000; i++)
    {
      tn_float_histogram_bin_range (i, &low, &high);
      add_piece (self, low, high,
                 (double) histogram->bins[i] + (scheme->asymmetric ? 0.0 : (double) histogram->bins[0x8000 | i]));
    }
}

static void
search_finish (Search *self, const TnFloatHistogram *histogram)
{
  self->count = (double) histogram->zeros;
  for (guint i = 0; i < self->pieces->len; i++)
    {
      const Piece *piece = &g_array_index (self->pieces, Piece, i);

      self->count += piece->weight;
      self->power += piece->weight * piece_power (piece);
      self->absmean += piece->weight * fabs (piece->low + piece->high) / 2.0;
    }
  if (self->count > 0.0)
    {
      self->power /= self->count;
      self->absmean /= self->count;
    }
}

static void
search_clear (Search *self)
{
  g_clear_pointer (&self->pieces, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

/* Least error over scales [low, high]: a logarithmic grid, then golden sections around its three best valleys. */
static double
best_scale (const Search *self, gint32 zero_point, double low, double high, guint n_points, double *error)
{
  static const double ratio = 0.6180339887498949;
  g_autofree double *errors = g_new (double, n_points);
  double step = pow (high / low, 1.0 / (n_points - 1)), best = high;
  double taken = -1.0;

  *error = (double) INFINITY;
  for (guint i = 0; i < n_points; i++)
    errors[i] = search_error (self, low * pow (step, i), zero_point);
  for (guint valley = 0; valley < 3; valley++)
    {
      guint lowest = n_points;
      double a, b, c, d, error_c, error_d;

      for (guint i = 0; i < n_points; i++)
        if ((i == 0 || errors[i] <= errors[i - 1]) && (i + 1 == n_points || errors[i] <= errors[i + 1]) && errors[i] > taken &&
            (lowest == n_points || errors[i] < errors[lowest]))
          lowest = i;
      if (lowest == n_points)
        break;
      taken = errors[lowest];
      if (taken < *error)
        {
          *error = taken;
          best = low * pow (step, lowest);
        }
      a = low * pow (step, lowest > 0 ? lowest - 1 : 0);
      b = low * pow (step, MIN (lowest + 1, n_points - 1));
      c = b - ratio * (b - a);
      d = a + ratio * (b - a);
      error_c = search_error (self, c, zero_point);
      error_d = search_error (self, d, zero_point);
      for (guint i = 0; i < GOLDEN_STEPS; i++)
        if (error_c < error_d)
          {
            b = d;
            d = c;
            error_d = error_c;
            c = b - ratio * (b - a);
            error_c = search_error (self, c, zero_point);
          }
        else
          {
            a = c;
            c = d;
            error_c = error_d;
            d = a + ratio * (b - a);
            error_d = search_error (self, d, zero_point);
          }
      if (MIN (error_c, error_d) < *error)
        {
          *error = MIN (error_c, error_d);
          best = error_c < error_d ? c : d;
        }
    }
  return best;
}

static void
search_symmetric (const Search *self, TnQuantParams *params)
{
  double codes = (double) self->n_codes, magnitude = MAX (self->max, -self->min);
  /* The best clip is never far below the mean magnitude; a little above the largest value the grid may fit the data better. */
  double low = 0.5 * self->absmean / codes, high = 1.25 * magnitude / codes;
  double points = ceil (log (high / low) / log (GRID_RATIO)), error;

  params->scale = best_scale (self, 0, low, high, (guint) CLAMP (points, MIN_GRID_POINTS, MAX_GRID_POINTS), &error);
  if (search_error (self, magnitude / codes, 0) <= error)
    params->scale = magnitude / codes;
  params->zero_point = 0;
}

/* FALSE when no scale lets this zero point cover any of the data. */
static gboolean
scale_range (const Search *self, gint32 zero_point, double *low, double *high)
{
  *high = 0.0;
  if (self->max > 0.0 && zero_point < self->n_codes)
    *high = MAX (*high, self->max / (self->n_codes - zero_point));
  if (self->min < 0.0 && zero_point > 0)
    *high = MAX (*high, -self->min / zero_point);
  *low = MIN (0.5 * self->absmean / self->n_codes, *high);
  return *high > 0.0;
}

static void
search_asymmetric (const Search *self, TnQuantParams *params)
{
  guint coarse = MIN (COARSE_ZERO_POINTS, (guint) self->n_codes + 1);
  double best_error = search_error (self, params->scale, params->zero_point), low, high, error, scale;

  for (guint i = 0; i <= coarse; i++)
    {
      /* The last one is the zero point of the extremes, which params comes with. */
      gint32 zero_point = i < coarse ? (gint32) ((guint) self->n_codes * i / (coarse - 1)) : params->zero_point;

      if (!scale_range (self, zero_point, &low, &high))
        continue;
      scale = best_scale (self, zero_point, low, 1.1 * high, COARSE_GRID_POINTS, &error);
      if (error < best_error)
        {
          best_error = error;
          params->scale = scale;
          params->zero_point = zero_point;
        }
    }
  for (gint32 step = MAX (self->n_codes / 32, 1); step > 0;)
    {
      gboolean moved = FALSE;

      for (gint32 direction = -1; direction <= 1; direction += 2)
        {
          gint32 zero_point = params->zero_point + direction * step;

          if (zero_point < 0 || zero_point > self->n_codes)
            continue;
          scale = best_scale (self, zero_point, params->scale / 1.25, params->scale * 1.25, COARSE_GRID_POINTS / 2, &error);
          if (error < best_error)
            {
              best_error = error;
              params->scale = scale;
              params->zero_point = zero_point;
              moved = TRUE;
              break;
            }
        }
      if (!moved)
        step /= 2;
    }
  /* Once more as fine as the symmetric search. */
  scale = best_scale (self, params->zero_point, params->scale / 1.25, params->scale * 1.25, MIN_GRID_POINTS, &error);
  if (error < best_error)
    params->scale = scale;
}

/* The value below which percent of all magnitudes lie: exact in count, evenly spread inside a bin. */
static double
magnitude_percentile (const TnFloatHistogram *histogram, const TnScheme *scheme, double magnitude, double percent)
{
  TnScheme symmetric = *scheme;
  g_auto (Search) folded = {0};
  double target, below = (double) histogram->zeros;

  symmetric.asymmetric = FALSE;
  search_init (&folded, histogram, &symmetric);
  trim_ends (&folded, 0.0, magnitude);
  search_finish (&folded, histogram);
  target = folded.count * (percent / 100.0);
  if (target <= below)
    return 0.0;
  for (guint i = 0; i < folded.pieces->len; i++)
    {
      const Piece *piece = &g_array_index (folded.pieces, Piece, i);

      if (target <= below + piece->weight)
        return piece->low + (piece->high - piece->low) * ((target - below) / piece->weight);
      below += piece->weight;
    }
  return magnitude;
}

/* Scale and zero point that just hold [min, max]. */
static void
fit_range (const Search *self, double min, double max, TnQuantParams *params)
{
  params->zero_point = 0;
  if (self->asymmetric)
    {
      params->scale = (max - min) / self->n_codes;
      if (params->scale > 0.0)
        params->zero_point = (gint32) rint (-min / params->scale);
    }
  else
    params->scale = MAX (max, -min) / self->n_codes;
}

static void
finish_params (const Search *self, TnQuantParams *params)
{
  double codes =
      self->asymmetric ? (double) MAX (params->zero_point, self->n_codes - params->zero_point) : (double) self->n_codes;

  params->clip = codes * params->scale;
  params->mse = search_error (self, params->scale, params->zero_point);
  params->sqnr_db = params->mse > 0.0 ? 10.0 * log10 (self->power / params->mse) : (double) INFINITY;
}

static gboolean
check_scheme (const TnScheme *scheme, GError **error)
{
  g_autofree char *name = NULL;

  if (scheme->kind == TN_SCHEME_INTEGER && scheme->granularity == TN_PER_TENSOR && scheme->bits >= 2 && scheme->bits <= 8 &&
      tn_scheme_get_scale_type (scheme) == TN_SCALE_F32)
    return TRUE;
  name = tn_scheme_to_string (scheme);
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
               _ ("scheme %s: parameters are found for int2 to int8 with one fp32 scale a tensor only"), name);
  return FALSE;
}

gboolean
tn_parameter_search (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme, TnMethod method,
                     double percentile, TnQuantParams *params, GError **error)
{
  g_auto (Search) search = {0};
  TnQuantParams found = {.scheme = *scheme, .method = method};
  double magnitude = MAX (fabs (minimum), fabs (maximum));

  if (!check_scheme (scheme, error))
    return FALSE;
  search_init (&search, histogram, scheme);
  if (scheme->asymmetric)
    trim_ends (&search, minimum, maximum);
  else
    trim_ends (&search, 0.0, magnitude);
  search_finish (&search, histogram);
  search.min = MIN (minimum, 0.0);
  search.max = MAX (maximum, 0.0);
  if (search.count == 0.0 || !isfinite (magnitude))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _ ("no finite values to find quantization parameters for"));
      return FALSE;
    }

  fit_range (&search, search.min, search.max, &found);
  switch (method)
    {
    case TN_METHOD_PERCENTILE:
      if (!(percentile > 0.0 && percentile <= 100.0))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("percentile %g found, a number above 0 and up to 100 expected"),
                       percentile);
          return FALSE;
        }
      found.percentile = percentile;
      magnitude = magnitude_percentile (histogram, scheme, magnitude, percentile);
      fit_range (&search, MAX (search.min, -magnitude), MIN (search.max, magnitude), &found);
      break;
    case TN_METHOD_MSE:
      if (magnitude > 0.0 && search.asymmetric)
        search_asymmetric (&search, &found);
      else if (magnitude > 0.0)
        search_symmetric (&search, &found);
      break;
    case TN_METHOD_MINMAX:
    case TN_N_METHODS:
      break;
    }
  finish_params (&search, &found);
  *params = found;
  return TRUE;
}

void
tn_parameter_error (const TnFloatHistogram *histogram, const TnScheme *scheme, double scale, gint32 zero_point, double *mse,
                    double *sqnr_db)
{
  g_auto (Search) search = {0};
  TnQuantParams params = {.scale = scale, .zero_point = zero_point};

  search_init (&search, histogram, scheme);
  search_finish (&search, histogram);
  finish_params (&search, &params);
  *mse = search.count > 0.0 ? params.mse : (double) NAN;
  *sqnr_db = search.count > 0.0 ? params.sqnr_db : (double) NAN;
}
