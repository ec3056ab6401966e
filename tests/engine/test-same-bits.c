/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/hash.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/matrix-product.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/row-quantize.h"
#include "engine/kernels/softmax.h"
#include "engine/kernels/ternarize.h"
#include "engine/kernels/ternary.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

/* The variants of one processor are compared with each other elsewhere; here each processor is compared with the others. What the
 * kernels make of fixed numbers is hashed, and the hashes are those that x86-64 and 64-bit ARM gave alike. A kernel whose
 * arithmetic is changed on purpose gets the new hash, which the failing test prints, after it is the same on both. */

#define ROWS 37
#define WIDTH 275 /* 16 lanes and 16 columns of tiles, and a rest of both */

typedef struct
{
  float *a, *b;  /* [ROWS, WIDTH] */
  float *out;    /* [ROWS, WIDTH] */
  float *weight; /* [WIDTH] */
} Numbers;

static void *
new_block (gsize bytes)
{
  return tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
}

/* Exact, without a function of the mathematics library: 24 bits of many magnitudes. */
static float *
new_values (const char *name, gsize n)
{
  TnRandom random = tn_random_stream (7, name);
  float *values = new_block (n * sizeof (float));

  for (gsize i = 0; i < n; i++)
    {
      gint32 mantissa = (gint32) tn_random_below (&random, 1 << 24) - (1 << 23);

      values[i] = ldexpf ((float) mantissa, (int) tn_random_below (&random, 6) - 24);
    }
  return values;
}

static guint64
hash (const void *values, gsize n, gsize size)
{
  return tn_hash_bytes (values, n * size, 0);
}

static guint64
hash_product (const Numbers *self)
{
  g_autoptr (TnBlock) panels = new_block (tn_panel_count (ROWS, WIDTH) * sizeof (float));

  tn_panel_pack_transposed (self->b, WIDTH, ROWS, WIDTH, panels);
  tn_panel_multiply (self->a, WIDTH, ROWS, panels, WIDTH, ROWS, WIDTH, self->out, ROWS, TN_CHAIN_START);
  return hash (self->out, ROWS * ROWS, sizeof (float));
}

static guint64
hash_norm (const Numbers *self)
{
  tn_rmsnorm (self->a, self->weight, 1e-5, ROWS, WIDTH, self->out);
  return hash (self->out, ROWS * WIDTH, sizeof (float));
}

static guint64
hash_softmax (const Numbers *self)
{
  float factors[ROWS];

  for (gsize r = 0; r < ROWS; r++)
    {
      memcpy (self->out + r * WIDTH, self->a + r * WIDTH, WIDTH * sizeof (float));
      tn_softmax (self->out + r * WIDTH, WIDTH - r, 0.3f, &factors[r]);
    }
  return tn_hash_combine (hash (self->out, ROWS * WIDTH, sizeof (float)), hash (factors, ROWS, sizeof (float)));
}

static guint64
hash_log_sum_exp (const Numbers *self)
{
  TnLogSumExp row = TN_LOG_SUM_EXP_EMPTY;

  tn_log_sum_exp_piece (self->a, ROWS * WIDTH, 0, &row);
  return tn_hash_combine (hash (&row.sum, 1, sizeof row.sum), row.best);
}

static guint64
hash_silu (const Numbers *self)
{
  memcpy (self->out, self->a, ROWS * WIDTH * sizeof (float));
  tn_silu_multiply (self->out, self->b, ROWS * WIDTH);
  return hash (self->out, ROWS * WIDTH, sizeof (float));
}

static guint64
hash_rope (const Numbers *self)
{
  float cosines[64], sines[64];

  tn_rope_table (1000, 1, 128, 10000.0, 1.0, NULL, cosines, sines);
  memcpy (self->out, self->a, ROWS * WIDTH * sizeof (float));
  tn_rope_interleaved (self->out, 8, 256, 128, cosines, sines);
  tn_rope_half_split (self->out + 16 * 256, 8, 256, 128, cosines, sines);
  return hash (self->out, ROWS * WIDTH, sizeof (float));
}

