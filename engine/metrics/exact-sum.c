/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/exact-sum.h"

#include <math.h>
#include <string.h>

#define DIGIT_BITS 32
#define DIGIT_MASK G_GUINT64_CONSTANT (0xffffffff)
#define MOST_PENDING (1U << 30)
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023

/* Every digit but the highest, which has the sign, into 0 .. 2^32 - 1. */
static void
carry (TnExactSum *self)
{
  gint64 over = 0;

  for (guint i = 0; i + 1 < TN_EXACT_SUM_LIMBS; i++)
    {
      gint64 digit = self->limbs[i] + over;

      over = digit >> DIGIT_BITS;
      self->limbs[i] = digit & (gint64) DIGIT_MASK;
    }
  self->limbs[TN_EXACT_SUM_LIMBS - 1] += over;
  self->pending = 0;
}

void
tn_exact_sum_add (TnExactSum *self, double x)
{
  guint64 bits, mantissa;
  unsigned __int128 shifted;
  int exponent, position;
  gint64 sign, *digit;

  memcpy (&bits, &x, sizeof bits);
  exponent = (int) (bits >> MANTISSA_BITS & 0x7ff);
  g_return_if_fail (exponent < EXPONENT_BIAS + 416);
  if (exponent == 0)
    return; /* far below the quantum */
  mantissa = (bits & ((G_GUINT64_CONSTANT (1) << MANTISSA_BITS) - 1)) | G_GUINT64_CONSTANT (1) << MANTISSA_BITS;
  position = exponent - EXPONENT_BIAS - MANTISSA_BITS - TN_EXACT_SUM_QUANTUM_LOG2;
  if (position < 0)
    {
      if (position < -MANTISSA_BITS)
        return;
      mantissa >>= -position;
      position = 0;
    }
  shifted = (unsigned __int128) mantissa << (position % DIGIT_BITS);
  sign = bits >> 63 ? -1 : 1;
  digit = &self->limbs[position / DIGIT_BITS];
  digit[0] += sign * (gint64) ((guint64) shifted & DIGIT_MASK);
  digit[1] += sign * (gint64) ((guint64) (shifted >> DIGIT_BITS) & DIGIT_MASK);
  digit[2] += sign * (gint64) (guint64) (shifted >> 2 * DIGIT_BITS);
  if (++self->pending == MOST_PENDING)
    carry (self);
}

void
tn_exact_sum_merge (TnExactSum *self, const TnExactSum *other)
{
  TnExactSum settled = *other;

  carry (&settled);
  carry (self);
  for (guint i = 0; i < TN_EXACT_SUM_LIMBS; i++)
    self->limbs[i] += settled.limbs[i];
  carry (self);
}

double
tn_exact_sum_to_double (const TnExactSum *self)
{
  TnExactSum sum = *self;
  unsigned __int128 leading = 0;
  guint64 mantissa, rest = 0;
  gboolean negative;
  int top = TN_EXACT_SUM_LIMBS - 1, digits = 0;
  guint shift;

  carry (&sum);
  negative = sum.limbs[TN_EXACT_SUM_LIMBS - 1] < 0;
  if (negative)
    {
      for (guint i = 0; i < TN_EXACT_SUM_LIMBS; i++)
        sum.limbs[i] = -sum.limbs[i];
      carry (&sum);
    }
  while (top >= 0 && sum.limbs[top] == 0)
    top--;
  if (top < 0)
    return 0.0;
  /* Three digits hold 65 bits at least; whether any below is set decides ties alone. */
  for (int i = top; i >= 0; i--)
    {
      if (digits == 3)
        {
          rest |= (guint64) sum.limbs[i];
          continue;
        }
      leading = leading << DIGIT_BITS | (unsigned __int128) (guint64) sum.limbs[i];
      digits++;
    }
  shift = 0;
  while (leading >> shift >> 64 != 0)
    shift++;
  mantissa = (guint64) (leading >> shift);
  if ((leading & (((unsigned __int128) 1 << shift) - 1)) != 0 || rest != 0)
    mantissa |= 1;
  {
    double value = ldexp ((double) mantissa, (int) shift + (top - digits + 1) * DIGIT_BITS + TN_EXACT_SUM_QUANTUM_LOG2);

    return negative ? -value : value;
  }
}
