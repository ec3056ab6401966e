/* SPDX-License-Identifier: Apache-2.0 */
/* The scale and zero point with the least error, of squares or of another power.
 *
 * Under one zero point the error of a scale is piecewise quadratic with many small valleys. Of few values all pieces are gone through
 * (engine/quant/grid-sweep.h): the optimum is exact. Of many, a logarithmic grid over all scales that can be the best finds the deepest valleys; a
 * golden section goes down each; then the pieces around are gone through, as many as take no longer than the grid did; and the scale that
 * fits the codes best (least squares) is taken again and again, which never raises the error and ends in the lowest point of a piece. Other
 * powers than 2 have grid and section only. */
#include <math.h>

#include "engine/quant/grid-sweep.h"
#include "engine/quant/parameters-private.h"

#define MIN_GRID_POINTS 160
#define MAX_GRID_POINTS 4000
#define GRID_RATIO 1.015
#define VALLEYS 3
#define GOLDEN_STEPS 28
#define LEAST_SQUARES_STEPS 12
/* Up to so many changes of a code, all are gone through. */
#define FEW_CHANGES 65536
/* Around a valley of more: so many, of at most so many values, over at most this ratio of scales. */
#define NEAR_CHANGES 32768
#define NEAR_VALUES 65536
#define NEAR_RATIO 1.3
#define COARSE_ZERO_POINTS 17
#define COARSE_GRID_POINTS 64
/* Powers are dear: their valleys are looked for on so many pieces. */
#define COARSE_PIECES 1024
#define POWER_GRID_RATIO 1.05
/* Of few values, whose valleys are steep, there are more points: as many as codes change, while they take no longer than so many powers. */
#define POWER_WORK 65536
#define MOST_POWER_POINTS 2000
#define POWER_GOLDEN_STEPS 16

typedef struct
{
  const TnParameterProblem *problem;
  const TnDistribution *values, *coarse;
  double power; /* 2: squares */
  gboolean few; /* values: all changes of code are gone through */
} Search;

static double
get_error (const Search *self, const TnDistribution *values, gint32 zero_point, double scale)
{
  double first, last;

  tn_grid_get_range (&self->problem->grid, zero_point, &first, &last);
  if (self->power == 2.0)
    return tn_grid_error (values, scale, first, last, NULL);
  return tn_grid_power_error (values, scale, first, last, self->power);
}

static void
golden_section (const Search *self, gint32 zero_point, double a, double b, double *best, double *error)
{
  static const double ratio = 0.6180339887498949;
  guint steps = self->power == 2.0 ? GOLDEN_STEPS : POWER_GOLDEN_STEPS;
  double c = b - ratio * (b - a), d = a + ratio * (b - a);
  double error_c = get_error (self, self->values, zero_point, c), error_d = get_error (self, self->values, zero_point, d);

  for (guint i = 0; i < steps; i++)
    if (error_c < error_d)
      {
        b = d;
        d = c;
        error_d = error_c;
        c = b - ratio * (b - a);
        error_c = get_error (self, self->values, zero_point, c);
      }
    else
      {
        a = c;
        c = d;
        error_c = error_d;
        d = a + ratio * (b - a);
        error_d = get_error (self, self->values, zero_point, d);
      }
  if (MIN (error_c, error_d) < *error)
    {
      *error = MIN (error_c, error_d);
      *best = error_c < error_d ? c : d;
    }
}

static void
least_squares (const Search *self, gint32 zero_point, double start, double *best, double *error)
{
  double first, last, scale = start;

  tn_grid_get_range (&self->problem->grid, zero_point, &first, &last);
  for (guint i = 0; i < LEAST_SQUARES_STEPS; i++)
    {
      double next, found = tn_grid_error (self->values, scale, first, last, &next);

      if (found < *error)
        {
          *error = found;
          *best = scale;
        }
      if (next == scale)
        break;
      scale = next;
    }
}

