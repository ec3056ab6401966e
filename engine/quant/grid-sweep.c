/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/grid-sweep.h"

#include <math.h>
#include <string.h>

#define FEW_CHANGES 512
#define RADIX_CHANGES 4096
#define RADIX_BITS 11
#define RADIX_BINS (1 << RADIX_BITS)

/* The code of a magnitude. */
static inline double
get_code (double x, double scale, double limit)
{
  return x == 0.0 ? 0.0 : MIN (floor (x / scale + 0.5), limit);
}

/* A change of code: the scale as a float in the upper half, so that comparing changes compares scales, then value and code.
 * Scales that differ by less than a float shows may change places: what is found is then the error of codes that do not all round
 * to nearest, and no smaller than that of those that do. */
typedef guint64 Change;

static inline Change
make_change (double scale, gsize value, guint code)
{
  float narrow = (float) scale;
  guint32 bits;

  memcpy (&bits, &narrow, sizeof bits);
  return (Change) bits << 32 | (Change) value << 8 | code;
}

static void
merge_sort (Change *changes, Change *other, gsize n)
{
  Change *from = changes, *to = other;

  for (gsize i = 0; i < n; i += 8)
    for (gsize k = i + 1; k < MIN (i + 8, n); k++)
      {
        Change change = from[k];
        gsize place = k;

        for (; place > i && from[place - 1] > change; place--)
          from[place] = from[place - 1];
        from[place] = change;
      }
  for (gsize length = 8; length < n; length *= 2)
    {
      Change *swapped = from;

      for (gsize start = 0; start < n; start += 2 * length)
        {
          gsize a = start, middle = MIN (start + length, n), b = middle, end = MIN (start + 2 * length, n);

          for (gsize k = start; k < end; k++)
            to[k] = b == end || (a < middle && from[a] <= from[b]) ? from[a++] : from[b++];
        }
      from = to;
      to = swapped;
    }
  if (from != changes)
    memcpy (changes, from, n * sizeof *changes);
}

static void
radix_sort (Change *changes, Change *other, gsize n)
{
  g_autofree gsize *starts = g_new (gsize, RADIX_BINS);
  Change *from = changes, *to = other;

  for (guint shift = 32; shift < 64; shift += RADIX_BITS)
    {
      Change *swapped = from;
      gsize before = 0;

      memset (starts, 0, RADIX_BINS * sizeof *starts);
      for (gsize i = 0; i < n; i++)
        starts[from[i] >> shift & (RADIX_BINS - 1)]++;
      for (guint digit = 0; digit < RADIX_BINS; digit++)
        {
          gsize count = starts[digit];

          starts[digit] = before;
          before += count;
        }
      for (gsize i = 0; i < n; i++)
        to[starts[from[i] >> shift & (RADIX_BINS - 1)]++] = from[i];
      from = to;
      to = swapped;
    }
  if (from != changes)
    memcpy (changes, from, n * sizeof *changes);
}

double
tn_grid_sweep_count (const TnDistribution *values, double first, double last, double low, double high)
{
  double n = 0.0;

  for (gsize i = 0; i < values->n; i++)
    {
      double x = fabs (values->low[i]), limit = values->folded || values->low[i] > 0.0 ? last : -first;

      n += get_code (x, low, limit) - get_code (x, high, limit);
    }
  return n;
}

double
tn_grid_sweep (const TnDistribution *values, double first, double last, double low, double high, double *scale)
{
  gsize most = (gsize) tn_grid_sweep_count (values, first, last, low, high), n = 0;
  Change few[2 * FEW_CHANGES];
  g_autofree Change *many = most > FEW_CHANGES ? g_new (Change, 2 * most) : NULL;
  Change *changes = many != NULL ? many : few;
  double cross = 0.0, squares = 0.0, gain = 0.0, best = high;

  for (gsize i = 0; i < values->n; i++)
    {
      double x = fabs (values->low[i]), limit = values->folded || values->low[i] > 0.0 ? last : -first;
      double weight = tn_distribution_weight (values, i);
      guint code = (guint) get_code (x, high, limit), end = (guint) get_code (x, low, limit);

      cross += weight * code * x;
      squares += weight * ((double) code * code);
      while (code < end)
        {
          code++;
          changes[n++] = make_change (x / (code - 0.5), i, code);
        }
    }
  if (n <= RADIX_CHANGES)
    merge_sort (changes, changes + most, n);
  else
    radix_sort (changes, changes + most, n);
  if (squares > 0.0)
    {
      gain = cross * cross / squares;
      best = cross / squares;
    }
  for (gsize i = n; i-- > 0;)
    {
      gsize value = (gsize) (changes[i] >> 8 & 0xffffff);
      double weight = tn_distribution_weight (values, value);

      cross += weight * fabs (values->low[value]);
      squares += weight * (2.0 * (double) (changes[i] & 0xff) - 1.0);
      if (cross * cross > gain * squares)
        {
          gain = cross * cross / squares;
          best = cross / squares;
        }
    }
  *scale = best;
  return MAX (values->square[values->n] - gain, 0.0);
}
