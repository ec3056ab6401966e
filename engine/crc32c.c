/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/crc32c.h"

#include <string.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */
#define N_TABLES 8
/* Three sums run side by side over pieces of this many bytes, for one instruction waits on the one before. */
#define PIECE_BYTES 4096

typedef struct
{
  guint32 bytes[N_TABLES][256]; /* [k][b]: b followed by k zero bytes */
  guint32 piece[4][256];        /* a sum's bytes followed by PIECE_BYTES zero bytes */
} Tables;

/* The product of two polynomials modulo the CRC's; bit 31 is the coefficient of x^0. */
static guint32
multiply (guint32 a, guint32 b)
{
  guint32 product = 0;

  for (guint32 bit = 0x80000000; bit != 0; bit >>= 1)
    {
      product ^= a & bit ? b : 0;
      b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
  return product;
}

/* x^(8 n): multiplying by it appends n zero bytes. */
static guint32
get_shift (guint64 n)
{
  guint32 shift = 0x80000000, power = 0x00800000; /* 1, x^8 */

  for (; n > 0; n >>= 1)
    {
      if (n & 1)
        shift = multiply (shift, power);
      power = multiply (power, power);
    }
  return shift;
}

static gpointer
make_tables (gpointer unused)
{
  Tables *self = g_new (Tables, 1);
  guint32 shift = get_shift (PIECE_BYTES);

  for (guint b = 0; b < 256; b++)
    {
      guint32 sum = b;

      for (guint bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
      self->bytes[0][b] = sum;
      for (guint k = 0; k < 4; k++)
        self->piece[k][b] = multiply (shift, b << 8 * k);
    }
  for (guint k = 1; k < N_TABLES; k++)
    for (guint b = 0; b < 256; b++)
      self->bytes[k][b] = self->bytes[k - 1][b] >> 8 ^ self->bytes[0][self->bytes[k - 1][b] & 255];
  return self;
}

static const Tables *
get_tables (void)
{
  static GOnce once = G_ONCE_INIT;

  return g_once (&once, make_tables, NULL);
}

static inline guint64
read_word (const guint8 *bytes)
{
  guint64 word;

  memcpy (&word, bytes, sizeof word);
  return GUINT64_FROM_LE (word);
}

guint32
tn_crc32c_table (guint32 crc, const void *data, gsize n)
{
  const Tables *tables = get_tables ();
  const guint8 *bytes = data;

  crc = ~crc;
  for (; n >= 8; n -= 8, bytes += 8)
    {
      guint64 word = read_word (bytes) ^ crc;

      crc = 0;
      for (guint k = 0; k < 8; k++)
        crc ^= tables->bytes[7 - k][word >> 8 * k & 255];
    }
  for (; n > 0; n--, bytes++)
    crc = crc >> 8 ^ tables->bytes[0][(crc ^ *bytes) & 255];
  return ~crc;
}

guint32
tn_crc32c_join (guint32 a, guint32 b, guint64 b_bytes)
{
  return multiply (get_shift (b_bytes), a) ^ b;
}

#if defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)
#define TARGET __attribute__ ((target ("sse4.2")))
#define ADD_WORD(crc, word) ((guint32) _mm_crc32_u64 ((crc), (word)))
#define ADD_BYTE(crc, byte) _mm_crc32_u8 ((crc), (byte))

static gboolean
have_instruction (void)
{
  return __builtin_cpu_supports ("sse4.2");
}
#else
#define TARGET __attribute__ ((target ("+crc")))
#define ADD_WORD(crc, word) __crc32cd ((crc), (word))
#define ADD_BYTE(crc, byte) __crc32cb ((crc), (byte))

static gboolean
have_instruction (void)
{
  return (getauxval (AT_HWCAP) & HWCAP_CRC32) != 0;
}
#endif

static inline guint32
append_zeros (const Tables *tables, guint32 crc)
{
  return tables->piece[0][crc & 255] ^ tables->piece[1][crc >> 8 & 255] ^ tables->piece[2][crc >> 16 & 255] ^
         tables->piece[3][crc >> 24];
}

TARGET static guint32
sum_hardware (guint32 crc, const guint8 *bytes, gsize n)
{
  crc = ~crc;
  if (n >= 3 * PIECE_BYTES)
    {
      const Tables *tables = get_tables ();

      for (; n >= 3 * PIECE_BYTES; n -= 3 * PIECE_BYTES, bytes += 3 * PIECE_BYTES)
        {
          guint32 second = 0, third = 0;

          for (gsize i = 0; i < PIECE_BYTES; i += 8)
            {
              crc = ADD_WORD (crc, read_word (bytes + i));
              second = ADD_WORD (second, read_word (bytes + PIECE_BYTES + i));
              third = ADD_WORD (third, read_word (bytes + 2 * PIECE_BYTES + i));
            }
          crc = append_zeros (tables, append_zeros (tables, crc) ^ second) ^ third;
        }
    }
  for (; n >= 8; n -= 8, bytes += 8)
    crc = ADD_WORD (crc, read_word (bytes));
  for (; n > 0; n--, bytes++)
    crc = ADD_BYTE (crc, *bytes);
  return ~crc;
}
#endif

guint32
tn_crc32c (guint32 crc, const void *data, gsize bytes)
{
#if defined(__x86_64__) || defined(__aarch64__)
  if (have_instruction ())
    return sum_hardware (crc, data, bytes);
#endif
  return tn_crc32c_table (crc, data, bytes);
}
