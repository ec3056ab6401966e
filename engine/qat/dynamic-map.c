/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/dynamic-map.h"

#include <float.h>
#include <string.h>

#include "engine/kernels/lanes16.h"

#define DECADES 7
#define N_CODES 256
#define ZERO_SIGNED 127

/* Value k of those above 0, in decade i with n parts: 10^(i - 6) (0.1 + 0.9 (j + 1/2) / n), n = 2^i first, k = n - first + j.
 * Lookups take one of 8. */
typedef struct
{
  float map[N_CODES];
  float zero_end;         /* up to here 0 is nearest */
  float decade_starts[8]; /* [1] …: from here on the values of decade i are nearest */
  float factors[8];       /* k = floor (x factor + offset) in the middle of decades */
  float one_start;        /* from here on 1 is nearest */
  float first;
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
  self->map[N_CODES - 1] = 1.0f;
  for (guint decade = 0; decade < DECADES; decade++)
    {
      guint parts = first << decade;

      for (guint j = 0; j < parts; j++, k++)
        {
          self->map[zero + 1 + k] = value_of (decade, parts, j);
          if (sign == TN_DYNAMIC_SIGNED)
            self->map[zero - 1 - k] = -value_of (decade, parts, j);
        }
      self->factors[decade] = (float) (parts / (0.9 * power_of_ten ((int) decade - (DECADES - 1))));
      if (decade > 0)
        self->decade_starts[decade] = 0.5f * (value_of (decade - 1, parts / 2, parts / 2 - 1) + value_of (decade, parts, 0));
    }
  self->factors[DECADES] = self->factors[DECADES - 1];
  self->decade_starts[0] = 0.0f;
  self->decade_starts[DECADES] = 2.0f;
  self->zero_end = 0.5f * self->map[zero + 1];
  self->one_start = 0.5f * (self->map[N_CODES - 2] + 1.0f);
  self->first = (float) first;
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

/* |x| / scale in [0, 1] to 0 for zero, 1 + k for value k, and one more for 1. */
TN_KERNEL_INLINE void
find_values (const float *x, float inverse, const Map *map, gint32 *values)
{
  TnFloats table[TABLE_PIECES];

  memcpy (table, map->factors, sizeof table);
  for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i += TN_PIECE)
    {
      TnFloats a, parts, k;
      TnInts decade = {0}, value;

      memcpy (&a, x + i, sizeof a);
      a = (TnFloats) ((TnInts) a & 0x7fffffff) * inverse;
      _Pragma ("GCC unroll 8") for (guint d = 1; d < DECADES; d++) decade -= a >= map->decade_starts[d];
      /* 2^decade */
      parts = (TnFloats) ((decade + 127) << 23) * map->first;
      k = a * LOOK_UP (table, decade) + (parts * (8.0f / 9.0f) - map->first);
      k = TN_SELECT (k > parts - map->first, k, parts - map->first);
      k = TN_SELECT (k < 2.0f * parts - map->first - 1.0f, k, 2.0f * parts - map->first - 1.0f);
      value = __builtin_convertvector(k, TnInts) + 1 - (a >= map->one_start);
      value &= a > map->zero_end;
      memcpy (values + i, &value, sizeof value);
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
  gint32 values[TN_DYNAMIC_BLOCK];
  float most = largest_magnitude (x);

  if (most < FLT_MIN)
    {
      *scale = 0.0f;
      memset (codes, sign == TN_DYNAMIC_SIGNED ? ZERO_SIGNED : 0, TN_DYNAMIC_BLOCK);
      return;
    }
  *scale = most;
  find_values (x, 1.0f / most, map, values);
  if (sign == TN_DYNAMIC_SIGNED)
    for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
      {
        gint32 value = values[i], below = value < ZERO_SIGNED ? value : ZERO_SIGNED;

        codes[i] = (guint8) (ZERO_SIGNED + (x[i] < 0.0f ? -below : value));
      }
  else
    for (gsize i = 0; i < TN_DYNAMIC_BLOCK; i++)
      {
        gint32 least = x[i] > 0.0f;

        codes[i] = (guint8) (values[i] > least ? values[i] : least);
      }
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
