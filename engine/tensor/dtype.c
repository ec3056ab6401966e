/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/dtype.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/tensor/ggml-blocks.h"
#include "engine/tensor/ggml-encode.h"
#include "engine/tensor/half-float.h"

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "Model files are little-endian and used as they are mapped."
#endif

typedef struct
{
  const char *name;
  guint16 elements; /* a block */
  guint16 bytes;    /* a block */
} DtypeInfo;

static const DtypeInfo infos[TN_N_DTYPES] = {
    [TN_DTYPE_INVALID] = {"invalid", 0, 0}, [TN_DTYPE_F64] = {"f64", 1, 8},         [TN_DTYPE_F32] = {"f32", 1, 4},
    [TN_DTYPE_F16] = {"f16", 1, 2},         [TN_DTYPE_BF16] = {"bf16", 1, 2},       [TN_DTYPE_F8_E4M3] = {"f8_e4m3", 1, 1},
    [TN_DTYPE_F8_E5M2] = {"f8_e5m2", 1, 1}, [TN_DTYPE_I8] = {"i8", 1, 1},           [TN_DTYPE_U8] = {"u8", 1, 1},
    [TN_DTYPE_BOOL] = {"bool", 1, 1},       [TN_DTYPE_I16] = {"i16", 1, 2},         [TN_DTYPE_U16] = {"u16", 1, 2},
    [TN_DTYPE_I32] = {"i32", 1, 4},         [TN_DTYPE_U32] = {"u32", 1, 4},         [TN_DTYPE_I64] = {"i64", 1, 8},
    [TN_DTYPE_U64] = {"u64", 1, 8},         [TN_DTYPE_TERNARY] = {"ternary", 4, 1}, [TN_DTYPE_Q8_GROUP] = {"q8_group", 1, 1},
    [TN_DTYPE_Q4_0] = {"q4_0", 32, 18},     [TN_DTYPE_Q4_1] = {"q4_1", 32, 20},     [TN_DTYPE_Q5_0] = {"q5_0", 32, 22},
    [TN_DTYPE_Q5_1] = {"q5_1", 32, 24},     [TN_DTYPE_Q8_0] = {"q8_0", 32, 34},     [TN_DTYPE_Q4_K] = {"q4_K", 256, 144},
    [TN_DTYPE_Q6_K] = {"q6_K", 256, 210},   [TN_DTYPE_TQ1_0] = {"tq1_0", 256, 54},  [TN_DTYPE_TQ2_0] = {"tq2_0", 256, 66},
    [TN_DTYPE_PACKED] = {"packed", 0, 0},   [TN_DTYPE_OPAQUE] = {"opaque", 0, 0},
};

/* Converts n numbers of a C type, at any alignment. */
#define DECODE_NUMBERS(type)                                                                                                     \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    for (gsize i = 0; i < n; i++)                                                                                                \
      {                                                                                                                          \
        type number;                                                                                                             \
                                                                                                                                 \
        memcpy (&number, bytes + i * sizeof number, sizeof number);                                                              \
        out[i] = (float) number;                                                                                                 \
      }                                                                                                                          \
  }                                                                                                                              \
  G_STMT_END

/* Four 2-bit codes a byte, the first in the low bits: 0, 1, 2 stand for -1, 0, +1. Code 3 stands for nothing and shows as NaN. */
static void
decode_ternary (const guint8 *bytes, gsize n, float *out)
{
  static const float levels[4] = {-1.0f, 0.0f, 1.0f, NAN};

  for (gsize i = 0; i < n; i++)
    out[i] = levels[bytes[i / 4] >> 2 * (i % 4) & 3];
}

static void
decode_blocks (TnDtype dtype, const guint8 *bytes, gsize n, float *out)
{
  gsize elements = infos[dtype].elements;
  gsize n_blocks = n / elements;
  float last[TN_DTYPE_MOST_BLOCK_ELEMENTS];

  tn_ggml_decode_blocks (dtype, bytes, n_blocks, out);
  if (n % elements != 0)
    {
      tn_ggml_decode_blocks (dtype, bytes + n_blocks * infos[dtype].bytes, 1, last);
      memcpy (out + n_blocks * elements, last, (n % elements) * sizeof (float));
    }
}

const char *
tn_dtype_get_name (TnDtype dtype)
{
  g_return_val_if_fail (dtype < TN_N_DTYPES, "invalid");

  return infos[dtype].name;
}

gsize
tn_dtype_block_elements (TnDtype dtype)
{
  g_return_val_if_fail (dtype < TN_N_DTYPES, 0);

  return infos[dtype].elements;
}

gsize
tn_dtype_block_bytes (TnDtype dtype)
{
  g_return_val_if_fail (dtype < TN_N_DTYPES, 0);

  return infos[dtype].bytes;
}

gboolean
tn_dtype_bytes (TnDtype dtype, guint64 n, guint64 *bytes)
{
  g_return_val_if_fail (dtype < TN_N_DTYPES, FALSE);

  if (infos[dtype].elements == 0 || n % infos[dtype].elements != 0)
    return FALSE;
  return g_uint64_checked_mul (bytes, n / infos[dtype].elements, infos[dtype].bytes);
}

gboolean
tn_dtype_is_integer (TnDtype dtype)
{
  return dtype == TN_DTYPE_I8 || dtype == TN_DTYPE_U8 || dtype == TN_DTYPE_I16 || dtype == TN_DTYPE_U16 ||
         dtype == TN_DTYPE_I32 || dtype == TN_DTYPE_U32 || dtype == TN_DTYPE_I64 || dtype == TN_DTYPE_U64;
}

