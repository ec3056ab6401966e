/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/random.h"
#include "engine/tensor/ggml-blocks.h"
#include "engine/tensor/lanes.h"

static const TnDtype forms[] = {TN_DTYPE_Q4_0, TN_DTYPE_Q4_1, TN_DTYPE_Q5_0,  TN_DTYPE_Q5_1, TN_DTYPE_Q8_0,
                                TN_DTYPE_Q4_K, TN_DTYPE_Q6_K, TN_DTYPE_TQ1_0, TN_DTYPE_TQ2_0};
#define MOST_BLOCKS 700
#define MOST_BLOCK_BYTES 210
#define MOST_BLOCK_ELEMENTS 256

/* The bits, but which NaN it is. */
static void
assert_same (const float *a, const float *b, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!(isnan (a[i]) && isnan (b[i])))
      g_assert_cmpmem (&a[i], sizeof (float), &b[i], sizeof (float));
}

/* Any bytes are blocks: among the halves of many are denormals, infinities and NaN. */
static void
test_forms (void)
{
  TnRandom random = tn_random_stream (1, "dequantize");
  g_autofree guint8 *source = g_malloc (MOST_BLOCKS * MOST_BLOCK_BYTES + 1);
  g_autofree float *portable = g_new (float, MOST_BLOCKS *MOST_BLOCK_ELEMENTS + 1);
  g_autofree float *fast = g_new (float, MOST_BLOCKS *MOST_BLOCK_ELEMENTS + 1);
  const gsize counts[] = {0, 1, 2, 7, MOST_BLOCKS};

  for (guint k = 0; k < G_N_ELEMENTS (forms); k++)
    for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
      {
        gsize n = counts[c] * tn_dtype_block_elements (forms[k]);
        float untouched = 77.0f;

        for (gsize i = 0; i <= MOST_BLOCKS * MOST_BLOCK_BYTES; i++)
          source[i] = (guint8) tn_random_next (&random);
        portable[n] = fast[n] = untouched;
        tn_ggml_decode_blocks (forms[k], source + 1, counts[c], fast);
        tn_lanes_set_portable (TRUE);
        tn_ggml_decode_blocks (forms[k], source + 1, counts[c], portable);
        tn_lanes_set_portable (FALSE);
        assert_same (portable, fast, n);
        g_assert_cmpfloat (portable[n], ==, untouched);
        g_assert_cmpfloat (fast[n], ==, untouched);
      }
}

/* Every scale there is, read from blocks of ones. */
static void
test_scales (void)
{
  guint8 block[66];
  float out[256];

  memset (block, 0xaa, 64);
  for (guint half = 0; half < 65536; half++)
    {
      float expected = tn_f16_to_f32 ((guint16) half);

      block[64] = (guint8) half;
      block[65] = (guint8) (half >> 8);
      tn_ggml_decode_blocks (TN_DTYPE_TQ2_0, block, 1, out);
      assert_same (&expected, &out[half % 256], 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dequantize/forms", test_forms);
  g_test_add_func ("/dequantize/scales", test_scales);
  return g_test_run ();
}
