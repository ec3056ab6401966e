/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/dynamic-map.h"

#include <float.h>
#include <string.h>

#include "engine/kernels/lanes16.h"

#define DECADES 7
#define N_CODES 256
#define ZERO_SIGNED 127

/* Value k of those above 0, in decade i with n parts: 10^(i - 6) (0.1 + 0.9 (j + 1/2) / n), k counted through. Value 1 is a
 * decade of its own. In the middle of decade i, k = floor (x factor + offset); where a decade begins, halfway from the last value
 * before, that is right, too; at its end k would go on. */
typedef struct
{
  float map[N_CODES];
  float zero_end; /* up to here 0 is nearest */
  float starts[DECADES + 1];
  float factors[DECADES + 1];
  float offsets[DECADES + 1];
  float lasts[DECADES + 1]; /* k of the last value */
} Map;

static double
power_of_ten (int exponent)
{
  static const double powers[DECADES] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0};

  return powers[exponent + DECADES - 1];
}

static float
value_of (guint decade, guint parts, guint j)
{
  return (float) ((0.1 + 0.9 * (j + 0.5) / parts) * power_of_ten ((int) decade - (DECADES - 1)));
}

static void
make_map (Map *self, TnDynamicSign sign)
{
  guint first = sign == TN_DYNAMIC_SIGNED ? 1 : 2, zero = sign == TN_DYNAMIC_SIGNED ? ZERO_SIGNED : 0, k = 0;

  self->map[zero] = 0.0f;
  for (guint decade = 0; decade < DECADES; decade++)
    {
      guint parts = first << decade;
      float last = self->map[zero + k];

      for (guint j = 0; j < parts; j++, k++)
        {
          self->map[zero + 1 + k] = value_of (decade, parts, j);
          if (sign == TN_DYNAMIC_SIGNED)
            self->map[zero - 1 - k] = -value_of (decade, parts, j);
        }
      self->starts[decade] = 0.5f * (last + value_of (decade, parts, 0));
      self->factors[decade] = (float) (parts / (0.9 * power_of_ten ((int) decade - (DECADES - 1))));
      self->offsets[decade] = (float) (k - parts - parts / 9.0);
      self->lasts[decade] = (float) (k - 1);
    }
  self->map[N_CODES - 1] = 1.0f;
  self->starts[DECADES] = 0.5f * (self->map[zero + k] + 1.0f);
  self->offsets[DECADES] = self->lasts[DECADES] = (float) k;
  /* What is not 0 and never negative does not become 0. */
  self->zero_end = sign == TN_DYNAMIC_SIGNED ? self->starts[0] : 0.0f;
}

static const Map *
get_map (TnDynamicSign sign)
{
  static Map maps[2];
  static gsize made = 0;

  if (g_once_init_enter (&made))
    {
      make_map (&maps[TN_DYNAMIC_SIGNED], TN_DYNAMIC_SIGNED);
      make_map (&maps[TN_DYNAMIC_UNSIGNED], TN_DYNAMIC_UNSIGNED);
      g_once_init_leave (&made, 1);
    }
  return &maps[sign];
}

const float *
tn_dynamic_map_get (TnDynamicSign sign)
{
  return get_map (sign)->map;
}

/* table[index], for index below 8. */
#if TN_PIECE == 8
#define LOOK_UP(table, index) __builtin_shuffle ((table)[0], (index))
#define TABLE_PIECES 1
#else
#define LOOK_UP(table, index) __builtin_shuffle ((table)[0], (table)[1], (index))
#define TABLE_PIECES 2
#endif

