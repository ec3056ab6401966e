/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/trace-extreme.h"

#include <glib/gstdio.h>
#include <string.h>

#include "app/tasks/calibrate.h"
#include "tests/realdata.h"

static TnCalibrateOptions *
make_options (const char *data)
{
  g_autofree char *model = tn_test_realdata ("stories260k/stories260K.bin");
  g_autofree char *text = model != NULL ? tn_test_realdata (data) : NULL;
  TnCalibrateOptions *options;

  if (text == NULL)
    return NULL;
  options = tn_calibrate_options_new ();
  options->model_path = g_steal_pointer (&model);
  options->data_paths = g_new0 (char *, 2);
  options->data_paths[0] = g_steal_pointer (&text);
  options->sampling.n_samples = 40;
  options->sampling.seq_len = 64;
  options->checkpoint_seconds = 0;
  return options;
}

/* The traced text of every extreme of every site stands in the file, at its record. */
static void
test_text (void)
{
  g_autoptr (TnCalibrateOptions) options = make_options ("text/tinystories_2MB.txt");
  g_autoptr (TnJob) job = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) extremes = g_array_new (FALSE, FALSE, sizeof (TnExtreme));
  g_autoptr (GPtrArray) traced = NULL;
  g_autofree char *folder = NULL, *contents = NULL;
  TnExtreme unknown = {.value = 1, .sample = 99};
  TnCalibrateResult result = {0};
  gsize length;

  if (options == NULL)
    return;
  folder = g_dir_make_tmp ("ternion-trace-XXXXXX", NULL);
  options->out_path = g_build_filename (folder, "out.safetensors", NULL);
  job = tn_calibrate_job_new (options, NULL, &result);
  g_assert_true (tn_job_run (job, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < result.stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (result.stats->sites, i);

      g_array_append_val (extremes, site->min);
      g_array_append_val (extremes, site->max);
    }
  g_array_append_val (extremes, unknown);
  traced = tn_trace_extremes (options, (const TnExtreme *) (gpointer) extremes->data, extremes->len, 12, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (traced->len, ==, extremes->len);
  g_assert_true (g_file_get_contents (options->data_paths[0], &contents, &length, NULL));
  for (guint i = 0; i < traced->len; i++)
    {
      const TnTracedExtreme *one = g_ptr_array_index (traced, i);
      g_autofree char *text = NULL;

      if (i + 1 == traced->len)
        {
          g_assert_false (one->found);
          break;
        }
      g_assert_true (one->found);
      g_assert_false (one->in_tokens);
      g_assert_cmpstr (one->path, ==, options->data_paths[0]);
      g_assert_cmpuint (one->offset, <, length);
      g_assert_cmpuint (strlen (one->token), >, 0);
      /* BOS has a name, and no text. */
      text = g_strstrip (one->extreme.token == 0 ? g_strdup (one->after) : g_strconcat (one->before, one->token, one->after, NULL));
      if (strchr (text, '<') == NULL && one->extreme.token != 1)
        g_assert_nonnull (g_strstr_len (contents + one->offset, (gssize) (length - one->offset), text));
    }
  tn_calibrate_result_clear (&result);
  g_remove (options->out_path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace-extreme/text", test_text);
  return g_test_run ();
}
