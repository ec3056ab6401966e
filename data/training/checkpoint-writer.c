/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/checkpoint-writer.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include <glib/gstdio.h>

#include "data/training/checkpoint-private.h"
#include "data/training/checkpoint-retention.h"
#include "engine/error.h"

/* One checkpoint on its way to the disk. Belongs to the thread that writes it until done is set. */
typedef struct
{
  TnKnownCheckpoint checkpoint;
  TnCheckpoint *copy; /* of what is to be written; NULL: it was, and has to be committed */
  TnAtomicFile *file;
  const char *folder;
  TnCheckpointRetention retention;
  GArray *known; /* TnKnownCheckpoint, ascending; afterwards as the folder is */
  guint removed;
  guint64 bytes;
  double seconds;
  GError *error;
  gint done; /* atomic */
} Work;

struct _TnCheckpointWriter
{
  char *folder;
  TnCheckpointRetention retention;
  gsize copy_bytes;
  GArray *known;        /* TnKnownCheckpoint, ascending */
  Work *work;           /* in flight; else NULL */
  GThread *thread;      /* that does it */
  GError *error;        /* of the last that was collected; NULL: it was written */
  gboolean was_skipped; /* the last submit */
  TnCheckpointCounts counts;
  char *last, *best;
};

static double
seconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

static gboolean
learn_folder (TnCheckpointWriter *self, GError **error)
{
  g_autoptr (GArray) steps = tn_checkpoint_list (self->folder, error);

  if (steps == NULL)
    return FALSE;
  for (guint i = 0; i < steps->len; i++)
    {
      TnKnownCheckpoint known = {.step = g_array_index (steps, guint64, i), .validation = NAN};
      g_autofree char *name = tn_checkpoint_make_name (known.step), *path = g_build_filename (self->folder, name, NULL);
      g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_peek (path, NULL);

      /* A damaged one is for people to look at: it is neither counted nor removed. */
      if (file == NULL || tn_checkpoint_file_get_step (file) != known.step)
        continue;
      if (tn_checkpoint_file_has_field (file, TN_CHECKPOINT_VALIDATION))
        tn_checkpoint_file_get_number (file, TN_CHECKPOINT_VALIDATION, &known.validation, NULL);
      g_array_append_val (self->known, known);
    }
  return TRUE;
}

TnCheckpointWriter *
tn_checkpoint_writer_new (const char *folder, const TnCheckpointRetention *retention, gsize copy_bytes, GError **error)
{
  g_autoptr (TnCheckpointWriter) self = g_new0 (TnCheckpointWriter, 1);

  self->folder = g_strdup (folder);
  self->retention = *retention;
  self->copy_bytes = copy_bytes;
  self->known = g_array_new (FALSE, FALSE, sizeof (TnKnownCheckpoint));
  if (g_mkdir_with_parents (folder, 0777) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the folder of checkpoints cannot be made: %s"), folder,
                   g_strerror (errno));
      return NULL;
    }
  return learn_folder (self, error) ? g_steal_pointer (&self) : NULL;
}

static gboolean
remove_old (Work *work, guint64 step)
{
  for (guint i = work->known->len; i-- > 0;)
    {
      g_autofree char *name = tn_checkpoint_make_name (g_array_index (work->known, TnKnownCheckpoint, i).step),
                      *path = g_build_filename (work->folder, name, NULL);

      if (tn_checkpoint_retention_keeps (&work->retention, work->known, i, step))
        continue;
      if (g_unlink (path) != 0 && errno != ENOENT)
        continue;
      g_array_remove_index (work->known, i);
      work->removed++;
      return TRUE;
    }
  return FALSE;
}

static gboolean
write_file (Work *work, TnCheckpoint *checkpoint)
{
  g_autofree char *name = tn_checkpoint_make_name (work->checkpoint.step), *path = g_build_filename (work->folder, name, NULL);

  work->file = tn_atomic_file_create (path, &work->error);
  if (work->file == NULL || !tn_checkpoint_write_to (checkpoint, work->file, &work->error))
    return FALSE;
  work->bytes = tn_atomic_file_tell (work->file);
  return TRUE;
}

static gpointer
do_work (gpointer user_data)
{
  Work *work = user_data;
  gint64 start = g_get_monotonic_time ();

  if ((work->copy == NULL || write_file (work, work->copy)) && tn_atomic_file_commit (work->file, &work->error))
    {
      tn_known_checkpoints_add (work->known, work->checkpoint);
      while (remove_old (work, work->checkpoint.step))
        ;
    }
  g_clear_pointer (&work->file, tn_atomic_file_free);
  work->seconds += seconds_since (start);
  g_atomic_int_set (&work->done, 1);
  return NULL;
}

static void
tell (const TnListener *listener, const char *kind, char *text)
{
  g_autofree char *owned = text;

  tn_listener_event (listener, kind, owned);
}

