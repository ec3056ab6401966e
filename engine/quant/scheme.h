/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/quant/method.h"

G_BEGIN_DECLS

/* TnScheme: how numbers are quantized. Names: "ternary" (absmean a tensor, BitNet b1.58), "ternary:ls" (least-squares level),
 * "ternary:absmedian", "ternary:twn", "ternary:lloyd" (the least error there is), "binary", "int2" … "int8" (symmetric, absolute maximum,
 * codes ±(2^(b-1)-1)); suffixes: ":c" a scale per output row, ":gN" groups of N along the input, ":t" per token, ":asym" asymmetric,
 * ":f16", ":f32" how a scale is stored: without one, fp16 in groups and fp32 else. A scale is rounded to what is stored before codes are
 * found with it. The name of a method (engine/quant/method.h) that values alone are enough for, such as ":mse", ":p99.9", ":auto-kl": how the
 * scale is searched, of integers instead of the range, of ternary instead of a rule; its level is then the scale of the codes ±1. */

typedef enum { TN_SCHEME_BINARY, TN_SCHEME_TERNARY, TN_SCHEME_INTEGER } TnSchemeKind;
typedef enum { TN_RULE_DEFAULT, TN_RULE_ABSMEAN, TN_RULE_ABSMEDIAN, TN_RULE_TWN, TN_RULE_LEAST_SQUARES, TN_RULE_LLOYD } TnSchemeRule;
typedef enum { TN_SCALE_DEFAULT, TN_SCALE_F32, TN_SCALE_F16 } TnScaleType;
typedef enum { TN_PER_TENSOR, TN_PER_CHANNEL, TN_PER_GROUP, TN_PER_TOKEN } TnGranularity;

typedef struct
{
  TnSchemeKind  kind;
  TnSchemeRule  rule;       /* ternary only */
  guint         bits;       /* integer: 2..8 */
  gboolean      asymmetric; /* integer only */
  TnGranularity granularity;
  guint         group_size; /* per group only */
  TnScaleType   scale_type; /* what parsing gives is DEFAULT where a suffix says what is so without it */
  TnMethod     method;     /* MINMAX: by range or rule; not for binary */
  TnObjective  objective;  /* of AUTO: MSE or KL */
  double       percentile; /* of PERCENTILE; 0: the default */
} TnScheme;

/* TN_ERROR_ARGUMENT names the part that is not understood and what is. */
gboolean tn_scheme_parse     (const char *name, TnScheme *scheme, GError **error);
/* "ternary,int8,int4:g32" -> GArray of TnScheme. Free with g_array_unref(). */
GArray  *tn_scheme_parse_list (const char *names, GError **error);
/* The canonical name; free with g_free(). */
char    *tn_scheme_to_string (const TnScheme *scheme);
/* TN_SCALE_F16 or TN_SCALE_F32. */
TnScaleType tn_scheme_get_scale_type (const TnScheme *scheme);
gboolean tn_scheme_equal     (const TnScheme *a, const TnScheme *b);
/* Bits an element, scales counted as they are stored (asymmetric adds a zero point of the code's width). log2(3) for ternary. */
double   tn_scheme_bits      (const TnScheme *scheme, guint64 rows, guint64 columns);
/* TN_ERROR_ARGUMENT when it cannot be applied to rows of this width (group 64 over width 96). */
gboolean tn_scheme_check     (const TnScheme *scheme, guint64 rows, guint64 columns, GError **error);

G_END_DECLS
