/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/dynamic-map.h"
#include "engine/qat/optimizer-private.h"

typedef enum
{
  MOMENT1,
  MOMENT1_SCALE,
  MOMENT2,
  MOMENT2_SCALE,
} StateArray;

static guint
list_state (const TnVariable *variable, const TnOptimizerOptions *options, TnStateArray *arrays)
{
  gsize n_blocks = (variable->count + TN_DYNAMIC_BLOCK - 1) / TN_DYNAMIC_BLOCK;

  arrays[MOMENT1] = (TnStateArray){"moment1", TN_DTYPE_U8, variable->count, TRUE, NULL};
  arrays[MOMENT1_SCALE] = (TnStateArray){"moment1_scale", TN_DTYPE_F32, n_blocks, FALSE, NULL};
  arrays[MOMENT2] = (TnStateArray){"moment2", TN_DTYPE_U8, variable->count, TRUE, NULL};
  arrays[MOMENT2_SCALE] = (TnStateArray){"moment2_scale", TN_DTYPE_F32, n_blocks, FALSE, NULL};
  return 4;
}

static void
prepare (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors)
{
  tn_optimizer_adamw.prepare (options, number, rate, decay, factors);
}

/* Blocks of gradients hold whole blocks of the map. */
G_STATIC_ASSERT (TN_GRADIENT_BLOCK % TN_DYNAMIC_BLOCK == 0);

static void
update_block (const TnSlot *slot, TnSlotBlock block)
{
  float *value = slot->variable->data, *scales1 = slot->arrays[MOMENT1_SCALE].data, *scales2 = slot->arrays[MOMENT2_SCALE].data;
  guint8 *codes1 = slot->arrays[MOMENT1].data, *codes2 = slot->arrays[MOMENT2].data;

  for (gsize done = 0; done < block.n; done += TN_DYNAMIC_BLOCK)
    {
      gsize first = block.first + done, n = MIN (TN_DYNAMIC_BLOCK, block.n - done), i = first / TN_DYNAMIC_BLOCK;
      float moment1[TN_DYNAMIC_BLOCK], moment2[TN_DYNAMIC_BLOCK];

      tn_dynamic_decode (codes1 + first, n, TN_DYNAMIC_SIGNED, scales1[i], moment1);
      tn_dynamic_decode (codes2 + first, n, TN_DYNAMIC_UNSIGNED, scales2[i], moment2);
      tn_adam_update (value + first, slot->gradient + first, moment1, moment2, n, &slot->factors);
      tn_dynamic_encode (moment1, n, TN_DYNAMIC_SIGNED, codes1 + first, &scales1[i]);
      tn_dynamic_encode (moment2, n, TN_DYNAMIC_UNSIGNED, codes2 + first, &scales2[i]);
    }
}

const TnOptimizerClass tn_optimizer_adamw8 = {.list_state = list_state, .prepare = prepare, .update_block = update_block};
