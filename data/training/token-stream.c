/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/token-stream.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/training/permutation.h"
#include "engine/error.h"
#include "engine/random.h"

struct _TnTokenStream
{
  TnTokenSequence *training, *validation;
  TnTokenStreamOptions options;
  TnRandom orders, shifts; /* of the epochs */
  guint64 count;           /* tokens of training */
  guint64 n_windows;       /* of an epoch */
  guint64 n_validation;    /* windows that are validated on */
  TnStreamPosition position;
  gint32 *window; /* seq_len + 1 */
};

/* Windows of which each begins with an input that has a target. */
static guint64
validation_windows (const TnTokenStream *self)
{
  guint64 count = self->validation != NULL ? tn_token_sequence_count (self->validation) : 0;

  return count < 2 ? 0 : (count - 2) / self->options.seq_len + 1;
}

TnTokenStream *
tn_token_stream_new (TnTokenSequence *training, TnTokenSequence *validation, const TnTokenStreamOptions *options, GError **error)
{
  TnTokenStream *self;

  g_return_val_if_fail (options->seq_len > 0 && options->batch_size > 0, NULL);

  if (tn_token_sequence_count (training) < MAX (options->seq_len, 2))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("the training data have %" PRIu64 " tokens, expected at least %u: one sequence"),
                   tn_token_sequence_count (training), MAX (options->seq_len, 2));
      return NULL;
    }
  self = g_new0 (TnTokenStream, 1);
  self->training = tn_token_sequence_ref (training);
  self->validation = validation != NULL ? tn_token_sequence_ref (validation) : NULL;
  self->options = *options;
  self->orders = tn_random_stream (options->seed, "token-stream/order");
  self->shifts = tn_random_stream (options->seed, "token-stream/shift");
  self->count = tn_token_sequence_count (training);
  self->n_windows = self->count / options->seq_len;
  self->n_validation = validation_windows (self);
  if (options->validation_windows > 0)
    self->n_validation = MIN (self->n_validation, options->validation_windows);
  self->window = g_new (gint32, (gsize) options->seq_len + 1);
  return self;
}

void
tn_token_stream_free (TnTokenStream *self)
{
  if (self == NULL)
    return;
  tn_token_sequence_unref (self->training);
  tn_token_sequence_unref (self->validation);
  g_free (self->window);
  g_free (self);
}

static void
copy_window (const TnTokenStream *self, guint length, gboolean ends, gint32 *tokens, gint32 *targets)
{
  guint n_targets = ends ? length - 1 : length;

  memcpy (tokens, self->window, length * sizeof *tokens);
  memset (tokens + length, 0, (self->options.seq_len - length) * sizeof *tokens);
  for (guint i = 0; i < n_targets; i++)
    targets[i] = self->options.masked_token >= 0 && self->window[i + 1] == self->options.masked_token ? -1 : self->window[i + 1];
  for (guint i = n_targets; i < self->options.seq_len; i++)
    targets[i] = -1;
}

/* Around the end to the beginning. */
static gboolean
draw_window (TnTokenStream *self, TnStreamPosition position, gint32 *tokens, gint32 *targets, GError **error)
{
  guint seq_len = self->options.seq_len;
  TnPermutation order = tn_permutation_new (self->n_windows, tn_random_at (&self->orders, position.epoch));
  guint64 shift = position.epoch > 0 ? tn_random_at (&self->shifts, position.epoch) % seq_len : 0;
  guint64 first = (tn_permutation_at (&order, position.index) * seq_len + shift) % self->count;
  guint before = (guint) MIN ((guint64) seq_len + 1, self->count - first), behind = seq_len + 1 - before;

  if (!tn_token_sequence_read (self->training, first, before, self->window, error) ||
      !tn_token_sequence_read (self->training, 0, behind, self->window + before, error))
    return FALSE;
  copy_window (self, seq_len, FALSE, tokens, targets);
  if (before <= seq_len)
    targets[before - 1] = -1;
  return TRUE;
}

gboolean
tn_token_stream_fill (TnTokenStream *self, gint32 *tokens, gint32 *targets, GError **error)
{
  TnStreamPosition position = self->position;

  for (guint i = 0; i < self->options.batch_size; i++)
    {
      gsize begin = (gsize) i * self->options.seq_len;

      if (!draw_window (self, position, tokens + begin, targets + begin, error))
        return FALSE;
      if (++position.index == self->n_windows)
        position = (TnStreamPosition){.epoch = position.epoch + 1};
    }
  self->position = position;
  return TRUE;
}

TnStreamPosition
tn_token_stream_get_position (TnTokenStream *self)
{
  return self->position;
}

gboolean
tn_token_stream_set_position (TnTokenStream *self, TnStreamPosition position, GError **error)
{
  if (position.index >= self->n_windows)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("sequence %" PRIu64 " of an epoch is asked for, the training data have %" PRIu64 ": they are others"),
                   position.index, self->n_windows);
      return FALSE;
    }
  self->position = position;
  return TRUE;
}

guint64
tn_token_stream_epoch_windows (TnTokenStream *self)
{
  return self->n_windows;
}

guint64
tn_token_stream_tokens_seen (TnTokenStream *self)
{
  return (self->position.epoch * self->n_windows + self->position.index) * self->options.seq_len;
}

guint64
tn_token_stream_fingerprint (TnTokenStream *self)
{
  return tn_token_sequence_fingerprint (self->training);
}

guint
tn_token_stream_n_validation_batches (TnTokenStream *self)
{
  return (guint) ((self->n_validation + self->options.batch_size - 1) / self->options.batch_size);
}

gboolean
tn_token_stream_fill_validation (TnTokenStream *self, guint batch, gint32 *tokens, gint32 *targets, GError **error)
{
  guint seq_len = self->options.seq_len;
  guint64 all = validation_windows (self);

  g_return_val_if_fail (batch < tn_token_stream_n_validation_batches (self), FALSE);

  for (guint i = 0; i < self->options.batch_size; i++, tokens += seq_len, targets += seq_len)
    {
      guint64 place = (guint64) batch * self->options.batch_size + i, first, left;
      guint n;

      if (place >= self->n_validation)
        {
          copy_window (self, 0, FALSE, tokens, targets);
          continue;
        }
      first = (guint64) ((unsigned __int128) place * all / self->n_validation) * seq_len;
      left = tn_token_sequence_count (self->validation) - first;
      n = (guint) MIN (left, (guint64) seq_len + 1);
      if (!tn_token_sequence_read (self->validation, first, n, self->window, error))
        return FALSE;
      copy_window (self, MIN (n, seq_len), n <= seq_len, tokens, targets);
    }
  return TRUE;
}
