/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/error.h"
#include "engine/nn/batch.h"
#include "engine/nn/site.h"

static void
test_copies (void)
{
  gint32 tokens[] = {1, 2, 3, 4, 5}, targets[] = {2, -1, 4};
  const TnSequence sequences[] = {
      {.hash = 7, .length = 3, .tokens = tokens, .targets = targets},
      {.hash = 8, .length = 0},
      {.hash = 9, .length = 2, .tokens = tokens + 3},
  };
  g_autoptr (TnBatch) batch = tn_batch_new (sequences, 3);
  g_autoptr (TnBatch) again = tn_batch_ref (batch);

  memset (tokens, 0, sizeof tokens);
  memset (targets, 0, sizeof targets);
  g_assert_true (again == batch);
  g_assert_cmpuint (batch->n_sequences, ==, 3);
  g_assert_cmpuint (batch->n_tokens, ==, 5);
  g_assert_cmpuint (batch->sequences[0].hash, ==, 7);
  g_assert_cmpint (batch->sequences[0].tokens[2], ==, 3);
  g_assert_cmpint (batch->sequences[0].targets[1], ==, -1);
  g_assert_cmpint (batch->sequences[0].targets[2], ==, 4);
  g_assert_cmpuint (batch->sequences[1].length, ==, 0);
  g_assert_cmpint (batch->sequences[2].tokens[1], ==, 5);
  g_assert_null (batch->sequences[2].targets);
}

static void
test_empty (void)
{
  g_autoptr (TnBatch) batch = tn_batch_new (NULL, 0);

  g_assert_cmpuint (batch->n_sequences, ==, 0);
  g_assert_cmpuint (batch->n_tokens, ==, 0);
}

typedef struct
{
  guint left;
  gboolean freed;
} Countdown;

static TnBatch *
countdown_next (gpointer user_data, GError **error)
{
  Countdown *self = user_data;
  gint32 token = (gint32) self->left;
  const TnSequence sequence = {.length = 1, .tokens = &token};

  if (self->left == 1)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_IO, "torn");
  if (self->left <= 1)
    return NULL;
  self->left--;
  return tn_batch_new (&sequence, 1);
}

static gint64
countdown_count (gpointer user_data)
{
  return ((Countdown *) user_data)->left;
}

static void
countdown_free (gpointer user_data)
{
  ((Countdown *) user_data)->freed = TRUE;
}

static void
test_source (void)
{
  Countdown countdown = {3, FALSE};
  TnBatchSource *source = g_new (TnBatchSource, 1);
  g_autoptr (GError) error = NULL;

  *source = (TnBatchSource){countdown_next, countdown_count, countdown_free, &countdown};
  g_assert_cmpint (tn_batch_source_count (source), ==, 3);
  for (gint32 expected = 3; expected > 1; expected--)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (source, &error);

      g_assert_no_error (error);
      g_assert_cmpint (batch->sequences[0].tokens[0], ==, expected);
    }
  g_assert_null (tn_batch_source_next (source, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  tn_batch_source_free (source);
  g_assert_true (countdown.freed);
  tn_batch_source_free (NULL);
}

static void
test_site_kinds (void)
{
  TnSiteKind kinds = 0;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_site_kinds_parse ("in", &kinds, &error));
  g_assert_cmpuint (kinds, ==, TN_SITE_INPUT);
  g_assert_true (tn_site_kinds_parse ("residual, out,logits,in", &kinds, &error));
  g_assert_cmpuint (kinds, ==, TN_SITE_INPUT | TN_SITE_OUTPUT | TN_SITE_RESIDUAL | TN_SITE_LOGITS);
  g_assert_no_error (error);

  g_assert_false (tn_site_kinds_parse ("in,sideways", &kinds, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "sideways"));
  g_assert_cmpuint (kinds, ==, TN_SITE_INPUT | TN_SITE_OUTPUT | TN_SITE_RESIDUAL | TN_SITE_LOGITS);
  g_clear_error (&error);
  g_assert_false (tn_site_kinds_parse ("", &kinds, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch/copies", test_copies);
  g_test_add_func ("/batch/empty", test_empty);
  g_test_add_func ("/batch/source", test_source);
  g_test_add_func ("/site/kinds", test_site_kinds);
  return g_test_run ();
}
