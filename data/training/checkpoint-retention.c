/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/checkpoint-retention.h"

#include <math.h>

static const TnKnownCheckpoint *
get (GArray *known, guint index)
{
  return &g_array_index (known, TnKnownCheckpoint, index);
}

void
tn_known_checkpoints_add (GArray *known, TnKnownCheckpoint added)
{
  guint place = 0;

  while (place < known->len && get (known, place)->step < added.step)
    place++;
  if (place < known->len && get (known, place)->step == added.step)
    g_array_remove_index (known, place);
  g_array_insert_val (known, place, added);
}

gboolean
tn_known_checkpoints_find_best (GArray *known, guint *index)
{
  gboolean found = FALSE;

  for (guint i = 0; i < known->len; i++)
    if (isfinite (get (known, i)->validation) && (!found || get (known, i)->validation <= get (known, *index)->validation))
      {
        *index = i;
        found = TRUE;
      }
  return found;
}

gboolean
tn_checkpoint_retention_keeps (const TnCheckpointRetention *self, GArray *known, guint index, guint64 step)
{
  guint64 mine = get (known, index)->step;
  guint newer = 0, best;

  if (self->keep_every > 0 && mine % self->keep_every == 0)
    return TRUE;
  for (guint i = index + 1; i < known->len; i++)
    newer += get (known, i)->step <= step;
  if (newer < MAX (self->keep_last, 1))
    return TRUE;
  return self->keep_best && tn_known_checkpoints_find_best (known, &best) && best == index;
}
