/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-checkpoint.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>

#include "app/tasks/provenance.h"
#include "data/models/safetensors.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"

#define SUFFIX ".checkpoint"
#define NOTE_PROVENANCE "checkpoint.provenance"

/* A hundredth of the time, and less than a minute lost. */
#define SHARE 100.0
#define MOST_SECONDS 50.0

struct _TnCalibrateCheckpoint
{
  char *path;
  char *provenance;
  double seconds; /* 0: never */
  gint64 next_us;
  gboolean failed; /* and said so */
  gboolean told;
};

static gint64
after (double seconds)
{
  return g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
}

TnCalibrateCheckpoint *
tn_calibrate_checkpoint_new (const char *out_path, const char *provenance, double seconds)
{
  TnCalibrateCheckpoint *self = g_new0 (TnCalibrateCheckpoint, 1);

  self->path = g_strconcat (out_path, SUFFIX, NULL);
  self->provenance = g_strdup (provenance);
  self->seconds = seconds;
  self->next_us = after (seconds);
  return self;
}

void
tn_calibrate_checkpoint_free (TnCalibrateCheckpoint *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->provenance);
  g_free (self);
}

const char *
tn_calibrate_checkpoint_get_path (TnCalibrateCheckpoint *self)
{
  return self->path;
}

/* What the reader of statistics passes over, though its check sum covers it. */
static gboolean
check_provenance (TnCalibrateCheckpoint *self, GError **error)
{
  g_autoptr (TnMappedFile) mapped = tn_mapped_file_open (self->path, error);
  g_autoptr (TnSafetensors) file = mapped != NULL ? tn_safetensors_open (mapped, error) : NULL;
  const char *provenance = file != NULL ? tn_safetensors_get_metadata (file, NOTE_PROVENANCE) : NULL;
  g_autofree char *difference = NULL;

  if (file == NULL)
    return FALSE;
  if (provenance == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: a statistics file, not a checkpoint: %s is missing in __metadata__"), self->path,
                   NOTE_PROVENANCE);
      return FALSE;
    }
  difference = tn_provenance_compare (provenance, self->provenance, NULL);
  if (difference == NULL)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: the run it is of cannot go on, this is another one: %s"), self->path,
               difference);
  return FALSE;
}

gboolean
tn_calibrate_checkpoint_load (TnCalibrateCheckpoint *self, TnStats **stats, GError **error)
{
  g_autoptr (TnStats) found = NULL;

  *stats = NULL;
  if (!g_file_test (self->path, G_FILE_TEST_EXISTS))
    return TRUE;
  found = tn_stats_load (self->path, error);
  if (found == NULL || !check_provenance (self, error))
    return FALSE;
  *stats = g_steal_pointer (&found);
  return TRUE;
}

gboolean
tn_calibrate_checkpoint_write (TnCalibrateCheckpoint *self, const TnStats *stats, GError **error)
{
  g_autoptr (GHashTable) notes = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_insert (notes, (gpointer) NOTE_PROVENANCE, self->provenance);
  return tn_stats_save_with_notes (stats, notes, self->path, NULL, error);
}

void
tn_calibrate_checkpoint_offer (TnCalibrateCheckpoint *self, const TnStats *stats, const TnListener *listener)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gint64 start = g_get_monotonic_time ();
  double taken;

  if (self->seconds <= 0.0 || start < self->next_us)
    return;
  if (tn_calibrate_checkpoint_write (self, stats, &error))
    {
      text = g_strdup_printf (_ ("%" PRIu64 " sequences are safe in %s: the same command with --resume goes on from there"), stats->samples,
                              self->path);
      tn_listener_event (listener, "checkpoint", text);
      self->told = TRUE;
    }
  else if (!self->failed)
    {
      text = g_strdup_printf (_ ("the run goes on without a checkpoint: %s"), error->message);
      tn_listener_event (listener, "warning", text);
      self->failed = TRUE;
    }
  taken = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  tn_listener_metric (listener, "checkpoint_seconds", (gint64) stats->samples, taken);
  self->next_us = after (self->seconds >= TN_CHECKPOINT_SECONDS ? MAX (self->seconds, MIN (SHARE * taken, MOST_SECONDS)) : self->seconds);
}

void
tn_calibrate_checkpoint_remove (TnCalibrateCheckpoint *self, const TnListener *listener)
{
  g_unlink (self->path);
  if (self->told)
    tn_listener_event (listener, "checkpoint", _ ("complete; the checkpoint is removed"));
}
