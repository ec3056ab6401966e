/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/stream-position.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "engine/error.h"

#define FIELD_EPOCH "data_epoch"
#define FIELD_INDEX "data_index"
#define FIELD_FINGERPRINT "data_fingerprint"

void
tn_stream_position_save (TnStreamPosition self, guint64 fingerprint, TnCheckpoint *checkpoint)
{
  tn_checkpoint_set_count (checkpoint, FIELD_EPOCH, self.epoch);
  tn_checkpoint_set_count (checkpoint, FIELD_INDEX, self.index);
  tn_checkpoint_set_count (checkpoint, FIELD_FINGERPRINT, fingerprint);
}

gboolean
tn_stream_position_load (TnStreamPosition *self, guint64 fingerprint, TnCheckpointFile *file, GError **error)
{
  TnStreamPosition position;
  guint64 found;

  if (!tn_checkpoint_file_get_count (file, FIELD_FINGERPRINT, &found, error) ||
      !tn_checkpoint_file_get_count (file, FIELD_EPOCH, &position.epoch, error) ||
      !tn_checkpoint_file_get_count (file, FIELD_INDEX, &position.index, error))
    return FALSE;
  if (found != fingerprint)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: was trained on other data (%016" PRIx64 "), expected those of before: these are %016" PRIx64),
                   tn_checkpoint_file_get_path (file), found, fingerprint);
      return FALSE;
    }
  *self = position;
  return TRUE;
}
