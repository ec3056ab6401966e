/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/quant/packing.h"
#include "engine/random.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/lanes.h"

static const gsize sizes[] = {0, 1, 3, 4, 5, 7, 8, 31, 63, 64, 128, 129, 1000, 7679, 7680, 7681, 7685, 20011};

/* Of the golden bytes: t[i] = ((7 i + i / 5) mod 3) - 1. */
static void
fill_golden (gint8 *codes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    codes[i] = (gint8) ((gint) ((i * 7 + i / 5) % 3) - 1);
}

static gint8 *
make_codes (gsize n, gint low, gint high)
{
  TnRandom random = tn_random_stream (n, "codes");
  gint8 *codes = g_malloc (n + 1);

  for (gsize i = 0; i < n; i++)
    codes[i] = (gint8) (low + (gint) tn_random_below (&random, (guint64) (high - low + 1)));
  codes[n] = 77;
  return codes;
}

static void
assert_sha256 (const guint8 *bytes, gsize n, const char *expected)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, n);

  g_assert_cmpstr (sum, ==, expected);
}

static void
assert_start (const guint8 *bytes, const char *hex)
{
  for (gsize i = 0; hex[2 * i] != '\0'; i++)
    g_assert_cmphex (bytes[i], ==, (guint) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1])));
}

/* Every range of a packed array, for there are heads, middles and tails; and the guard behind the end. */
typedef gsize (*UnpackFunc) (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data);

static void
check_ranges (UnpackFunc unpack, gpointer user_data, const guint8 *bytes, const gint8 *codes, gsize n)
{
  TnRandom random = tn_random_stream (n, "ranges");
  g_autofree gint8 *out = g_malloc (n + 1);

  for (guint i = 0; i < 300; i++)
    {
      gsize first = i == 0 ? 0 : (gsize) tn_random_below (&random, n + 1);
      gsize length = i == 0 ? n : (gsize) tn_random_below (&random, n - first + 1);

      memset (out, 55, n + 1);
      g_assert_cmpuint (unpack (bytes, first, length, out, user_data), ==, 0);
      g_assert_cmpmem (out, length, codes + first, length);
      g_assert_cmpint (out[length], ==, 55);
    }
}

static gsize
unpack_plain (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  return tn_unpack_ternary2 (bytes, first, n, codes);
}

static gsize
unpack_base3 (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  return tn_unpack_ternary5 (bytes, first, n, codes);
}

static gsize
unpack_blocks (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  return tn_unpack_i2_s (bytes, GPOINTER_TO_UINT (user_data), first, n, codes);
}

static gsize
unpack_matrix (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  const guint64 *shape = user_data;

  return tn_unpack_bitnet (bytes, shape[0], shape[1], first, n, codes);
}

static gsize
unpack_integers (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  tn_unpack_bits (GPOINTER_TO_UINT (user_data), bytes, first, n, codes);
  return 0;
}

static void
test_plain (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint portable = 0; portable < 2; portable++)
      {
        gsize n = sizes[i], n_bytes = tn_pack_ternary2_bytes (n);
        g_autofree gint8 *codes = make_codes (n, -1, 1);
        g_autofree guint8 *bytes = g_malloc (n_bytes + 1);
        g_autofree float *values = g_new (float, n + 1);

        g_assert_cmpuint (n_bytes, ==, (n + 3) / 4);
        bytes[n_bytes] = 99;
        tn_lanes_set_portable (portable == 1);
        g_assert_cmpuint (tn_pack_ternary2 (codes, n, bytes), ==, 0);
        g_assert_cmpuint (bytes[n_bytes], ==, 99);
        check_ranges (unpack_plain, NULL, bytes, codes, n);
        tn_lanes_set_portable (FALSE);
        for (gsize j = 0; j < n; j++)
          g_assert_cmpuint (bytes[j / 4] >> 2 * (j % 4) & 3, ==, (guint) (codes[j] + 1));
        for (gsize j = n; j < 4 * n_bytes; j++)
          g_assert_cmpuint (bytes[j / 4] >> 2 * (j % 4) & 3, ==, 1);
        tn_dtype_decode (TN_DTYPE_TERNARY, bytes, n, values);
        for (gsize j = 0; j < n; j++)
          g_assert_cmpfloat (values[j], ==, (float) codes[j]);
      }
}

