/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "plots/figures/number.h"
#include "plots/figures/ticks.h"

/* Space between two labels, in pixels. */
#define LABEL_GAP 10
/* Decades show 1, 2 and 5 up to this many decades. */
#define FEW_DECADES 2.3
#define MINOR_SPACING 5
/* Round steps may be so much closer than asked for. */
#define CLOSER 0.75
/* A small plot tries for this many, closer together. */
#define LEAST_TICKS 3
/* Symmetric axes crowd around zero: the labels of up to so many decades there may go. */
#define MOST_SKIPPED 3
/* No axis shows more; a view that would is degenerate. */
#define MOST_TICKS 1000

static void
clear_tick (gpointer tick)
{
  g_free (((TnTick *) tick)->label);
}

static TnTicks *
ticks_new (void)
{
  TnTicks *self = g_new0 (TnTicks, 1);

  self->major = g_array_new (FALSE, FALSE, sizeof (TnTick));
  g_array_set_clear_func (self->major, clear_tick);
  self->minor = g_array_new (FALSE, FALSE, sizeof (double));
  return self;
}

void
tn_ticks_free (TnTicks *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->major);
  g_array_unref (self->minor);
  g_free (self);
}

static void
add_major (TnTicks *self, const TnScale *scale, double value, char *label)
{
  double least = MIN (scale->pixel_low, scale->pixel_high), most = MAX (scale->pixel_low, scale->pixel_high);
  TnTick tick = {value, tn_scale_to_pixel (scale, value), label};

  /* Where doubles run out, a rounded tick may fall beside the view. */
  if (tick.pixel < least - 0.5 || tick.pixel > most + 0.5)
    {
      g_free (label);
      return;
    }
  tick.pixel = CLAMP (tick.pixel, least, most);
  g_array_append_val (self->major, tick);
}

static void
add_minor (TnTicks *self, const TnScale *scale, double value)
{
  double pixel = tn_scale_to_pixel (scale, value);

  if (value >= scale->low && value <= scale->high && self->minor->len < MOST_TICKS)
    g_array_append_val (self->minor, pixel);
}

static gboolean
labels_fit (const TnTicks *self, double spacing, TnLabelExtent extent, gpointer user_data)
{
  double last = -INFINITY, last_extent = 0;

  for (guint i = 0; i < self->major->len; i++)
    {
      const TnTick *tick = &g_array_index (self->major, TnTick, i);
      double size = extent (tick->label, user_data), distance = fabs (tick->pixel - last);

      if (i > 0 && (distance < (size + last_extent) / 2 + LABEL_GAP || distance < spacing))
        return FALSE;
      last = tick->pixel;
      last_extent = size;
    }
  return TRUE;
}

/* --- linear ------------------------------------------------------------ */

/* Leading digit 1, 2 or 5, times ten to a power. */
typedef struct
{
  int digit;
  int power;
} Step;

static double
step_value (Step step)
{
  return step.power < 0 ? step.digit / pow (10, -step.power) : step.digit * pow (10, step.power);
}

static Step
step_at_least (double least)
{
  Step step = {1, (int) floor (log10 (least))};
  double unit = least / pow (10, step.power);

  if (unit > 5 * (1 + 1e-9))
    step.power++;
  else if (unit > 2 * (1 + 1e-9))
    step.digit = 5;
  else if (unit > 1 + 1e-9)
    step.digit = 2;
  return step;
}

static Step
step_next (Step step)
{
  if (step.digit == 1)
    return (Step){2, step.power};
  if (step.digit == 2)
    return (Step){5, step.power};
  return (Step){1, step.power + 1};
}

static char *
linear_label (double value, Step step, double magnitude)
{
  int exponent = magnitude > 0 ? (int) floor (log10 (magnitude)) : 0;
  int decimals = MAX (0, exponent - step.power);

  if ((exponent >= 7 || exponent < -3) && (decimals <= 4 || exponent > 12 || exponent < -3))
    return tn_number_scaled (value, exponent, decimals);
  return tn_number_fixed (value, -step.power);
}