static guint64
hash_rows (const Numbers *self)
{
  g_autoptr (TnBlock) block = new_block (ROWS * WIDTH);
  gint8 *codes = block;
  float scales[ROWS];
  gint32 sums[ROWS];
  guint64 result;

  tn_rmsnorm_quantize_rows (self->a, WIDTH, self->weight, 1e-5, ROWS, WIDTH, codes, WIDTH, scales, sums);
  result = tn_hash_combine (hash (codes, ROWS * WIDTH, 1), hash (scales, ROWS, sizeof *scales));
  tn_quantize_rows (self->a, WIDTH, ROWS, WIDTH, codes, WIDTH, scales, sums);
  result = tn_hash_combine (result, tn_hash_combine (hash (codes, ROWS * WIDTH, 1), hash (scales, ROWS, sizeof *scales)));
  return tn_hash_combine (result, hash (sums, ROWS, sizeof *sums));
}

static guint64
hash_ternary (const Numbers *self)
{
  gsize stride = tn_ternary_padded (WIDTH);
  g_autoptr (TnBlock) tiles = new_block (tn_ternary_bytes (ROWS, WIDTH));
  g_autoptr (TnBlock) codes = new_block (ROWS * stride);
  g_autoptr (TnBlock) scratch = new_block (tn_ternary_scratch_bytes (WIDTH));
  TnTernaryMatrix matrix = {ROWS, WIDTH, tiles};
  float threshold = 0.11f, scale = 0.37f, token_scales[ROWS];
  gint32 sums[ROWS];
  TnTernaryScales scales = {token_scales, &scale, FALSE};
  guint64 result;

  g_assert_true (tn_ternarize_pack_rows (self->b, WIDTH, WIDTH, &threshold, FALSE, 0, ROWS, tiles));
  tn_quantize_rows (self->a, WIDTH, ROWS, WIDTH, codes, stride, token_scales, sums);
  result = hash (tiles, tn_ternary_bytes (ROWS, WIDTH), 1);
  tn_ternary_product (&matrix, 0, ROWS, codes, stride, sums, ROWS, &scales, self->out, ROWS, scratch);
  result = tn_hash_combine (result, hash (self->out, ROWS * ROWS, sizeof (float)));
  tn_ternary_product (&matrix, 0, ROWS, codes, stride, sums, 1, &scales, self->out, ROWS, scratch);
  return tn_hash_combine (result, hash (self->out, ROWS, sizeof (float)));
}

static const struct
{
  const char *name;
  guint64 (*hash) (const Numbers *self);
  guint64 expected;
} cases[] = {
    {"product", hash_product, G_GUINT64_CONSTANT (0xcc968d358061cc3f)},
    {"rmsnorm", hash_norm, G_GUINT64_CONSTANT (0x8aa32194cd4807c7)},
    {"softmax", hash_softmax, G_GUINT64_CONSTANT (0xab405e39eba65697)},
    {"log-sum-exp", hash_log_sum_exp, G_GUINT64_CONSTANT (0x9940d9d1aece1ce6)},
    {"silu", hash_silu, G_GUINT64_CONSTANT (0x68705fc6de3be50a)},
    {"rope", hash_rope, G_GUINT64_CONSTANT (0x82d4101f6b0e0d8a)},
    {"quantized rows", hash_rows, G_GUINT64_CONSTANT (0xc75a6e45a8de4fc6)},
    {"ternary product", hash_ternary, G_GUINT64_CONSTANT (0x8ac39f0d2f3d88a4)},
};

static void
test_variants (void)
{
  TnVariant own = tn_variant_get ();
  Numbers numbers = {new_values ("a", ROWS * WIDTH), new_values ("b", ROWS * WIDTH), new_block (ROWS * WIDTH * sizeof (float)),
                     new_values ("weight", WIDTH)};

  for (guint variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use ((TnVariant) variant))
      for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
        {
          guint64 found = cases[i].hash (&numbers);

          if (found != cases[i].expected)
            {
              g_test_message ("variant %u, %s: 0x%016" G_GINT64_MODIFIER "x", variant, cases[i].name, found);
              g_test_fail ();
            }
        }
  g_assert_true (tn_variant_use (own));
  tn_pool_release (tn_pool_default (), numbers.a);
  tn_pool_release (tn_pool_default (), numbers.b);
  tn_pool_release (tn_pool_default (), numbers.out);
  tn_pool_release (tn_pool_default (), numbers.weight);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/same-bits/variants", test_variants);
  return g_test_run ();
}