static void
test_base3 (void)
{
  gint8 all[5 * 243];
  guint8 bytes[256];
  gint8 codes[5];
  guint known = 0;

  for (gint v = 0; v < 243; v++)
    for (gint k = 0, rest = v; k < 5; k++, rest /= 3)
      all[5 * v + 4 - k] = (gint8) (rest % 3 - 1);
  g_assert_cmpuint (tn_pack_ternary5 (all, sizeof all, bytes), ==, 0);
  for (guint v = 0; v < 243; v++)
    g_assert_cmpuint (bytes[v], ==, (v * 256 + 242) / 243);
  for (guint byte = 0; byte < 256; byte++)
    {
      guint8 one = (guint8) byte;
      gsize invalid = tn_unpack_ternary5 (&one, 0, 5, codes);

      g_assert_true (invalid == 0 || invalid == 5);
      known += invalid == 0;
      g_assert_cmpuint (tn_unpack_ternary5 (&one, 3, 2, codes), ==, invalid / 5 * 2);
    }
  g_assert_cmpuint (known, ==, 243);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint portable = 0; portable < 2; portable++)
      {
        gsize n = sizes[i], n_bytes = tn_pack_ternary5_bytes (n);
        g_autofree gint8 *random = make_codes (n, -1, 1);
        g_autofree guint8 *packed = g_malloc (n_bytes + 1);

        g_assert_cmpuint (n_bytes, ==, (n + 4) / 5);
        packed[n_bytes] = 99;
        tn_lanes_set_portable (portable == 1);
        g_assert_cmpuint (tn_pack_ternary5 (random, n, packed), ==, 0);
        g_assert_cmpuint (packed[n_bytes], ==, 99);
        check_ranges (unpack_base3, NULL, packed, random, n);
        tn_lanes_set_portable (FALSE);
        for (gsize j = n; j < 5 * n_bytes; j++)
          g_assert_cmpuint (tn_unpack_ternary5 (packed, j, 1, codes) + (gsize) (codes[0] != 0), ==, 0);
      }
}

/* The digits of TQ1_0 are these, five of a column. */
static void
test_base3_as_tq1_0 (void)
{
  gint8 codes[256];
  float values[256];
  guint8 block[54], byte;

  fill_golden (codes, 256);
  for (guint i = 0; i < 256; i++)
    values[i] = (float) codes[i];
  g_assert_true (tn_dtype_encode (TN_DTYPE_TQ1_0, values, 256, block, NULL));
  for (guint m = 0; m < 32; m++)
    {
      const gint8 digits[] = {codes[m], codes[m + 32], codes[m + 64], codes[m + 96], codes[m + 128]};

      tn_pack_ternary5 (digits, 5, &byte);
      g_assert_cmphex (byte, ==, block[m]);
    }
}

static gsize
unpack_map (const guint8 *bytes, gsize first, gsize n, gint8 *codes, gpointer user_data)
{
  tn_unpack_sparse (bytes, *(const gsize *) user_data, first, n, codes);
  return 0;
}

static void
test_sparse (void)
{
  const guint kinds = 4; /* mixed, no zeros, only zeros, few that are not */
  guint64 size;

  for (guint i = 0; i < 2 * kinds * G_N_ELEMENTS (sizes); i++)
    {
      guint kind = i / 2 % kinds;
      gsize n = sizes[i / 2 / kinds] + (i / 2 / kinds == G_N_ELEMENTS (sizes) - 1 ? 2 * TN_SPARSE_BLOCK : 0);
      g_autofree gint8 *codes = make_codes (n, -1, 1);
      g_autofree guint8 *bytes = NULL;

      for (gsize j = 0; j < n; j++)
        if (kind > 0 && (kind < 3 || j % 97 != 0))
          codes[j] = kind == 1 ? (codes[j] == 0 ? 1 : codes[j]) : 0;
      g_assert_true (tn_pack_sparse_bytes (n, tn_count_nonzero (codes, n), &size));
      bytes = g_malloc (size + 1);
      bytes[size] = 99;
      tn_lanes_set_portable (i % 2 == 1);
      g_assert_cmpuint (tn_pack_sparse (codes, n, bytes), ==, 0);
      g_assert_cmpuint (bytes[size], ==, 99);
      g_assert_true (tn_check_sparse (bytes, size, n));
      check_ranges (unpack_map, &n, bytes, codes, n);
      tn_lanes_set_portable (FALSE);
    }
  g_assert_false (tn_pack_sparse_bytes (5, 6, &size));
  g_assert_false (tn_pack_sparse_bytes (G_MAXUINT64, 0, &size));
}