static TnTicks *
linear_with_step (const TnScale *scale, Step step)
{
  TnTicks *self = ticks_new ();
  double width = step_value (step), magnitude = MAX (fabs (scale->low), fabs (scale->high));
  double first = ceil (scale->low / width * (1 - copysign (4 * DBL_EPSILON, scale->low)));
  int parts = step.digit == 2 ? 4 : 5;

  for (int i = 0; i < MOST_TICKS; i++)
    {
      double value = (first + i) * width;

      if (!(value <= scale->high + width * 1e-9))
        break;
      add_major (self, scale, value, linear_label (value, step, magnitude));
    }
  for (int i = -parts; i < MOST_TICKS; i++)
    {
      double value = (first + (double) i / parts) * width;

      if (!(value <= scale->high))
        break;
      if (i % parts != 0)
        add_minor (self, scale, value);
    }
  return self;
}

static TnTicks *
linear_ticks (const TnScale *scale, double spacing, TnLabelExtent extent, gpointer user_data)
{
  double count = MAX (LEAST_TICKS, fabs (scale->pixel_high - scale->pixel_low) / spacing);
  Step step = step_at_least (MAX (scale->high / count - scale->low / count, DBL_MIN * 16) * CLOSER);

  for (;; step = step_next (step))
    {
      TnTicks *self = linear_with_step (scale, step);

      if (labels_fit (self, 0, extent, user_data))
        return self;
      tn_ticks_free (self);
    }
}

/* --- decades ----------------------------------------------------------- */

static double
power_of_ten (int exponent, int digit)
{
  return exponent < 0 ? digit / pow (10, -exponent) : digit * pow (10, exponent);
}

static char *
digit_label (int exponent, int digit, gboolean negative)
{
  double value = power_of_ten (exponent, digit);

  if (exponent >= -3 && exponent <= 5)
    return tn_number_fixed (negative ? -value : value, -exponent);
  return tn_number_scaled (negative ? -value : value, exponent, 0);
}

static gboolean
in_view (const TnScale *scale, double value)
{
  return value >= scale->low * (1 - copysign (4 * DBL_EPSILON, scale->low)) &&
         value <= scale->high * (1 + copysign (4 * DBL_EPSILON, scale->high));
}

/* The decades first..last of one sign, from the outermost negative to the outermost positive; stride 0: 1, 2 and 5 of every
 * decade. */
static void
add_decades (TnTicks *self, const TnScale *scale, int first, int last, int stride, gboolean negative)
{
  static const int digits[] = {1, 2, 5};
  guint n_digits = stride == 0 ? G_N_ELEMENTS (digits) : 1;

  for (int i = 0; i <= last - first; i++)
    {
      int exponent = negative ? last - i : first + i;

      if (stride > 1 && (exponent - (scale->kind == TN_AXIS_SYMLOG ? last : 0)) % stride != 0)
        {
          add_minor (self, scale, power_of_ten (exponent, negative ? -1 : 1));
          continue;
        }
      for (guint k = 0; k < n_digits; k++)
        {
          int digit = digits[negative ? n_digits - 1 - k : k];
          double value = power_of_ten (exponent, negative ? -digit : digit);

          if (in_view (scale, value))
            add_major (self, scale, value,
                       stride == 0 ? digit_label (exponent, digit, negative) : tn_number_power (exponent, negative));
        }
    }
}

static void
add_minor_digits (TnTicks *self, const TnScale *scale, int first, int last, double sign)
{
  double decade = fabs (tn_scale_to_pixel (scale, sign * power_of_ten (last, 1)) -
                        tn_scale_to_pixel (scale, sign * power_of_ten (last - 1, 1)));

  /* The gap between 8 and 9 is a twentieth of the decade. */
  if (decade < MINOR_SPACING * 8)
    return;
  for (int exponent = first - 1; exponent <= last; exponent++)
    for (int digit = 2; digit < 10; digit++)
      add_minor (self, scale, sign * power_of_ten (exponent, digit));
}

