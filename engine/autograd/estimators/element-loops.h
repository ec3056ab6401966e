/* SPDX-License-Identifier: Apache-2.0 */

/* What estimators do to elements that share a unit: included once for each type, with REAL, ROUNDER (1.5 times the number from
 * which on all of the type are integers), and NAME (x). Formulas: estimator.h. Loops that compilers make vectors of, for which
 * sums are kept in lanes and folded in their order: the same bits whatever they are compiled to. */

typedef struct
{
  REAL q;      /* y, before lambda */
  REAL dx;     /* its derivative by x, as the estimator has it */
  REAL ds, db; /* by scale and offset */
} NAME (Element);

#define ROUND(v) (((v) + ROUNDER) - ROUNDER)
#define BETWEEN(v, low, high) ((v) < (low) ? (low) : (v) > (high) ? (high) : (v))
#define MAGNITUDE(v) ((v) < 0 ? -(v) : (v))

typedef struct
{
  REAL scale, offset, step, low, high, threshold, temperature;
} NAME (Unit);

static inline __attribute__ ((always_inline)) NAME (Element) NAME (round_clipped) (const NAME (Unit) * unit, REAL x)
{
  REAL u = (x - unit->offset) / unit->scale, code = BETWEEN (ROUND (u), unit->low, unit->high);

  return (NAME (Element)){.q = code * unit->scale + unit->offset,
                          .dx = (u >= unit->low - (REAL) 0.5) & (u <= unit->high + (REAL) 0.5) ? (REAL) 1 : (REAL) 0};
}

static inline __attribute__ ((always_inline)) NAME (Element) NAME (level_clipped) (const NAME (Unit) * unit, REAL x)
{
  REAL magnitude = MAGNITUDE (x), level = x < 0 ? -unit->scale : unit->scale;

  return (NAME (Element)){.q = magnitude > unit->threshold ? level : (REAL) 0,
                          .dx = magnitude <= unit->scale ? (REAL) 1 : (REAL) 0};
}

/* Masks are numbers: compilers do not compute what may trap for elements that do not need it. */
static inline __attribute__ ((always_inline)) NAME (Element) NAME (learned_step) (const NAME (Unit) *unit, REAL x)
{
  REAL u = (x - unit->offset) / unit->scale, nearest = ROUND (u), code = BETWEEN (nearest, unit->low, unit->high);
  REAL inside = (REAL) ((u > unit->low) & (u < unit->high));

  return (NAME (Element)){.q = code * unit->scale + unit->offset,
                          .dx = inside,
                          .ds = code - inside * u,
                          .db = (REAL) 1 - inside};
}

static inline __attribute__ ((always_inline)) NAME (Element) NAME (learned_binary) (const NAME (Unit) * unit, REAL x)
{
  REAL sign = x < 0 ? (REAL) -1 : (REAL) 1;

  return (NAME (Element)){.q = sign * unit->scale, .dx = MAGNITUDE (x) < unit->scale ? (REAL) 1 : (REAL) 0, .ds = sign};
}

/* The scale that is learned is the range: unit->scale times unit->high. */
static inline __attribute__ ((always_inline)) NAME (Element) NAME (learned_range) (const NAME (Unit) * unit, REAL x)
{
  REAL range = unit->threshold, u = x / unit->scale, code = BETWEEN (ROUND (u), unit->low, unit->high);
  REAL bottom = unit->low < 0 ? -range : (REAL) 0, below = unit->low < 0 ? (REAL) -1 : (REAL) 0;

  return (NAME (Element)){.q = code * unit->scale,
                          .dx = (x > bottom) & (x < range) ? (REAL) 1 : (REAL) 0,
                          .ds = x >= range    ? (REAL) 1
                                : x <= bottom ? below
                                              : (REAL) 0};
}

