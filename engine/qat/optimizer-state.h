/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/qat/optimizer-private.h"

G_BEGIN_DECLS

typedef struct
{
  guint       slot;
  TnSlotBlock block;
  double      square_sum; /* of the gradient of this update */
} TnListedBlock;

struct _TnOptimizer
{
  TnOptimizerOptions options;
  TnSlot            *slots;
  guint              n_slots;
  GHashTable        *slot_of;  /* TnVariable → TnSlot */
  TnListedBlock     *blocks;   /* of all slots, one slot after the other */
  gsize              n_blocks;
  guint64           *updates;  /* [n_slots] */
  TnMuonScratch      scratch;
  TnOptimizerTensor *tensors;
  guint              n_tensors;
};

/* NULL: not of this optimizer. */
TnSlot *tn_optimizer_find_slot (TnOptimizer *self, TnVariable *variable);

G_END_DECLS