static void
settle (TnCheckpointWriter *self, const TnListener *listener)
{
  Work *work = g_steal_pointer (&self->work);
  gboolean had_failed = self->error != NULL;
  guint64 step = work->checkpoint.step;

  if (self->thread != NULL)
    g_thread_join (g_steal_pointer (&self->thread));
  g_clear_error (&self->error);
  if (work->error != NULL)
    {
      self->counts.failed++;
      tell (listener, "warning",
            g_strdup_printf (_ ("the checkpoint of step %" PRIu64
                                " was not written: %s; training goes on and tries again at the next one"),
                             step, work->error->message));
      self->error = work->error;
    }
  else
    {
      self->counts.written++;
      self->counts.last_step = step;
      self->counts.last_bytes = work->bytes;
      self->counts.last_write_seconds = work->seconds;
      if (had_failed)
        tell (listener, "info",
              g_strdup_printf (_ ("the checkpoint of step %" PRIu64 " was written: checkpoints are kept again"), step));
    }
  self->counts.removed += work->removed;
  g_array_unref (self->known);
  self->known = work->known;
  tn_checkpoint_free (work->copy);
  tn_atomic_file_free (work->file);
  g_free (work);
}

gboolean
tn_checkpoint_writer_collect (TnCheckpointWriter *self, const TnListener *listener)
{
  if (self->work == NULL || g_atomic_int_get (&self->work->done) == 0)
    return FALSE;
  settle (self, listener);
  return TRUE;
}

static void
wait_for_work (TnCheckpointWriter *self, const TnListener *listener)
{
  if (self->work != NULL)
    settle (self, listener);
}

void
tn_checkpoint_writer_free (TnCheckpointWriter *self)
{
  if (self == NULL)
    return;
  wait_for_work (self, NULL);
  g_clear_error (&self->error);
  g_array_unref (self->known);
  g_free (self->folder);
  g_free (self->last);
  g_free (self->best);
  g_free (self);
}

/* NULL: not to be made, or no memory for it. */
static TnCheckpoint *
copy_checkpoint (TnCheckpointWriter *self, TnCheckpoint *checkpoint)
{
  return tn_checkpoint_get_bytes (checkpoint) <= self->copy_bytes ? tn_checkpoint_copy (checkpoint, NULL) : NULL;
}

static void
begin (TnCheckpointWriter *self, TnCheckpoint *checkpoint, const TnListener *listener)
{
  gint64 start = g_get_monotonic_time ();
  Work *work = g_new0 (Work, 1);
  gboolean ready = TRUE;

  work->checkpoint = (TnKnownCheckpoint){.step = checkpoint->step, .validation = tn_checkpoint_get_validation (checkpoint)};
  work->folder = self->folder;
  work->retention = self->retention;
  work->known = g_array_copy (self->known);
  work->copy = copy_checkpoint (self, checkpoint);
  self->work = work;
  if (work->copy == NULL)
    {
      self->counts.uncopied++;
      ready = write_file (work, checkpoint);
      work->seconds = seconds_since (start);
    }
  if (ready)
    self->thread = g_thread_new ("checkpoint", do_work, work);
  else
    settle (self, listener);
}

gboolean
tn_checkpoint_writer_submit (TnCheckpointWriter *self, TnCheckpoint *checkpoint, gboolean wait, const TnListener *listener)
{
  gint64 start = g_get_monotonic_time ();

  if (wait)
    wait_for_work (self, listener);
  else
    tn_checkpoint_writer_collect (self, listener);
  if (self->work != NULL)
    {
      self->counts.skipped++;
      if (!self->was_skipped)
        tell (listener, "info",
              g_strdup_printf (_ ("the checkpoint of step %" PRIu64 " is left out: that of step %" PRIu64
                                  " is still being written"),
                               checkpoint->step, self->work->checkpoint.step));
      self->was_skipped = TRUE;
      return FALSE;
    }
  self->was_skipped = FALSE;
  begin (self, checkpoint, listener);
  self->counts.last_stall_seconds = seconds_since (start);
  self->counts.total_stall_seconds += self->counts.last_stall_seconds;
  return TRUE;
}

gboolean
tn_checkpoint_writer_finish (TnCheckpointWriter *self, const TnListener *listener, GError **error)
{
  wait_for_work (self, listener);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}

const TnCheckpointCounts *
tn_checkpoint_writer_get_counts (TnCheckpointWriter *self)
{
  return &self->counts;
}

static const char *
make_path (TnCheckpointWriter *self, guint64 step, char **kept)
{
  g_autofree char *name = tn_checkpoint_make_name (step);

  g_free (*kept);
  *kept = g_build_filename (self->folder, name, NULL);
  return *kept;
}

const char *
tn_checkpoint_writer_get_last (TnCheckpointWriter *self)
{
  if (self->counts.written > 0)
    return make_path (self, self->counts.last_step, &self->last);
  return self->known->len > 0
             ? make_path (self, g_array_index (self->known, TnKnownCheckpoint, self->known->len - 1).step, &self->last)
             : NULL;
}

const char *
tn_checkpoint_writer_get_best (TnCheckpointWriter *self)
{
  guint index;

  if (!self->retention.keep_best || !tn_known_checkpoints_find_best (self->known, &index))
    return NULL;
  return make_path (self, g_array_index (self->known, TnKnownCheckpoint, index).step, &self->best);
}
