/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/safetensors.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* Quantized tensors in safetensors files of ours (resources/guides/quantize.md). A tensor NAME is stored as NAME, its codes; NAME_scale, F32;
 * and for asymmetric schemes NAME_zero_point, I8. Element i belongs to unit i / unit, all elements to the only one where unit is 0; its value is
 * code * scale, or (code - zero_point) * scale. How codes are stored:
 *   "ternary"  U8: -1, 0, +1 in two bits, without gaps between rows (tn_pack_ternary2)
 *   "bits"     U8 [rows, bytes]: codes of so many bits, every row from a byte of its own (tn_pack_bits)
 *   "int8"     I8: as they are
 * What the codes are stands in __metadata__, "ternion.tensors": a JSON object NAME -> {"scheme", "packing", "bits", "unit", "shape", "crc32c",
 * "scale_crc32c"}; the sums are over the bytes of the codes and of the scales. */

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

typedef enum { TN_PACKING_TERNARY, TN_PACKING_BITS, TN_PACKING_INT8, TN_N_PACKINGS } TnPacking;

typedef struct
{
  TnPacking packing;
  guint     bits;
  gboolean  asymmetric;
  guint     n_dims;
  guint64   shape[TN_TENSOR_MAX_DIMS];
  guint64   unit;
} TnPackedLayout;

const char *tn_packing_get_name      (TnPacking packing);
gboolean    tn_packing_parse         (const char *name, TnPacking *packing);

/* How a scheme's codes of a tensor are stored. */
void        tn_packed_layout_init    (TnPackedLayout *self, const TnScheme *scheme, const TnTensor *tensor);
/* Bytes of the codes and number of units; FALSE on overflow or when the unit does not divide the rows. */
gboolean    tn_packed_layout_measure (const TnPackedLayout *self, guint64 *bytes, guint64 *units);
/* Shape of the stored codes, and of the scales: [1], [rows] or [rows, units a row]. */
guint       tn_packed_layout_codes   (const TnPackedLayout *self, guint64 shape[TN_TENSOR_MAX_DIMS]);
guint       tn_packed_layout_scales  (const TnPackedLayout *self, guint64 shape[2]);

/* A tensor over the stored parts that decodes to the values. zero_points: NULL for symmetric schemes. The caller has checked sizes. */
TnTensor   *tn_packed_tensor_new     (const TnPackedLayout *layout, TnSafetensors *file, const TnSafetensorsEntry *codes,
                                      const TnSafetensorsEntry *scales, const TnSafetensorsEntry *zero_points, GError **error);

G_END_DECLS