gboolean
tn_dtype_can_decode (TnDtype dtype)
{
  return dtype > TN_DTYPE_INVALID && dtype < TN_DTYPE_OPAQUE;
}

void
tn_dtype_decode (TnDtype dtype, const void *source, gsize n, float *out)
{
  const guint8 *bytes = source;

  switch (dtype)
    {
    case TN_DTYPE_F64:
      DECODE_NUMBERS (double);
      break;
    case TN_DTYPE_F32:
      if (n > 0)
        memcpy (out, bytes, n * sizeof (float));
      break;
    case TN_DTYPE_F16:
      tn_f16_decode (bytes, n, out);
      break;
    case TN_DTYPE_BF16:
      tn_bf16_decode (bytes, n, out);
      break;
    case TN_DTYPE_F8_E4M3:
      for (gsize i = 0; i < n; i++)
        out[i] = tn_f8_e4m3_to_f32 (bytes[i]);
      break;
    case TN_DTYPE_F8_E5M2:
      for (gsize i = 0; i < n; i++)
        out[i] = tn_f8_e5m2_to_f32 (bytes[i]);
      break;
    case TN_DTYPE_I8:
      DECODE_NUMBERS (gint8);
      break;
    case TN_DTYPE_U8:
      DECODE_NUMBERS (guint8);
      break;
    case TN_DTYPE_BOOL:
      for (gsize i = 0; i < n; i++)
        out[i] = bytes[i] != 0 ? 1.0f : 0.0f;
      break;
    case TN_DTYPE_I16:
      DECODE_NUMBERS (gint16);
      break;
    case TN_DTYPE_U16:
      DECODE_NUMBERS (guint16);
      break;
    case TN_DTYPE_I32:
      DECODE_NUMBERS (gint32);
      break;
    case TN_DTYPE_U32:
      DECODE_NUMBERS (guint32);
      break;
    case TN_DTYPE_I64:
      DECODE_NUMBERS (gint64);
      break;
    case TN_DTYPE_U64:
      DECODE_NUMBERS (guint64);
      break;
    case TN_DTYPE_TERNARY:
      decode_ternary (bytes, n, out);
      break;
    case TN_DTYPE_Q4_0:
    case TN_DTYPE_Q4_1:
    case TN_DTYPE_Q5_0:
    case TN_DTYPE_Q5_1:
    case TN_DTYPE_Q8_0:
    case TN_DTYPE_Q4_K:
    case TN_DTYPE_Q6_K:
    case TN_DTYPE_TQ1_0:
    case TN_DTYPE_TQ2_0:
      decode_blocks (dtype, bytes, n, out);
      break;
    case TN_DTYPE_INVALID:
    case TN_DTYPE_Q8_GROUP:
    case TN_DTYPE_PACKED:
    case TN_DTYPE_OPAQUE:
    case TN_N_DTYPES:
    default:
      g_return_if_reached ();
    }
}

gboolean
tn_dtype_can_encode (TnDtype dtype)
{
  switch (dtype)
    {
    case TN_DTYPE_F32:
    case TN_DTYPE_F16:
    case TN_DTYPE_BF16:
    case TN_DTYPE_Q4_0:
    case TN_DTYPE_Q4_1:
    case TN_DTYPE_Q5_0:
    case TN_DTYPE_Q5_1:
    case TN_DTYPE_Q8_0:
    case TN_DTYPE_TQ1_0:
    case TN_DTYPE_TQ2_0:
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
tn_dtype_check_width (TnDtype dtype, guint64 columns, GError **error)
{
  g_return_val_if_fail (dtype < TN_N_DTYPES && infos[dtype].elements > 0, FALSE);

  if (columns % infos[dtype].elements == 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
               _ ("Rows of %" PRIu64 " elements cannot be stored as %s: expected a multiple of %u"), columns, infos[dtype].name,
               infos[dtype].elements);
  return FALSE;
}

/* Which finite element became infinite. */
static void
set_overflow_error (TnDtype dtype, const float *x, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (isfinite (x[i]) &&
        isinf (dtype == TN_DTYPE_F16 ? tn_f16_to_f32 (tn_f32_to_f16 (x[i])) : tn_bf16_to_f32 (tn_f32_to_bf16 (x[i]))))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("Element %zu is %g, which is beyond the range of %s"), i, (double) x[i],
                     infos[dtype].name);
        return;
      }
}

gboolean
tn_dtype_encode (TnDtype dtype, const float *x, gsize n, void *out, GError **error)
{
  g_return_val_if_fail (tn_dtype_can_encode (dtype), FALSE);

  if (!tn_dtype_check_width (dtype, n, error))
    return FALSE;
  switch (dtype)
    {
    case TN_DTYPE_F32:
      if (n > 0)
        memcpy (out, x, n * sizeof (float));
      return TRUE;
    case TN_DTYPE_F16:
    case TN_DTYPE_BF16:
      if (dtype == TN_DTYPE_F16 ? tn_f16_encode (x, n, out) : tn_bf16_encode (x, n, out))
        return TRUE;
      set_overflow_error (dtype, x, n, error);
      return FALSE;
    default:
      return tn_ggml_encode_blocks (dtype, x, n / infos[dtype].elements, out, error);
    }
}
