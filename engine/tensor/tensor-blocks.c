/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/tensor-blocks.h"

#include <glib/gi18n-lib.h>
#include <omp.h>

#include "engine/error.h"

guint
tn_tensor_blocks_max_threads (void)
{
  return (guint) omp_get_max_threads ();
}

/* Aligned float32 needs no copy. */
static gboolean
can_read_in_place (const TnTensor *self)
{
  return self->dtype == TN_DTYPE_F32 && (gsize) self->data % sizeof (float) == 0;
}

gboolean
tn_tensor_visit_blocks (const TnTensor *self, guint64 first, guint64 n, gsize block_elements, const TnTensorVisitor *visitor,
                        GCancellable *cancellable, GError **error)
{
  guint threads = tn_tensor_blocks_max_threads ();
  gboolean in_place = can_read_in_place (self);
  gsize buffer_elements = (gsize) MIN (n, block_elements);
  guint64 end = first + n;
  g_autoptr (TnBlock) memory = NULL;
  float *buffers;

  g_return_val_if_fail (first <= self->count && n <= self->count - first, FALSE);
  g_return_val_if_fail (block_elements > 0, FALSE);

  if (!tn_dtype_can_decode (self->dtype))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("Tensors of type %s cannot be decoded"),
                   tn_dtype_get_name (self->dtype));
      return FALSE;
    }
  memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, in_place ? 0 : threads, buffer_elements * sizeof (float),
                                error);
  if (memory == NULL)
    return FALSE;
  buffers = memory;

  while (first < end)
    {
      guint64 wave_elements = MIN (end - first, (guint64) block_elements * TN_TENSOR_WAVE_BLOCKS);
      guint n_blocks = (guint) ((wave_elements + block_elements - 1) / block_elements);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
#pragma omp parallel for schedule(dynamic) if (n_blocks > 1)
      for (guint slot = 0; slot < n_blocks; slot++)
        {
          TnTensorBlock block = {
              .n = (gsize) MIN (block_elements, wave_elements - (guint64) slot * block_elements),
              .first = first + (guint64) slot * block_elements,
              .slot = slot,
              .thread = (guint) omp_get_thread_num (),
          };

          if (in_place)
            block.x = (const float *) self->data + block.first;
          else
            {
              float *buffer = buffers + block.thread * buffer_elements;

              tn_tensor_decode (self, block.first, block.n, buffer);
              block.x = buffer;
            }
          visitor->measure (&block, visitor->user_data);
        }
      if (visitor->fold != NULL)
        for (guint slot = 0; slot < n_blocks; slot++)
          visitor->fold (slot, visitor->user_data);
      tn_tensor_release (self, first, wave_elements);
      first += wave_elements;
    }
  return TRUE;
}
