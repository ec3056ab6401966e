/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peer.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"

struct _TnPeer
{
  GSubprocess *process;
  GDataInputStream *output;
  char *description;
};

static char *
find_script (const char *script)
{
  const char *folder = g_getenv ("TERNION_PEERS");
  g_autofree char *path = g_build_filename (folder != NULL ? folder : TN_PKGDATADIR "/peers", script, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&path) : NULL;
}

static GSubprocess *
spawn (const char *path, const char *const *arguments, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *threads = g_strdup_printf ("%u", tn_device_get_threads ());

  /* The peer gets the best it can have: as many threads, and the OpenMP build of OpenBLAS. */
  g_subprocess_launcher_setenv (launcher, "OMP_NUM_THREADS", threads, TRUE);
  g_subprocess_launcher_setenv (launcher, "TERNION_PEER_BLAS", tn_device_auto_select ()->blas, TRUE);
  g_subprocess_launcher_unsetenv (launcher, "OMP_WAIT_POLICY");
  g_subprocess_launcher_unsetenv (launcher, "GOMP_SPINCOUNT");
  g_ptr_array_add (argv, (gpointer) "/usr/bin/python3");
  g_ptr_array_add (argv, (gpointer) path);
  for (; arguments != NULL && *arguments != NULL; arguments++)
    g_ptr_array_add (argv, (gpointer) *arguments);
  g_ptr_array_add (argv, NULL);
  return g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, error);
}

TnPeer *
tn_peer_start (const char *script, const char *const *arguments, GError **error)
{
  g_autoptr (TnPeer) self = g_new0 (TnPeer, 1);
  g_autofree char *path = find_script (script);

  if (path == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the peer %s is not installed"), script);
      return NULL;
    }
  self->process = spawn (path, arguments, error);
  if (self->process == NULL)
    return NULL;
  self->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  self->description = g_data_input_stream_read_line_utf8 (self->output, NULL, NULL, NULL);
  if (self->description == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the peer %s does not run here: python3-torch is needed"), script);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tn_peer_free (TnPeer *self)
{
  if (self == NULL)
    return;
  if (self->process != NULL)
    {
      g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, NULL);
      g_subprocess_wait (self->process, NULL, NULL);
    }
  g_clear_object (&self->output);
  g_clear_object (&self->process);
  g_free (self->description);
  g_free (self);
}

const char *
tn_peer_describe (TnPeer *self)
{
  return self->description;
}

/* Writing to a peer that has gone must not end this process. */
static gboolean
send_line (TnPeer *self, const char *line)
{
  GOutputStream *input = g_subprocess_get_stdin_pipe (self->process);
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  gboolean sent;

  sigaction (SIGPIPE, &ignore, &before);
  sent = g_output_stream_write_all (input, line, strlen (line), NULL, NULL, NULL) && g_output_stream_flush (input, NULL, NULL);
  sigaction (SIGPIPE, &before, NULL);
  return sent;
}

double
tn_peer_run (TnPeer *self, const char *name)
{
  g_autofree char *request = g_strdup_printf ("run %s\n", name), *answer = NULL;

  if (!send_line (self, request))
    return NAN;
  answer = g_data_input_stream_read_line_utf8 (self->output, NULL, NULL, NULL);
  return answer != NULL ? g_ascii_strtod (answer, NULL) : NAN;
}
