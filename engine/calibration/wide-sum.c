/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/wide-sum.h"

#include <math.h>
#include <string.h>

#define QUANTUM_BITS (-TN_WIDE_SUM_QUANTUM_LOG2)

/* Adds or subtracts the 128-bit number (low, high) at a limb. */
static inline void
add_at (guint64 *limbs, guint limb, guint64 low, guint64 high, gboolean negative)
{
  guint64 parts[TN_WIDE_SUM_LIMBS] = {0};
  unsigned char carry = 0;

  parts[limb] = low;
  if (limb + 1 < TN_WIDE_SUM_LIMBS)
    parts[limb + 1] = high;
  for (guint i = limb; i < TN_WIDE_SUM_LIMBS; i++)
    {
      unsigned __int128 wide;

      if (negative)
        wide = (unsigned __int128) limbs[i] - parts[i] - carry;
      else
        wide = (unsigned __int128) limbs[i] + parts[i] + carry;
      limbs[i] = (guint64) wide;
      carry = (wide >> 64) != 0;
    }
}

void
tn_wide_sum_add (TnWideSum *self, double x)
{
  guint64 bits, mantissa;
  int exponent, position;
  guint limb, shift;

  memcpy (&bits, &x, sizeof bits);
  mantissa = bits & ((G_GUINT64_CONSTANT (1) << 52) - 1);
  exponent = (int) ((bits >> 52) & 0x7ff);
  g_return_if_fail (exponent < 1023 + 158);
  if (exponent == 0)
    return; /* zero or far below the quantum */
  mantissa |= G_GUINT64_CONSTANT (1) << 52;
  position = exponent - 1023 - 52 + QUANTUM_BITS;
  if (position < 0)
    {
      if (position < -53)
        return;
      mantissa = (mantissa + (G_GUINT64_CONSTANT (1) << (-position - 1))) >> -position;
      position = 0;
    }
  limb = (guint) position / 64;
  shift = (guint) position % 64;
  add_at (self->limbs, limb, mantissa << shift, shift != 0 ? mantissa >> (64 - shift) : 0, (bits >> 63) != 0);
}

void
tn_wide_sum_merge (TnWideSum *self, const TnWideSum *other)
{
  guint64 carry = 0;

  for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
    {
      unsigned __int128 wide = (unsigned __int128) self->limbs[i] + other->limbs[i] + carry;

      self->limbs[i] = (guint64) wide;
      carry = (guint64) (wide >> 64);
    }
}

/* Nearest double (ties to even) of a magnitude in units of 2^quantum_log2. */
static double
magnitude_to_double (const guint64 *limbs, guint n_limbs, int quantum_log2)
{
  guint top = n_limbs;
  guint64 mantissa, rest;
  guint shift;

  while (top > 0 && limbs[top - 1] == 0)
    top--;
  if (top == 0)
    return 0.0;
  top--;
  /* 64 leading bits in mantissa; whether any bit below is set decides ties alone. */
  shift = (guint) __builtin_clzll (limbs[top]);
  mantissa = limbs[top] << shift;
  rest = 0;
  if (top > 0)
    {
      if (shift > 0)
        mantissa |= limbs[top - 1] >> (64 - shift);
      rest = shift > 0 ? limbs[top - 1] << shift : limbs[top - 1];
      for (guint i = 0; i + 1 < top; i++)
        rest |= limbs[i];
    }
  /* Converting 64 bits to double rounds to nearest even; a sticky lowest bit makes that right for all of them. */
  if (rest != 0)
    mantissa |= 1;
  return ldexp ((double) mantissa, (int) (64 * top) - (int) shift + quantum_log2);
}

double
tn_wide_sum_to_double (const TnWideSum *self)
{
  TnWideSum magnitude = *self;
  gboolean negative = (self->limbs[TN_WIDE_SUM_LIMBS - 1] >> 63) != 0;
  double value;

  if (negative)
    {
      guint64 carry = 1;

      for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
        {
          magnitude.limbs[i] = ~magnitude.limbs[i] + carry;
          carry = carry != 0 && magnitude.limbs[i] == 0;
        }
    }
  value = magnitude_to_double (magnitude.limbs, TN_WIDE_SUM_LIMBS, TN_WIDE_SUM_QUANTUM_LOG2);
  return negative ? -value : value;
}

gboolean
tn_wide_sum_equal (const TnWideSum *a, const TnWideSum *b)
{
  return memcmp (a->limbs, b->limbs, sizeof a->limbs) == 0;
}

double
tn_channel_sum_to_double (TnChannelSum sum)
{
  unsigned __int128 magnitude = sum < 0 ? -(unsigned __int128) sum : (unsigned __int128) sum;
  guint64 limbs[2] = {(guint64) magnitude, (guint64) (magnitude >> 64)};
  double value = magnitude_to_double (limbs, 2, TN_CHANNEL_SUM_QUANTUM_LOG2);

  return sum < 0 ? -value : value;
}