/* What a file may say wrongly. */
static void
test_sparse_check (void)
{
  const gsize n = 3 * TN_SPARSE_BLOCK + 70;
  g_autofree gint8 *codes = make_codes (n, -1, 1);
  g_autofree guint8 *bytes = NULL;
  guint64 size, map = (n + 63) / 64 * 8;

  codes[11] = 5;
  g_assert_true (tn_pack_sparse_bytes (n, tn_count_nonzero (codes, n), &size));
  bytes = g_malloc0 (size + 8);
  g_assert_cmpuint (tn_pack_sparse (codes, n, bytes), ==, 1);
  g_assert_true (tn_check_sparse (bytes, size, n));
  g_assert_false (tn_check_sparse (bytes, size - 8, n));
  g_assert_false (tn_check_sparse (bytes, size + 8, n));
  g_assert_false (tn_check_sparse (bytes, 16, n));
  g_assert_false (tn_check_sparse (bytes, 0, 1));
  g_assert_true (tn_check_sparse (bytes, 0, 0));
  bytes[map + 8]++; /* a count */
  g_assert_false (tn_check_sparse (bytes, size, n));
  bytes[map + 8]--;
  bytes[100] ^= 4; /* a code */
  g_assert_false (tn_check_sparse (bytes, size, n));
  bytes[100] ^= 4;
  bytes[map - 1] |= 128; /* behind the end of the map */
  g_assert_false (tn_check_sparse (bytes, size, n));
  bytes[map - 1] &= 127;
  if (tn_count_nonzero (codes, n) % 64 != 0)
    {
      bytes[size - 1] |= 128; /* and of the signs */
      g_assert_false (tn_check_sparse (bytes, size, n));
      bytes[size - 1] &= 127;
    }
  g_assert_true (tn_check_sparse (bytes, size, n));
}

static void
pack_matrix (const gint8 *codes, guint64 rows, guint64 columns, guint8 *bytes)
{
  guint64 packed_rows = tn_pack_bitnet_rows (rows);

  for (guint64 r = 0; r < packed_rows; r++)
    {
      const gint8 *parts[4];

      for (guint64 k = 0; k < 4; k++)
        parts[k] = k * packed_rows + r < rows ? codes + (k * packed_rows + r) * columns : NULL;
      g_assert_cmpuint (tn_pack_bitnet (parts, columns, bytes + r * columns), ==, 0);
    }
}

static void
test_bitnet (void)
{
  const guint64 shapes[][2] = {{1, 1}, {4, 8}, {5, 3}, {7, 130}, {8, 32}, {11, 2000}, {2, 9000}};
  gint8 golden[256];
  guint8 packed[64];
  guint64 bytes;

  fill_golden (golden, 256);
  pack_matrix (golden, 8, 32, packed);
  assert_start (packed, "84114618618411461861841146186184");
  assert_sha256 (packed, 64, "58d5d93fb2c090092f852c6e0733a1fc9ee48d85e8613bba35fcec989bb5a55b");

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (guint portable = 0; portable < 2; portable++)
      {
        guint64 rows = shapes[i][0], columns = shapes[i][1];
        g_autofree gint8 *codes = make_codes (rows * columns, -1, 1);
        g_autofree guint8 *matrix = NULL;

        g_assert_true (tn_pack_bitnet_bytes (rows, columns, &bytes));
        g_assert_cmpuint (bytes, ==, (rows + 3) / 4 * columns);
        matrix = g_malloc (bytes);
        tn_lanes_set_portable (portable == 1);
        pack_matrix (codes, rows, columns, matrix);
        check_ranges (unpack_matrix, (gpointer) shapes[i], matrix, codes, rows * columns);
        tn_lanes_set_portable (FALSE);
      }
  g_assert_false (tn_pack_bitnet_bytes (G_MAXUINT64, G_MAXUINT64, &bytes));
  g_assert_true (tn_pack_bitnet_bytes (G_MAXUINT64, 1, &bytes));
}

