/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer.h"

#include <math.h>

#include <glib/gstdio.h>

static void
write_script (const char *text)
{
  g_autofree char *path = g_build_filename (g_getenv ("TERNION_PEERS"), "peer.py", NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static TnPeer *
start (void)
{
  g_autoptr (GError) error = NULL;
  TnPeer *peer = tn_peer_start ("peer.py", NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (tn_peer_describe (peer), ==, "a peer");
  return peer;
}

static void
test_answers (void)
{
  g_autoptr (TnPeer) peer = NULL;

  write_script ("print('a peer', flush=True)\nwhile True:\n  print(0.5 if input() == 'run it' else 1, flush=True)\n");
  peer = start ();
  g_assert_cmpfloat (tn_peer_run (peer, "it"), ==, 0.5);
  g_assert_cmpfloat (tn_peer_run (peer, "that"), ==, 1.0);
}

/* Before it is asked, or in the middle of the work: that is no reason to go, too. */
static void
test_gone (void)
{
  static const char *const scripts[] = {"print('a peer', flush=True)\n", "print('a peer', flush=True)\ninput()\n"};

  for (guint i = 0; i < G_N_ELEMENTS (scripts); i++)
    {
      g_autoptr (TnPeer) peer = NULL;

      write_script (scripts[i]);
      peer = start ();
      g_assert_true (isnan (tn_peer_run (peer, "it")));
      g_assert_true (isnan (tn_peer_run (peer, "it")));
    }
}

static void
test_not_there (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_peer_start ("no-such-peer.py", NULL, &error));
  g_assert_nonnull (strstr (error->message, "no-such-peer.py"));
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-peers-XXXXXX", NULL);
  g_autofree char *script = g_build_filename (folder, "peer.py", NULL);
  int result;

  g_setenv ("TERNION_PEERS", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  if (g_file_test ("/usr/bin/python3", G_FILE_TEST_IS_EXECUTABLE))
    {
      g_test_add_func ("/peer/answers", test_answers);
      g_test_add_func ("/peer/gone", test_gone);
    }
  g_test_add_func ("/peer/not-there", test_not_there);
  result = g_test_run ();
  g_unlink (script);
  g_rmdir (folder);
  return result;
}