/* step: n, offset: c. */
static inline __attribute__ ((always_inline)) NAME (Element) NAME (stretched) (const NAME (Unit) *unit, REAL x)
{
  const REAL end = (REAL) 0.99;
  REAL u = x / unit->scale, within = BETWEEN (u, -end, end), most = (unit->step - unit->offset) / unit->step;
  REAL level = (ROUND (within * unit->step - unit->offset) + unit->offset) / unit->step;
  REAL excess = u - within, inside = (REAL) (excess == 0), beyond = most * ((REAL) (excess > 0) - (REAL) (excess < 0));

  return (NAME (Element)){.q = level * unit->scale, .dx = inside, .ds = inside * (level - u) + beyond};
}

/* step: t, low .. high: A, offset: what moves the grid, in steps. */
static inline __attribute__ ((always_inline)) NAME (Element) NAME (trusted) (const NAME (Unit) * unit, REAL x)
{
  REAL code = ROUND (BETWEEN (x, unit->low, unit->high) / unit->step + unit->offset) - unit->offset;

  return (NAME (Element)){.q = code * unit->step, .dx = MAGNITUDE (x) <= unit->threshold ? (REAL) 1 : (REAL) 0};
}

/* threshold: h; step: of x. */
static inline __attribute__ ((always_inline)) NAME (Element) NAME (soft) (const NAME (Unit) * unit, REAL x)
{
  REAL u = (x - unit->offset) / unit->step, within = BETWEEN (u, unit->low, unit->high), half = unit->threshold;
  REAL cell = TANH_FLOOR (within), last = unit->high - 2 * half, curve, slope, level;
  gboolean inside = (u > unit->low) & (u < unit->high);

  cell = BETWEEN (cell, unit->low, last);
  curve = TANH ((within - cell - half) / unit->temperature);
  slope = half / TANH (half / unit->temperature);
  level = cell + half + slope * curve;
  slope = inside ? slope * (1 - curve * curve) / unit->temperature : 0;
  return (NAME (Element)){.q = level * unit->scale + unit->offset,
                          .dx = slope * unit->scale / unit->step,
                          .ds = inside ? level - u * slope : level,
                          .db = 1 - slope};
}

static inline __attribute__ ((always_inline)) NAME (Unit) NAME (get_unit) (const TnQuantizerUnit *unit)
{
  return (NAME (Unit)){(REAL) unit->scale, (REAL) unit->offset,    (REAL) unit->step,       (REAL) unit->low,
                       (REAL) unit->high,  (REAL) unit->threshold, (REAL) unit->temperature};
}

static inline __attribute__ ((always_inline)) void
NAME (forward_loop) (NAME (Element) element (const NAME (Unit) *, REAL), const TnQuantizerUnit *from, REAL lambda, const REAL *x,
                     gsize n, REAL *y)
{
  NAME (Unit) unit = NAME (get_unit) (from);

  /* x - x: what is not finite shows. */
  if (lambda == 1)
    for (gsize i = 0; i < n; i++)
      y[i] = element (&unit, x[i]).q + (x[i] - x[i]);
  else
    for (gsize i = 0; i < n; i++)
      y[i] = x[i] + lambda * (element (&unit, x[i]).q - x[i]);
}

/* A piece of at most PIECE elements; lambda is 1 unless it is mixed. */
static inline __attribute__ ((always_inline)) void NAME (backward_piece) (NAME (Element) element (const NAME (Unit) *, REAL),
                                                                          const NAME (Unit) *unit, gboolean mixed, REAL lambda,
                                                                          const REAL *restrict x, const REAL *restrict g, gsize n,
                                                                          REAL *restrict dx, gboolean adds, REAL *restrict scales,
                                                                          REAL *restrict offsets)
{
  for (gsize i = 0; i < n; i++)
    {
      NAME (Element) at = element (unit, x[i]);
      REAL passed = g[i] * at.dx;

      if (mixed)
        passed = g[i] + lambda * (passed - g[i]);
      scales[i] = g[i] * at.ds;
      offsets[i] = g[i] * at.db;
      dx[i] = adds ? dx[i] + passed : passed;
    }
}

