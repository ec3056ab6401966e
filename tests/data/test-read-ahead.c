/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/read-ahead.h"

#include "engine/error.h"

/* Numbers 1 .. most, then the end or an error. What was read and not taken yet never exceeds depth, but for the one being read. */
typedef struct
{
  guint most, given;
  gboolean fails;
  gsize item_bytes;
  gint read, freed; /* atomic */
} Numbers;

static gpointer
read_number (gpointer user_data, gsize *bytes, GError **error)
{
  Numbers *self = user_data;

  if (self->given == self->most)
    {
      if (self->fails)
        g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, "number 17 is bad");
      return NULL;
    }
  *bytes = self->item_bytes;
  g_atomic_int_inc (&self->read);
  return GUINT_TO_POINTER (++self->given);
}

static gint *freed;

static void
free_number (gpointer item)
{
  g_atomic_int_inc (freed);
}

static void
test_order (void)
{
  for (guint depth = 1; depth < 5; depth++)
    for (guint fails = 0; fails < 2; fails++)
      {
        Numbers numbers = {.most = 37, .fails = fails != 0, .item_bytes = 1};
        g_autoptr (TnReadAhead) ahead = tn_read_ahead_new (read_number, &numbers, free_number, depth, G_MAXSIZE);
        g_autoptr (GError) error = NULL;

        for (guint i = 1; i <= numbers.most; i++)
          {
            g_assert_cmpuint (GPOINTER_TO_UINT (tn_read_ahead_next (ahead, &error)), ==, i);
            g_assert_no_error (error);
          }
        g_assert_null (tn_read_ahead_next (ahead, &error));
        if (fails)
          g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
        else
          g_assert_no_error (error);
        g_assert_null (tn_read_ahead_next (ahead, NULL));
      }
}

/* Waits for so many, and gives more of them the time to come. */
static gint
settle (const gint *value, gint expected)
{
  while (g_atomic_int_get (value) < expected)
    g_usleep (1000);
  g_usleep (20000);
  return g_atomic_int_get (value);
}

static void
test_back_pressure (void)
{
  Numbers numbers = {.most = 1000, .item_bytes = 10}, heavy = {.most = 1000, .item_bytes = 10};
  gint n_freed = 0;

  freed = &n_freed;
  {
    g_autoptr (TnReadAhead) ahead = tn_read_ahead_new (read_number, &numbers, free_number, 3, G_MAXSIZE);

    g_assert_cmpint (settle (&numbers.read, 3), ==, 3);
    for (guint i = 1; i <= 4; i++)
      g_assert_cmpuint (GPOINTER_TO_UINT (tn_read_ahead_next (ahead, NULL)), ==, i);
    g_assert_cmpint (settle (&numbers.read, 7), ==, 7);
  }
  g_assert_cmpint (n_freed, ==, 3);
  n_freed = 0;
  {
    /* Two of ten bytes reach the bound of fifteen; depth would allow fifty. */
    g_autoptr (TnReadAhead) ahead = tn_read_ahead_new (read_number, &heavy, free_number, 50, 15);

    g_assert_cmpint (settle (&heavy.read, 2), ==, 2);
  }
  g_assert_cmpint (n_freed, ==, 2);
}

/* A source that gives batches of one sequence with its number. */
typedef struct
{
  gint32 next, most;
  gboolean *was_freed;
} Source;

static TnBatch *
source_next (gpointer user_data, GError **error)
{
  Source *self = user_data;
  TnSequence sequence = {.length = 1, .tokens = &self->next, .targets = &self->next, .hash = (guint64) self->next};
  TnBatch *batch;

  if (self->next == self->most)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_IO, "the disk is gone");
      return NULL;
    }
  batch = tn_batch_new (&sequence, 1);
  self->next++;
  return batch;
}

static gint64
source_count (gpointer user_data)
{
  return 99;
}

static void
source_free (gpointer user_data)
{
  Source *self = user_data;

  *self->was_freed = TRUE;
  g_free (self);
}

static TnBatchSource *
source_new (gint32 most, gboolean *was_freed)
{
  Source *state = g_new (Source, 1);
  TnBatchSource *self = g_new (TnBatchSource, 1);

  *was_freed = FALSE;
  *state = (Source){.most = most, .was_freed = was_freed};
  *self = (TnBatchSource){.next = source_next, .count = source_count, .free_func = source_free, .user_data = state};
  return self;
}

static void
test_batches (void)
{
  for (guint depth = 0; depth < 4; depth++)
    {
      gboolean was_freed;
      TnBatchSource *source = tn_batch_source_read_ahead (source_new (23, &was_freed), depth, 0);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (tn_batch_source_count (source), ==, 99);
      for (gint32 i = 0; i < 23; i++)
        {
          g_autoptr (TnBatch) batch = tn_batch_source_next (source, &error);

          g_assert_no_error (error);
          g_assert_cmpint (batch->sequences[0].tokens[0], ==, i);
          g_assert_cmpuint (batch->sequences[0].hash, ==, (guint64) i);
        }
      g_assert_null (tn_batch_source_next (source, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_IO);
      tn_batch_source_free (source);
      g_assert_true (was_freed);
    }
}

/* Nobody takes what was read: it is freed, at any moment. */
static void
test_given_up (void)
{
  for (guint i = 0; i < 50; i++)
    {
      gboolean was_freed;
      TnBatchSource *source = tn_batch_source_read_ahead (source_new (1000, &was_freed), 1 + i % 4, 0);

      for (guint n = 0; n < i % 5; n++)
        {
          g_autoptr (TnBatch) batch = tn_batch_source_next (source, NULL);

          g_assert_nonnull (batch);
        }
      tn_batch_source_free (source);
      g_assert_true (was_freed);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/read-ahead/order", test_order);
  g_test_add_func ("/read-ahead/back-pressure", test_back_pressure);
  g_test_add_func ("/read-ahead/batches", test_batches);
  g_test_add_func ("/read-ahead/given-up", test_given_up);
  return g_test_run ();
}