/* All pieces around a scale. */
static void
sweep_near (const Search *self, gint32 zero_point, double *best, double *error)
{
  double first, last, scale, found, ratio, codes;

  if (self->values->low != self->values->high || self->values->n > NEAR_VALUES)
    return;
  tn_grid_get_range (&self->problem->grid, zero_point, &first, &last);
  /* While the scale falls by a share, the codes change by that share of their sum. */
  codes = self->problem->absmean * tn_distribution_count (self->values) / *best;
  ratio = MIN (1.0 + 0.5 * NEAR_CHANGES / MAX (codes, 1.0), NEAR_RATIO);
  found = tn_grid_sweep (self->values, first, last, *best / ratio, *best * ratio, &scale);
  if (found < *error)
    {
      *error = found;
      *best = scale;
    }
}

/* Goes down the valley whose lowest point of the grid is scale. */
static void
descend (const Search *self, gint32 zero_point, double low, double scale, double high, double *best, double *error)
{
  double valley = scale, lowest = (double) INFINITY;

  golden_section (self, zero_point, low, high, &valley, &lowest);
  if (self->power == 2.0)
    {
      sweep_near (self, zero_point, &valley, &lowest);
      least_squares (self, zero_point, valley, &valley, &lowest);
    }
  if (lowest < *error)
    {
      *error = lowest;
      *best = valley;
    }
}

/* Least error over scales [low, high]. */
static double
best_scale (const Search *self, gint32 zero_point, double low, double high, guint n_points, double *error)
{
  g_autofree double *errors = NULL;
  double step = pow (high / low, 1.0 / (n_points - 1)), best = high, taken = -1.0, scale = low;

  *error = (double) INFINITY;
  if (self->few)
    {
      double first, last;

      /* Any scale: from that at which all codes are 0 to one at which whatever is not 0 has the last code. */
      tn_grid_get_range (&self->problem->grid, zero_point, &first, &last);
      *error = tn_grid_sweep (self->values, first, last, 0.0, 4.0 * MAX (self->problem->max, -self->problem->min), &best);
      return best;
    }
  errors = g_new (double, n_points);
  for (guint i = 0; i < n_points; i++, scale *= step)
    errors[i] = get_error (self, self->coarse, zero_point, scale);
  for (guint valley = 0; valley < VALLEYS; valley++)
    {
      guint lowest = n_points;

      for (guint i = 0; i < n_points; i++)
        if ((i == 0 || errors[i] <= errors[i - 1]) && (i + 1 == n_points || errors[i] <= errors[i + 1]) && errors[i] > taken &&
            (lowest == n_points || errors[i] < errors[lowest]))
          lowest = i;
      if (lowest == n_points)
        break;
      taken = errors[lowest];
      scale = low * pow (step, lowest);
      descend (self, zero_point, lowest > 0 ? scale / step : scale, scale, lowest + 1 < n_points ? scale * step : scale, &best,
               error);
    }
  return best;
}

static guint
count_grid_points (const Search *self, double low, double high)
{
  double n = (double) self->values->n, points = ceil (log (high / low) / log (self->power != 2.0 ? POWER_GRID_RATIO : GRID_RATIO));

  if (self->power == 2.0)
    return (guint) CLAMP (points, MIN_GRID_POINTS, MAX_GRID_POINTS);
  points = MAX (points, MIN (n * self->problem->grid.n_codes, POWER_WORK / n));
  return (guint) CLAMP (points, COARSE_GRID_POINTS, MOST_POWER_POINTS);
}

static void
search_symmetric (const Search *self, TnGridScale *scale)
{
  double codes = (double) self->problem->grid.n_codes, fitting = self->problem->max / codes;
  /* The best clip is never far below the mean magnitude; a little above the largest value the grid may fit the data better. */
  double low = 0.5 * self->problem->absmean / codes, high = 1.25 * fitting, error;

  scale->scale = best_scale (self, 0, low, high, count_grid_points (self, low, high), &error);
  if (get_error (self, self->values, 0, fitting) <= error)
    scale->scale = fitting;
  scale->zero_point = 0;
}