static void
test_i2_s (void)
{
  const struct
  {
    guint block;
    const char *start, *sha256;
  } golden[] = {
      {TN_I2_S_BLOCK, "2542940950254294", "db67ac9f01a0afc03572972a24bea7e809543339c64ad99b7f00b228639a6e4d"},
      {TN_I2_S_BLOCK_ARM, "1861841146186184", "f51c93edd94fe745db437e71eba694e9cfc629d493ccf7d23a63939c29ed2ade"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (golden); i++)
    for (guint portable = 0; portable < 2; portable++)
      {
        guint block = golden[i].block;
        gsize n = 61 * block;
        g_autofree gint8 *codes = make_codes (n, -1, 1);
        g_autofree guint8 *bytes = g_malloc (n / 4);
        gint8 t[256];
        guint8 file[96];
        guint64 size;

        g_assert_true (tn_pack_i2_s_bytes (256, block, &size) && size == 96);
        g_assert_false (tn_pack_i2_s_bytes (256 + 32, block, &size));
        fill_golden (t, 256);
        tn_lanes_set_portable (portable == 1);
        g_assert_cmpuint (tn_pack_i2_s (t, 256, block, file), ==, 0);
        tn_pack_i2_s_tail (0.5f, file + 64);
        assert_start (file, golden[i].start);
        assert_start (file + 64, "0000003f00000000");
        assert_sha256 (file, 96, golden[i].sha256);
        g_assert_cmpfloat (tn_unpack_i2_s_scale (file + 64), ==, 0.5f);
        g_assert_cmpuint (tn_pack_i2_s (codes, n, block, bytes), ==, 0);
        check_ranges (unpack_blocks, GUINT_TO_POINTER (block), bytes, codes, n);
        tn_lanes_set_portable (FALSE);
      }
}

static void
test_bits (void)
{
  guint64 bytes;

  for (guint bits = 1; bits <= 8; bits++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        gsize n = sizes[i], n_bytes = tn_pack_bits_row_bytes (bits, n);
        g_autofree gint8 *codes = bits == 1 ? make_codes (n, 0, 1) : make_codes (n, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        g_autofree guint8 *packed = g_malloc (n_bytes + 1);

        for (gsize j = 0; j < n && bits == 1; j++)
          codes[j] = codes[j] == 0 ? -1 : 1;
        g_assert_true (tn_pack_bits_bytes (bits, 3, n, &bytes) && bytes == 3 * n_bytes && n_bytes == (n * bits + 7) / 8);
        packed[n_bytes] = 99;
        g_assert_cmpuint (tn_pack_bits (bits, codes, n, packed), ==, 0);
        g_assert_cmpuint (packed[n_bytes], ==, 99);
        for (gsize j = 0; j < 8 * n_bytes; j++)
          {
            guint code = j / bits < n ? (bits == 1 ? codes[j / bits] > 0 : (guint) (codes[j / bits] + (1 << (bits - 1)))) : 0;

            g_assert_cmpuint (packed[j / 8] >> j % 8 & 1, ==, code >> j % bits & 1);
          }
        check_ranges (unpack_integers, GUINT_TO_POINTER (bits), packed, codes, n);
      }
  g_assert_false (tn_pack_bits_bytes (8, 2, G_MAXUINT64 / 8 + 1, &bytes));
  g_assert_false (tn_pack_bits_bytes (5, G_MAXUINT64, 9, &bytes));
}

/* What no code has is counted where it is asked for, and is 0. */
static void
test_invalid (void)
{
  const gsize n = 9000 / 128 * 128;
  g_autofree gint8 *codes = make_codes (n, -1, 1);
  g_autofree gint8 *out = g_malloc (n);
  g_autofree guint8 *bytes = g_malloc (n);
  const gint8 bad[] = {2, 3, -2, 127, -128, 64, -64};
  const gint8 *const parts[4] = {codes, codes, codes, NULL};

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    codes[i * 1000 + i] = bad[i];
  for (guint portable = 0; portable < 2; portable++)
    {
      tn_lanes_set_portable (portable == 1);
      g_assert_cmpuint (tn_pack_ternary2 (codes, n, bytes), ==, G_N_ELEMENTS (bad));
      g_assert_cmpuint (tn_unpack_ternary2 (bytes, 0, n, out), ==, 0);
      for (gsize i = 0; i < n; i++)
        g_assert_cmpint (out[i], ==, ABS ((gint) codes[i]) <= 1 ? codes[i] : 0);
      bytes[100] |= 0x30;
      bytes[101] = 0xff;
      g_assert_cmpuint (tn_unpack_ternary2 (bytes, 0, n, out), ==, 5);
      g_assert_true (out[402] == 0 && out[404] == 0);
      g_assert_cmpuint (tn_unpack_ternary2 (bytes, 403, 3, out), ==, 2);
      g_assert_cmpuint (tn_pack_ternary5 (codes, n, bytes), ==, G_N_ELEMENTS (bad));
      g_assert_cmpuint (tn_unpack_ternary5 (bytes, 0, n, out), ==, 0);
      for (gsize i = 0; i < n; i++)
        g_assert_cmpint (out[i], ==, ABS ((gint) codes[i]) <= 1 ? codes[i] : 0);
      g_assert_cmpuint (tn_pack_i2_s (codes, n, TN_I2_S_BLOCK, bytes), ==, G_N_ELEMENTS (bad));
      g_assert_cmpuint (tn_unpack_i2_s (bytes, TN_I2_S_BLOCK, 0, n, out), ==, 0);
      bytes[33] = 0xc3; /* codes of elements 129 and 225 */
      g_assert_cmpuint (tn_unpack_i2_s (bytes, TN_I2_S_BLOCK, 0, n, out), ==, 2);
      g_assert_cmpuint (tn_unpack_i2_s (bytes, TN_I2_S_BLOCK, 130, 200, out), ==, 1);
      g_assert_cmpuint (tn_pack_bitnet (parts, n, bytes), ==, 3 * G_N_ELEMENTS (bad));
      g_assert_cmpuint (tn_unpack_bitnet (bytes, 3, n, 0, 3 * (guint64) n / 3, out), ==, 0);
      bytes[7] |= 0x30;
      g_assert_cmpuint (tn_unpack_bitnet (bytes, 4, n, 2 * (guint64) n, 8, out), ==, 1);
      tn_lanes_set_portable (FALSE);
    }
  g_assert_cmpuint (tn_pack_bits (2, codes, n, bytes), ==, 6); /* -2 fits */
  tn_unpack_bits (2, bytes, 0, n, out);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (out[i], ==, codes[i] >= -2 && codes[i] <= 1 ? codes[i] : 0);
}

static void
test_narrow (void)
{
  const gint16 codes[] = {-128, 127, 128, -129, 0, 255, -255, 300, 5};
  const gint8 expected[] = {-128, 127, 0, 0, 0, 0, 0, 0, 5};
  gint8 out[9];

  for (guint portable = 0; portable < 2; portable++)
    {
      tn_lanes_set_portable (portable == 1);
      g_assert_cmpuint (tn_codes_narrow (codes, 9, 0, out), ==, 5);
      for (guint i = 0; i < 9; i++)
        if (codes[i] >= -128 && codes[i] <= 127)
          g_assert_cmpint (out[i], ==, expected[i]);
      /* Zero point 200 of 8 bits: codes -200 .. 55. */
      g_assert_cmpuint (tn_codes_narrow (codes + 4, 1, 200 - 128, out), ==, 0);
      g_assert_cmpint (out[0], ==, 72);
      tn_lanes_set_portable (FALSE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/packing/plain", test_plain);
  g_test_add_func ("/packing/base3", test_base3);
  g_test_add_func ("/packing/base3-as-tq1-0", test_base3_as_tq1_0);
  g_test_add_func ("/packing/sparse", test_sparse);
  g_test_add_func ("/packing/sparse-check", test_sparse_check);
  g_test_add_func ("/packing/bitnet", test_bitnet);
  g_test_add_func ("/packing/i2-s", test_i2_s);
  g_test_add_func ("/packing/bits", test_bits);
  g_test_add_func ("/packing/invalid", test_invalid);
  g_test_add_func ("/packing/narrow", test_narrow);
  return g_test_run ();
}
