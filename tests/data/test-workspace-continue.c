/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/schema.h"
#include "engine/error.h"
#include "tests/data/workspace-fixture.h"

/* A series whose steps below are doubled: awkward lengths around a chunk and a level of the pyramid. */
static void
append_loss (TnWorkspace *workspace, gint64 run, gint64 first, gint64 end, double part)
{
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, 8), values = g_array_new (FALSE, FALSE, 8);

  for (gint64 i = first; i < end; i++)
    {
      double value = (double) ((i * 7919) % 1009) + part;

      g_array_append_val (steps, i);
      g_array_append_val (values, value);
    }
  g_assert_true (tn_workspace_append_series (workspace, run, "loss", steps->len, (gint64 *) (void *) steps->data,
                                             (double *) (void *) values->data, NULL));
}

static GArray *
read_level (TnWorkspace *workspace, gint64 run, guint most)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (TnPyramidEntry));

  g_assert_true (tn_workspace_read_pyramid (workspace, run, "loss", most, entries, NULL));
  return entries;
}

/* Rewound and gone on with, it is what it is written in one go: points and each level. */
static void
test_rewind (Fixture *fixture, gconstpointer data)
{
  static const gint64 cuts[] = {1, 511, 512, 513, 4095, 4096, 4097, 8191, 9000};
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  const gint64 n = 9001;

  for (guint i = 0; i < G_N_ELEMENTS (cuts); i++)
    {
      gint64 straight = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);
      gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);
      g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, 8), values = g_array_new (FALSE, FALSE, 8);
      gint64 time = 123456;
      double done = 3.0;

      append_loss (workspace, straight, 0, cuts[i], 0.25);
      append_loss (workspace, straight, cuts[i], n, 0.5);
      append_loss (workspace, run, 0, n, 0.25);
      g_assert_true (tn_workspace_append_series (workspace, run, "job/done", 1, &time, &done, NULL));
      g_assert_true (tn_workspace_rewind_run (workspace, run, cuts[i], NULL));
      g_assert_true (tn_workspace_rewind_run (workspace, run, cuts[i], NULL));
      append_loss (workspace, run, cuts[i], n, 0.5);
      g_assert_true (tn_workspace_read_series (workspace, run, "loss", steps, values, NULL));
      g_assert_cmpuint (steps->len, ==, n);
      for (guint k = 0; k < steps->len; k++)
        {
          g_assert_cmpint (g_array_index (steps, gint64, k), ==, k);
          g_assert_cmpfloat (g_array_index (values, double, k), ==, (double) ((k * 7919) % 1009) + (k < cuts[i] ? 0.25 : 0.5));
        }
      for (guint most = 1; most < 32; most *= 4)
        {
          g_autoptr (GArray) expected = read_level (workspace, straight, most), found = read_level (workspace, run, most);

          g_assert_cmpmem (found->data, found->len * sizeof (TnPyramidEntry), expected->data,
                           expected->len * sizeof (TnPyramidEntry));
        }
      g_array_set_size (steps, 0);
      g_array_set_size (values, 0);
      g_assert_true (tn_workspace_read_series (workspace, run, "job/done", steps, values, NULL));
      g_assert_cmpuint (steps->len, ==, 1);
    }
}

static void
test_rewind_to_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);
  g_auto (GStrv) names = NULL;

  append_loss (workspace, run, 5, 700, 0.0);
  g_assert_true (tn_workspace_rewind_run (workspace, run, 5, NULL));
  names = tn_workspace_list_series (workspace, run, NULL);
  g_assert_cmpuint (g_strv_length (names), ==, 0);
  append_loss (workspace, run, 5, 7, 0.0);
  g_assert_true (tn_workspace_rewind_run (workspace, run, 7, NULL));
  g_strfreev (g_steal_pointer (&names));
  names = tn_workspace_list_series (workspace, run, NULL);
  g_assert_cmpuint (g_strv_length (names), ==, 1);
}

static void
test_continue (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (TnRunRow) first = NULL, again = NULL, other = NULL;
  gint64 run = tn_workspace_continue_run (workspace, "one", "train", "a", "{}", NULL), live;

  append_loss (workspace, run, 0, 3, 0.0);
  /* It runs: two of it there cannot be. */
  live = tn_workspace_continue_run (workspace, "one", "train", "b", "{}", NULL);
  g_assert_cmpint (live, !=, run);
  other = tn_workspace_get_run (workspace, live, NULL);
  g_assert_cmpstr (other->identity, !=, "one");
  g_assert_true (tn_workspace_end_run (workspace, run, TN_RUN_FAILED, "the disk is full", NULL, NULL));
  first = tn_workspace_get_run (workspace, run, NULL);
  g_assert_cmpint (tn_workspace_continue_run (workspace, "one", "train", "c", "{\"n\":1}", NULL), ==, run);
  again = tn_workspace_get_run (workspace, run, NULL);
  g_assert_cmpint (again->state, ==, TN_RUN_RUNNING);
  g_assert_cmpstr (again->title, ==, "c");
  g_assert_cmpstr (again->arguments, ==, "{\"n\":1}");
  g_assert_cmpstr (again->identity, ==, "one");
  g_assert_null (again->message);
  g_assert_cmpint (again->started_us, ==, first->started_us);
}

/* Runs of before there were identities get one. */
static void
test_old_identities (Fixture *fixture, gconstpointer data)
{
  guint n;
  const char *const *migrations = tn_schema_get_migrations (&n);
  g_autoptr (GPtrArray) runs = NULL;
  g_autoptr (TnWorkspace) workspace = NULL;

  {
    g_autoptr (TnDatabase) database = tn_database_open (fixture->path, NULL);

    g_assert_true (tn_schema_apply (database, migrations, 2, NULL));
    for (guint i = 0; i < 2; i++)
      g_assert_true (tn_database_execute (database,
                                          "INSERT INTO runs (verb, title, arguments, state, started_us, updated_us, pid,"
                                          " pid_started, pid_space) VALUES ('train', 't', '{}', 2, 5, 6, 7, 8, 'here')",
                                          NULL));
  }
  workspace = open_workspace (fixture->path);
  runs = tn_workspace_list_runs (workspace, 0, NULL);
  g_assert_cmpuint (runs->len, ==, 2);
  g_assert_cmpstr (((TnRunRow *) runs->pdata[0])->identity, ==, "here/7/8/5/2");
  g_assert_cmpstr (((TnRunRow *) runs->pdata[1])->identity, ==, "here/7/8/5/1");
}

#define ADD(name, function) g_test_add ("/workspace/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("rewind", test_rewind);
  ADD ("rewind-to-nothing", test_rewind_to_nothing);
  ADD ("continue", test_continue);
  ADD ("old-identities", test_old_identities);
  return g_test_run ();
}
