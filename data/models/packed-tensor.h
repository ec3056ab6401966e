/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/safetensors.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* Quantized tensors in safetensors files of ours (resources/guides/quantize.md). A tensor NAME is stored as NAME, its codes; NAME_scale, F32;
 * for asymmetric schemes NAME_zero_point, U8. The codes stand in row-major order without gaps between rows, the first in the low bits of
 * a byte. Element i belongs to unit i / unit, all elements to the only one where unit is 0. Its value is
 *   u1          (2 code - 1) scale
 *   u2, u4      (code - offset) scale, offset = 2^(B-1) - 1; ternary: 1
 *   i8          code scale
 *   u2, u4, u8  (code - zero_point) scale, where there are zero points.
 * What the codes are stands in __metadata__, "ternion.tensors": a JSON object NAME -> {"scheme", "packing", "offset", "unit", "shape", "crc32c",
 * "scale_crc32c"}; the sums are over the bytes of the codes and the scales. */

#define TN_PACKED_KEY_FORMAT "ternion.format"
#define TN_PACKED_FORMAT "quantized-1"
#define TN_PACKED_KEY_TENSORS "ternion.tensors"
/* JSON NAME -> scheme, of tensors whose values were rounded and are kept as plain numbers. */
#define TN_PACKED_KEY_ROUNDED "ternion.rounded"
/* A config.json as Hugging Face has it, and how Q and K are laid out where it is not their way: "interleaved". */
#define TN_PACKED_KEY_CONFIG "ternion.config"
#define TN_PACKED_KEY_ROPE "ternion.rope_layout"
#define TN_PACKED_SCALE_SUFFIX "_scale"
#define TN_PACKED_ZERO_POINT_SUFFIX "_zero_point"

typedef enum { TN_PACKING_U1, TN_PACKING_U2, TN_PACKING_U4, TN_PACKING_U8, TN_PACKING_I8, TN_N_PACKINGS } TnPacking;

typedef struct
{
  TnPacking packing;
  gint      offset;
  gboolean  asymmetric; /* zero points instead of the offset */
  guint     n_dims;
  guint64   shape[TN_TENSOR_MAX_DIMS];
  guint64   unit;
} TnPackedLayout;

const char *tn_packing_get_name      (TnPacking packing);
gboolean    tn_packing_parse         (const char *name, TnPacking *packing);
guint       tn_packing_get_bits      (TnPacking packing);

void        tn_packed_layout_init    (TnPackedLayout *self, const TnScheme *scheme, const TnTensor *tensor);
/* Bytes of the codes and number of units; FALSE on overflow or when the unit does not divide the rows. */
gboolean    tn_packed_layout_measure (const TnPackedLayout *self, guint64 *bytes, guint64 *units);
/* Shape of the scales: [1], [rows] or [rows, units a row]. */
guint       tn_packed_layout_scales  (const TnPackedLayout *self, guint64 shape[2]);

/* A tensor over the stored parts that decodes to the values. zero_points: NULL for symmetric schemes. The caller has checked sizes. */
TnTensor   *tn_packed_tensor_new     (const TnPackedLayout *layout, TnSafetensors *file, const TnSafetensorsEntry *codes,
                                      const TnSafetensorsEntry *scales, const TnSafetensorsEntry *zero_points, GError **error);

/* Codes of a row-major tensor to bytes, piece by piece. */
typedef struct
{
  TnPackedLayout layout;
  guint32        pending; /* bits of the byte that is not full */
  guint          n_pending;
} TnPacker;

/* n codes as TnCoder gives them; zero: what is added to each (offset or zero point). Appends whole bytes to out. */
void        tn_packer_add            (TnPacker *self, const gint16 *codes, gsize n, gint zero, GByteArray *out);
void        tn_packer_end            (TnPacker *self, GByteArray *out);

G_END_DECLS