/* skip: so many decades next to the zero of a symmetric axis stay without a label. */
static TnTicks *
decades_with_stride (const TnScale *scale, int stride, int skip)
{
  TnTicks *self = ticks_new ();
  gboolean symmetric = scale->kind == TN_AXIS_SYMLOG;
  int least = symmetric ? (int) ceil (log10 (scale->linear) - 1e-9) + skip : -400;
  int reach = stride == 0 ? 1 : 0;

  if (symmetric && scale->low < 0)
    {
      int last = (int) floor (log10 (-scale->low) + 1e-9);
      int first = scale->high < 0 ? MAX (least, (int) ceil (log10 (-scale->high) - 1e-9) - reach) : least;

      add_decades (self, scale, first, last, stride, TRUE);
      if (stride == 1)
        add_minor_digits (self, scale, first, last, -1);
    }
  if (symmetric && scale->low <= 0 && scale->high >= 0)
    add_major (self, scale, 0, g_strdup ("0"));
  if (scale->high > 0)
    {
      int last = (int) floor (log10 (scale->high) + 1e-9);
      int first = scale->low > 0 ? MAX (least, (int) ceil (log10 (scale->low) - 1e-9) - reach) : least;

      add_decades (self, scale, first, last, stride, FALSE);
      if (stride == 1)
        add_minor_digits (self, scale, first, last, 1);
    }
  return self;
}

static TnTicks *
decade_ticks (const TnScale *scale, double spacing, TnLabelExtent extent, gpointer user_data)
{
  static const int strides[] = {0, 1, 2, 3, 4, 5, 10, 20, 50, 100, 200};
  double span = tn_scale_forward (scale, scale->high) - tn_scale_forward (scale, scale->low);
  int skips = scale->kind == TN_AXIS_SYMLOG ? MOST_SKIPPED : 0;

  for (guint i = scale->kind == TN_AXIS_LOG && span <= FEW_DECADES ? 0 : 1; i < G_N_ELEMENTS (strides); i++)
    for (int skip = 0; skip <= skips; skip++)
      {
        g_autoptr (TnTicks) self = decades_with_stride (scale, strides[i], skip);

        if (self->major->len < 2)
          break;
        if (labels_fit (self, strides[i] == 0 ? spacing * 0.5 : spacing * 0.6, extent, user_data))
          return g_steal_pointer (&self);
      }
  return NULL;
}

TnTicks *
tn_ticks_new (const TnScale *scale, double spacing, TnLabelExtent extent, gpointer user_data)
{
  double span = tn_scale_forward (scale, scale->high) - tn_scale_forward (scale, scale->low);

  if (scale->kind != TN_AXIS_LINEAR && span >= 0.7)
    {
      TnTicks *self = decade_ticks (scale, spacing, extent, user_data);

      if (self != NULL)
        return self;
    }
  return linear_ticks (scale, spacing, extent, user_data);
}

TnTicks *
tn_ticks_new_named (const TnScale *scale, guint n, const char *const *names, TnLabelExtent extent, gpointer user_data)
{
  TnTicks *self = ticks_new ();
  double column = fabs (tn_scale_to_pixel (scale, 1) - tn_scale_to_pixel (scale, 0)), widest = 0;
  guint every;

  for (guint i = 0; i < n; i++)
    widest = MAX (widest, extent (names[i], user_data));
  every = (guint) CLAMP (ceil ((widest + LABEL_GAP) / MAX (column, 1e-9)), 1, MAX (n, 1));
  for (guint i = 0; i < n; i += every)
    if (i >= scale->low && i <= scale->high)
      add_major (self, scale, i, g_strdup (names[i]));
  return self;
}