/* zero: the code of 0. Codes above it are those of values; below it, in the same order, of their negatives, but for 1. */
TN_KERNEL_INLINE void
find_codes (const float *x, float inverse, const Map *map, gint32 zero, gint32 *codes)
{
  TnFloats factors[TABLE_PIECES], offsets[TABLE_PIECES], lasts[TABLE_PIECES];

  memcpy (factors, map->factors, sizeof factors);
  memcpy (offsets, map->offsets, sizeof offsets);
  memcpy (lasts, map->lasts, sizeof lasts);
  for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i += TN_PIECE)
    {
      TnFloats value, a, k, last;
      TnInts decade = {0}, negative, code;

      memcpy (&value, x + i, sizeof value);
      a = (TnFloats) ((TnInts) value & 0x7fffffff) * inverse;
      negative = (TnInts) value >> 31;
      _Pragma ("GCC unroll 8") for (guint d = 1; d <= DECADES; d++) decade -= a >= map->starts[d];
      k = a * LOOK_UP (factors, decade) + LOOK_UP (offsets, decade);
      last = LOOK_UP (lasts, decade);
      k = TN_SELECT (k < last, k, last);
      code = (__builtin_convertvector(k, TnInts) + 1) & (a > map->zero_end);
      code = zero + ((code ^ negative) - negative);
      code &= ~(code >> 31);
      memcpy (codes + i, &code, sizeof code);
    }
}

/* Of the bits, which are ordered as the magnitudes are, with NaN above all. */
TN_KERNEL_INLINE float
largest_magnitude (const float *x)
{
  gint32 most = 0;
  float magnitude;

  for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
    {
      gint32 bits;

      memcpy (&bits, x + i, sizeof bits);
      bits &= 0x7fffffff;
      most = bits > most ? bits : most;
    }
  memcpy (&magnitude, &most, sizeof magnitude);
  return magnitude;
}

TN_KERNEL_INLINE void
tn_dynamic_encode_block_body (const float *x, TnDynamicSign sign, const Map *map, guint8 *codes, float *scale)
{
  gint32 wide[TN_DYNAMIC_BLOCK], zero = sign == TN_DYNAMIC_SIGNED ? ZERO_SIGNED : 0;
  float most = largest_magnitude (x);

  if (most < FLT_MIN)
    {
      *scale = 0.0f;
      memset (codes, zero, TN_DYNAMIC_BLOCK);
      return;
    }
  *scale = most;
  find_codes (x, 1.0f / most, map, zero, wide);
  for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
    codes[i] = (guint8) wide[i];
}

void tn_dynamic_encode_block (const float *x, TnDynamicSign sign, const Map *map, guint8 *codes, float *scale);
TN_KERNEL_DEFINE (tn_dynamic_encode_block, (const float *x, TnDynamicSign sign, const Map *map, guint8 *codes, float *scale),
                  (x, sign, map, codes, scale))

void
tn_dynamic_encode (const float *x, gsize n, TnDynamicSign sign, guint8 *codes, float *scale)
{
  const Map *map = get_map (sign);
  float all[TN_DYNAMIC_BLOCK] = {0};
  guint8 all_codes[TN_DYNAMIC_BLOCK];

  if (n == TN_DYNAMIC_BLOCK)
    {
      tn_dynamic_encode_block (x, sign, map, codes, scale);
      return;
    }
  memcpy (all, x, n * sizeof *x);
  tn_dynamic_encode_block (all, sign, map, all_codes, scale);
  memcpy (codes, all_codes, n);
}

TN_KERNEL_INLINE void
tn_dynamic_decode_block_body (const guint8 *codes, gsize n, const float *map, float scale, float *restrict out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = map[codes[i]] * scale;
}

void tn_dynamic_decode_block (const guint8 *codes, gsize n, const float *map, float scale, float *out);
TN_KERNEL_DEFINE (tn_dynamic_decode_block, (const guint8 *codes, gsize n, const float *map, float scale, float *out),
                  (codes, n, map, scale, out))

void
tn_dynamic_decode (const guint8 *codes, gsize n, TnDynamicSign sign, float scale, float *out)
{
  tn_dynamic_decode_block (codes, n, get_map (sign)->map, scale, out);
}