/* dx NULL: not wanted. Adds to sums of scale and offset: in lanes of a piece, then of the pieces in their order. */
static inline __attribute__ ((always_inline)) void NAME (backward_loop) (NAME (Element) element (const NAME (Unit) *, REAL),
                                                                         const TnQuantizerUnit *from, REAL lambda, const REAL *x,
                                                                         const REAL *g, gsize n, REAL *dx, gboolean adds,
                                                                         double sums[2])
{
  NAME (Unit) unit = NAME (get_unit) (from);

  for (gsize first = 0; first < n; first += PIECE)
    {
      gsize m = MIN (PIECE, n - first);
      REAL scales[PIECE] = {0}, offsets[PIECE] = {0}, unwanted[PIECE];
      REAL *out = dx != NULL ? dx + first : unwanted;

      if (lambda == 1 && !(adds && dx != NULL))
        NAME (backward_piece) (element, &unit, FALSE, 1, x + first, g + first, m, out, FALSE, scales, offsets);
      else if (lambda == 1)
        NAME (backward_piece) (element, &unit, FALSE, 1, x + first, g + first, m, out, TRUE, scales, offsets);
      else
        NAME (backward_piece) (element, &unit, TRUE, lambda, x + first, g + first, m, out, adds && dx != NULL, scales, offsets);
      for (gsize half = PIECE / 2; half > 0; half /= 2)
        for (gsize i = 0; i < half; i++)
          {
            scales[i] += scales[i + half];
            offsets[i] += offsets[i + half];
          }
      sums[0] += (double) scales[0];
      sums[1] += (double) offsets[0];
    }
}

#define EACH_RULE(do)                                                                                                            \
  switch (rule)                                                                                                                  \
    {                                                                                                                            \
    case TN_RULE_OF_LEVEL:                                                                                                       \
      do                                                                                                                         \
        (NAME (level_clipped));                                                                                                  \
      break;                                                                                                                     \
    case TN_RULE_OF_STEP:                                                                                                        \
      do                                                                                                                         \
        (NAME (learned_step));                                                                                                   \
      break;                                                                                                                     \
    case TN_RULE_OF_SIGN:                                                                                                        \
      do                                                                                                                         \
        (NAME (learned_binary));                                                                                                 \
      break;                                                                                                                     \
    case TN_RULE_OF_RANGE:                                                                                                       \
      do                                                                                                                         \
        (NAME (learned_range));                                                                                                  \
      break;                                                                                                                     \
    case TN_RULE_OF_STRETCH:                                                                                                     \
      do                                                                                                                         \
        (NAME (stretched));                                                                                                      \
      break;                                                                                                                     \
    case TN_RULE_OF_TRUST:                                                                                                       \
      do                                                                                                                         \
        (NAME (trusted));                                                                                                        \
      break;                                                                                                                     \
    case TN_RULE_OF_SOFT:                                                                                                        \
      do                                                                                                                         \
        (NAME (soft));                                                                                                           \
      break;                                                                                                                     \
    case TN_RULE_OF_ROUND:                                                                                                       \
    default:                                                                                                                     \
      do                                                                                                                         \
        (NAME (round_clipped));                                                                                                  \
    }

#define FORWARD(element) NAME (forward_loop) (element, unit, lambda, x, n, y)
#define BACKWARD(element) NAME (backward_loop) (element, unit, lambda, x, g, n, dx, adds, sums)

static inline __attribute__ ((always_inline)) void
NAME (forward_all) (TnElementRule rule, const TnQuantizerUnit *unit, REAL lambda, const REAL *x, gsize n, REAL *y)
{
  EACH_RULE (FORWARD)
}

static inline __attribute__ ((always_inline)) void
NAME (backward_all) (TnElementRule rule, const TnQuantizerUnit *unit, REAL lambda, const REAL *x, const REAL *g, gsize n,
                     REAL *dx, gboolean adds, double sums[2])
{
  EACH_RULE (BACKWARD)
}

#undef FORWARD
#undef BACKWARD
#undef EACH_RULE
#undef ROUND
#undef BETWEEN
#undef MAGNITUDE
