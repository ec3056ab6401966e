/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* CRC-32C (Castagnoli: polynomial 0x1edc6f41, reflected, start and end inverted), the check sum of packed weights. "123456789" has
 * 0xe3069283. It finds every error of up to 32 bits in a row, and every one of up to three bits in a tensor below 256 MB.
 *
 * Packed safetensors keep the sums of their tensors' bytes in __metadata__ (data/models/packed-tensor.h). GGUF files have none: other
 * programs copy keys they do not know when they change tensors, and the sums would be wrong then. */

/* crc: 0, or the sum of the bytes before data. Threads: any. */
guint32 tn_crc32c       (guint32 crc, const void *data, gsize bytes);
/* The same without instructions made for it. */
guint32 tn_crc32c_table (guint32 crc, const void *data, gsize bytes);
/* The sum of a followed by b from the sums of both: parts can be summed in parallel. */
guint32 tn_crc32c_join  (guint32 a, guint32 b, guint64 b_bytes);

G_END_DECLS