/* FALSE when no scale lets this zero point cover any of the data. */
static gboolean
get_scale_range (const Search *self, gint32 zero_point, double *low, double *high)
{
  const TnParameterProblem *problem = self->problem;
  gint32 n_codes = problem->grid.n_codes;

  *high = 0.0;
  if (problem->max > 0.0 && zero_point < n_codes)
    *high = MAX (*high, problem->max / (n_codes - zero_point));
  if (problem->min < 0.0 && zero_point > 0)
    *high = MAX (*high, -problem->min / zero_point);
  *low = MIN (0.5 * problem->absmean / n_codes, *high);
  return *high > 0.0;
}

static void
try_zero_point (const Search *self, gint32 zero_point, double low, double high, guint n_points, TnGridScale *best, double *error)
{
  double found, scale = best_scale (self, zero_point, low, high, n_points, &found);

  if (found < *error)
    {
      *error = found;
      *best = (TnGridScale){scale, zero_point};
    }
}

/* Steps to neighbouring zero points, then smaller ones, until none of them is better. */
static void
descend_zero_points (const Search *self, TnGridScale *best, double *error)
{
  gint32 n_codes = self->problem->grid.n_codes;

  for (gint32 step = MAX (n_codes / 32, 1); step > 0;)
    {
      double before = *error;

      for (gint32 direction = -1; direction <= 1 && *error == before; direction += 2)
        {
          gint32 zero_point = best->zero_point + direction * step;

          if (zero_point >= 0 && zero_point <= n_codes)
            try_zero_point (self, zero_point, best->scale / 1.25, best->scale * 1.25, COARSE_GRID_POINTS / 2, best, error);
        }
      if (*error == before)
        step /= 2;
    }
}

static void
search_asymmetric (const Search *self, TnGridScale *best)
{
  gint32 n_codes = self->problem->grid.n_codes;
  guint coarse = MIN (COARSE_ZERO_POINTS, (guint) n_codes + 1);
  double error = get_error (self, self->values, best->zero_point, best->scale), low, high;
  gint32 fitting = best->zero_point;

  for (guint i = 0; i <= coarse; i++)
    {
      /* The last one is the zero point of the extremes, which the search starts with. */
      gint32 zero_point = i < coarse ? (gint32) ((guint) n_codes * i / (coarse - 1)) : fitting;

      if (get_scale_range (self, zero_point, &low, &high))
        try_zero_point (self, zero_point, low, 1.1 * high, COARSE_GRID_POINTS, best, &error);
    }
  if ((guint) n_codes + 1 > coarse)
    descend_zero_points (self, best, &error);
  /* Once more as fine as the symmetric search. */
  if (!self->few)
    try_zero_point (self, best->zero_point, best->scale / 1.25, best->scale * 1.25,
                    self->power == 2.0 ? MIN_GRID_POINTS : COARSE_GRID_POINTS, best, &error);
}

static void
search (const TnParameterProblem *problem, double power, TnGridScale *scale)
{
  g_autoptr (TnDistribution) coarse = NULL;
  Search self = {
      .problem = problem,
      .values = problem->values,
      .coarse = problem->values,
      .power = power,
      .few = power == 2.0 && problem->values->low == problem->values->high && problem->values->n * problem->grid.n_codes <= FEW_CHANGES,
  };

  if (power != 2.0 && problem->values->n > 2 * COARSE_PIECES)
    self.coarse = coarse = tn_distribution_coarsen (problem->values, COARSE_PIECES);
  tn_parameters_minmax (problem, NULL, scale);
  if (problem->grid.asymmetric)
    search_asymmetric (&self, scale);
  else
    search_symmetric (&self, scale);
}

gboolean
tn_parameters_mse (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  search (problem, 2.0, scale);
  return TRUE;
}

gboolean
tn_parameters_mse24 (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  search (problem, 2.4, scale);
  return TRUE;
}
