/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/gguf-types.h"

static const TnGgufTypeInfo types[] = {
    {0, "F32", TN_DTYPE_F32, 1, 4},
    {1, "F16", TN_DTYPE_F16, 1, 2},
    {2, "Q4_0", TN_DTYPE_Q4_0, 32, 18},
    {3, "Q4_1", TN_DTYPE_Q4_1, 32, 20},
    {6, "Q5_0", TN_DTYPE_Q5_0, 32, 22},
    {7, "Q5_1", TN_DTYPE_Q5_1, 32, 24},
    {8, "Q8_0", TN_DTYPE_Q8_0, 32, 34},
    {9, "Q8_1", TN_DTYPE_OPAQUE, 32, 36},
    {10, "Q2_K", TN_DTYPE_OPAQUE, 256, 84},
    {11, "Q3_K", TN_DTYPE_OPAQUE, 256, 110},
    {12, "Q4_K", TN_DTYPE_Q4_K, 256, 144},
    {13, "Q5_K", TN_DTYPE_OPAQUE, 256, 176},
    {14, "Q6_K", TN_DTYPE_Q6_K, 256, 210},
    {15, "Q8_K", TN_DTYPE_OPAQUE, 256, 292},
    {16, "IQ2_XXS", TN_DTYPE_OPAQUE, 256, 66},
    {17, "IQ2_XS", TN_DTYPE_OPAQUE, 256, 74},
    {18, "IQ3_XXS", TN_DTYPE_OPAQUE, 256, 98},
    {19, "IQ1_S", TN_DTYPE_OPAQUE, 256, 50},
    {20, "IQ4_NL", TN_DTYPE_OPAQUE, 32, 18},
    {21, "IQ3_S", TN_DTYPE_OPAQUE, 256, 110},
    {22, "IQ2_S", TN_DTYPE_OPAQUE, 256, 82},
    {23, "IQ4_XS", TN_DTYPE_OPAQUE, 256, 136},
    {24, "I8", TN_DTYPE_I8, 1, 1},
    {25, "I16", TN_DTYPE_I16, 1, 2},
    {26, "I32", TN_DTYPE_I32, 1, 4},
    {27, "I64", TN_DTYPE_I64, 1, 8},
    {28, "F64", TN_DTYPE_F64, 1, 8},
    {29, "IQ1_M", TN_DTYPE_OPAQUE, 256, 56},
    {30, "BF16", TN_DTYPE_BF16, 1, 2},
    {34, "TQ1_0", TN_DTYPE_TQ1_0, 256, 54},
    {35, "TQ2_0", TN_DTYPE_TQ2_0, 256, 66},
    /* bitnet.cpp: four codes a byte and one scale in a tail of 32 bytes. Its TL1 (38) and TL2 (39) depend on shape and machine.
     */
    {36, "I2_S", TN_DTYPE_OPAQUE, 4, 1, .tail_bytes = 32, .ambiguous = TRUE},
    {37, "I8_S", TN_DTYPE_OPAQUE, 1, 1, .ambiguous = TRUE},
    {39, "MXFP4", TN_DTYPE_OPAQUE, 32, 17, .ambiguous = TRUE},
    {40, "NVFP4", TN_DTYPE_OPAQUE, 64, 36, .ambiguous = TRUE},
    {41, "Q1_0", TN_DTYPE_OPAQUE, 128, 18, .ambiguous = TRUE},
    {42, "Q2_0", TN_DTYPE_OPAQUE, 64, 18, .ambiguous = TRUE},
    {42, "Q2_0 (128)", TN_DTYPE_OPAQUE, 128, 34, .ambiguous = TRUE},
    {134, "IQ1_BN", TN_DTYPE_OPAQUE, 64, 13, .row_bytes = 2, .ambiguous = TRUE},
    {135, "IQ2_BN", TN_DTYPE_OPAQUE, 64, 16, .row_bytes = 4, .ambiguous = TRUE},
};

const TnGgufTypeInfo *
tn_gguf_type_next (guint32 id, const TnGgufTypeInfo *previous)
{
  for (gsize i = previous != NULL ? (gsize) (previous - types) + 1 : 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].id == id)
      return &types[i];
  return NULL;
}

const TnGgufTypeInfo *
tn_gguf_type_of (TnDtype dtype)
{
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].dtype == dtype && dtype != TN_DTYPE_OPAQUE)
      return &types[i];
  return NULL;
}

gboolean
tn_gguf_type_bytes (const TnGgufTypeInfo *type, guint64 count, guint64 row_elements, guint64 *bytes)
{
  guint64 heads;

  if (row_elements % type->block_elements != 0 ||
      !g_uint64_checked_mul (bytes, count / type->block_elements, type->block_bytes) ||
      !g_uint64_checked_add (bytes, *bytes, type->tail_bytes))
    return FALSE;
  return type->row_bytes == 0 || row_elements == 0 ||
         (g_uint64_checked_mul (&heads, count / row_elements, type->row_bytes) && g_uint64_checked_add (bytes, *bytes, heads));
}
