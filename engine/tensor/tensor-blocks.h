/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Elements a block when nothing else matters: 256 KiB of float32 stay in the second-level cache. */
#define TN_TENSOR_BLOCK_ELEMENTS 65536
/* Blocks that are measured in parallel before their results are folded. */
#define TN_TENSOR_WAVE_BLOCKS 128

typedef struct
{
  const float *x; /* [n], decoded */
  gsize        n;
  guint64      first;  /* element of the tensor that x[0] is */
  guint        slot;   /* of this block in its wave: [0, TN_TENSOR_WAVE_BLOCKS) */
  guint        thread; /* [0, tn_tensor_blocks_max_threads ()) */
} TnTensorBlock;

/* How a tensor is streamed: measure is called for every block, in parallel; fold then for every slot on the calling thread in the
 * order of the blocks, so that sums have the same bits for any number of threads. fold may be NULL. */
typedef struct
{
  void   (*measure) (const TnTensorBlock *block, gpointer user_data);
  void   (*fold)    (guint slot, gpointer user_data);
  gpointer user_data;
} TnTensorVisitor;

/* Elements first .. first + n in blocks of block_elements (the last one shorter), mapped pages released behind it.
 * Runs parallel loops: call on the compute thread. TN_ERROR_UNSUPPORTED when the dtype cannot be decoded, TN_ERROR_MEMORY,
 * G_IO_ERROR_CANCELLED. */
gboolean tn_tensor_visit_blocks (const TnTensor *self, guint64 first, guint64 n, gsize block_elements,
                                 const TnTensorVisitor *visitor, GCancellable *cancellable, GError **error);
guint    tn_tensor_blocks_max_threads (void);

G_END_DECLS
