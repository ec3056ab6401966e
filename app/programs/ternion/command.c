/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/command.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/tasks/option-values.h"
#include "data/device/measurements.h"
#include "data/files/json-members.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/memory/pool.h"

#define PROGRESS_INTERVAL_US 200000
/* What the process needs beside the pool: code, libraries, BLAS buffers, tables of the files. */
#define PROCESS_OVERHEAD_BYTES ((gsize) 48 << 20)

static GCancellable *interrupt_cancellable;
static gint saves_on_interrupt; /* atomic */

/* A second Ctrl-C ends the process at once, a third where the first makes it save what it has. g_cancellable_cancel() is not safe in a signal
 * handler, so a thread waits for the signal. */
static gpointer
wait_for_signal (gpointer data)
{
  sigset_t *set = data;
  int signal_number;

  if (sigwait (set, &signal_number) == 0)
    g_cancellable_cancel (interrupt_cancellable);
  if (g_atomic_int_get (&saves_on_interrupt) && sigwait (set, &signal_number) == 0)
    g_printerr ("%s\n", _("still saving what it has; once more ends it at once"));
  pthread_sigmask (SIG_UNBLOCK, set, NULL);
  signal (SIGINT, SIG_DFL);
  signal (SIGTERM, SIG_DFL);
  while (TRUE)
    pause ();
  return NULL;
}

static void
catch_interrupts (GCancellable *cancellable)
{
  static sigset_t set;

  if (interrupt_cancellable != NULL)
    return;
  interrupt_cancellable = cancellable;
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  g_thread_unref (g_thread_new ("signals", wait_for_signal, &set));
}

void
tn_command_set_saves_on_interrupt (void)
{
  g_atomic_int_set (&saves_on_interrupt, 1);
}

static void
format_duration (double seconds, char *text, gsize size)
{
  if (seconds < 100.0)
    g_snprintf (text, size, _("%.0f s"), seconds);
  else if (seconds < 6000.0)
    g_snprintf (text, size, _("%.0f min"), seconds / 60.0);
  else
    g_snprintf (text, size, _("%.1f h"), seconds / 3600.0);
}

static void
show_progress (gpointer user_data, double done, double total, const char *unit)
{
  TnCommand *self = user_data;
  gint64 now = g_get_monotonic_time ();
  double elapsed = (double) (now - self->started) * 1e-6;
  double rate = elapsed > 0.0 ? done / elapsed : 0.0;
  g_autofree char *memory = g_format_size_full (tn_process_get_rss (), G_FORMAT_SIZE_IEC_UNITS);
  char left[32] = "";

  if (now - self->last_progress < PROGRESS_INTERVAL_US)
    return;
  self->last_progress = now;
  if (rate > 0.0 && total > 0.0)
    format_duration ((total - done) / rate, left, sizeof left);
  g_printerr ("\r");
  if (strcmp (unit, "bytes") == 0)
    {
      g_autofree char *done_text = g_format_size ((guint64) done);
      g_autofree char *rate_text = g_format_size ((guint64) rate);

      g_printerr (_("%s (%.0f %%), %s/s, %s left, memory %s   "), done_text, total > 0.0 ? 100.0 * done / total : 0.0, rate_text, left, memory);
    }
  else if (total > 0.0)
    g_printerr (_("%.0f of %.0f %s (%.0f %%), %.1f/s, %s left, memory %s   "), done, total, unit, 100.0 * done / total, rate, left, memory);
  else
    g_printerr (_("%.0f %s, %.1f/s, memory %s   "), done, unit, rate, memory);
  self->line_open = TRUE;
}

static void
show_event (gpointer user_data, const char *kind, const char *text)
{
  TnCommand *self = user_data;

  /* They are for whoever asks for the runs. */
  if (strcmp (kind, "checkpoint") == 0)
    return;
  tn_command_end_progress (self);
  if (!self->quiet || strcmp (kind, "info") != 0)
    g_printerr ("%s\n", text);
}

static gboolean
check_cancelled (gpointer user_data, GError **error)
{
  TnCommand *self = user_data;

  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}

void
tn_command_end_progress (TnCommand *self)
{
  if (self->line_open)
    g_printerr ("\n");
  self->line_open = FALSE;
}

gboolean
tn_command_set_memory_limit (const char *origin, const char *text, GError **error)
{
  guint64 limit = 0;

  if (!tn_option_parse_size (origin, text, &limit, error))
    return FALSE;
  if (limit <= tn_process_get_rss () + PROCESS_OVERHEAD_BYTES)
    {
      g_autofree char *least = g_format_size_full (tn_process_get_rss () + PROCESS_OVERHEAD_BYTES, G_FORMAT_SIZE_IEC_UNITS);

      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _("%s: %s is less than the %s that the program itself needs"), origin, text, least);
      return FALSE;
    }
  tn_pool_set_budget (tn_pool_default (), limit - tn_process_get_rss () - PROCESS_OVERHEAD_BYTES);
  return TRUE;
}

static gboolean
apply_common_options (TnCommand *self, GError **error)
{
  if (self->threads < 0 || self->threads > 1024)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--threads: %d is not between 0 (all cores) and 1024"), self->threads);
      return FALSE;
    }
  if (self->device != NULL && !tn_device_override (self->device, error))
    return FALSE;
  if (self->threads > 0)
    tn_device_set_threads ((guint) self->threads);
  if (self->seed_text != NULL)
    {
      guint64 seed = 0;

      if (!tn_option_parse_seed ("--seed", self->seed_text, &seed, error))
        return FALSE;
      self->seed = (gint64) seed;
    }
  return self->memory_limit == NULL || tn_command_set_memory_limit ("--memory-limit", self->memory_limit, error);
}

static gboolean
check_arguments (TnCommand *self, int argc, guint min_arguments, guint max_arguments, GError **error)
{
  self->n_arguments = (guint) argc - 1;
  if (self->n_arguments < min_arguments)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _("an argument is missing"));
      return FALSE;
    }
  if (self->n_arguments > max_arguments)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _("“%s” is one argument too many"), self->arguments[max_arguments]);
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_command_parse (TnCommand *self, int argc, char **argv, const char *verb, const char *usage, const char *summary,
                  const GOptionEntry *entries, guint min_arguments, guint max_arguments, TnExitStatus *status)
{
  const GOptionEntry common[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, N_("Print JSON on standard output and nothing else there"), NULL },
    { "workspace", 0, 0, G_OPTION_ARG_FILENAME, &self->workspace_path, N_("The workspace to record in (~/.local/share/ternion/workspace.db)"), N_("FILE") },
    { "threads", 0, 0, G_OPTION_ARG_INT, &self->threads, N_("Threads to use (0: all cores)"), "N" },
    { "memory-limit", 0, 0, G_OPTION_ARG_STRING, &self->memory_limit, N_("Memory the process may take, such as 500MB or 1GiB"), N_("SIZE") },
    { "device", 0, 0, G_OPTION_ARG_STRING, &self->device, N_("auto, cpu-avx512, cpu-avx2, cpu-neon or cpu-scalar; +openblas or +own for products of floats"), N_("NAME") },
    { "tokenizer", 0, 0, G_OPTION_ARG_FILENAME, &self->tokenizer, N_("tokenizer.json, tokenizer.bin, a GGUF, or the word bytes"), N_("FILE") },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &self->seed_text, N_("Seed of everything random (0)"), "N" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->quiet, N_("No progress and no remarks on standard error"), NULL },
    { NULL },
  };
  g_autofree char *parameters = g_strdup_printf ("%s — %s", usage, summary);
  g_autofree char *program = g_strdup_printf ("ternion %s", verb);
  GOptionContext *context = g_option_context_new (parameters);
  GError *error = NULL;
  gboolean ok;

  self->verb = verb;
  self->cancellable = g_cancellable_new ();
  self->started = g_get_monotonic_time ();
  g_set_prgname (program);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_add_main_entries (context, common, GETTEXT_PACKAGE);
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  ok = g_option_context_parse (context, &argc, &argv, &error);
  g_option_context_free (context);
  self->arguments = argv + 1;
  if (ok && argc > 1 && strcmp (argv[1], "--") == 0)
    {
      self->arguments++;
      argc--;
    }
  ok = ok && check_arguments (self, argc, min_arguments, max_arguments, &error) && apply_common_options (self, &error);
  if (!ok)
    {
      *status = error->domain == TN_ERROR && error->code != TN_ERROR_ARGUMENT ? TN_EXIT_FAILED : TN_EXIT_USAGE;
      if (*status == TN_EXIT_USAGE)
        g_printerr (_("ternion %s: %s\nUsage: ternion %s %s; see ternion %s --help\n"), verb, error->message, verb, usage, verb);
      else
        g_printerr ("ternion %s: %s\n", verb, error->message);
      g_error_free (error);
      return FALSE;
    }
  tn_measurements_load (NULL);
  catch_interrupts (self->cancellable);
  self->listener = (TnListener) { .event = show_event, .boundary = check_cancelled, .user_data = self };
  if (!self->quiet && isatty (STDERR_FILENO))
    self->listener.progress = show_progress;
  return TRUE;
}

void
tn_command_clear (TnCommand *self)
{
  g_autoptr (GError) error = NULL;

  /* Without them the next run measures again. */
  if (self->listener.event != NULL && !tn_measurements_save (NULL, &error))
    g_debug ("measurements are not kept: %s", error->message);
  g_free (self->workspace_path);
  g_free (self->memory_limit);
  g_free (self->device);
  g_free (self->seed_text);
  g_free (self->tokenizer);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
}

gboolean
tn_command_open_workspace (TnCommand *self, GError **error)
{
  GError *local = NULL;

  self->workspace = tn_workspace_open (self->workspace_path, &local);
  if (self->workspace != NULL)
    return TRUE;
  if (self->workspace_path != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  g_printerr (_("%s; this run is not recorded\n"), local->message);
  g_error_free (local);
  return TRUE;
}

TnExitStatus
tn_command_fail (TnCommand *self, GError *error)
{
  gboolean cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  tn_command_end_progress (self);
  g_printerr ("ternion %s: %s\n", self->verb, error->message);
  g_error_free (error);
  return cancelled ? TN_EXIT_CANCELLED : TN_EXIT_FAILED;
}

TnExitStatus
tn_command_usage_error (TnCommand *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  g_printerr (_("ternion %s: %s; see ternion %s --help\n"), self->verb, text, self->verb);
  return TN_EXIT_USAGE;
}

static void
job_changed (TnJob *job, TnCommand *self)
{
  TnJobProgress progress;

  tn_job_get_progress (job, &progress);
  if (self->listener.progress != NULL && progress.state == TN_JOB_RUNNING && progress.unit[0] != '\0')
    self->listener.progress (self, progress.done, progress.total, progress.unit);
}

static void
job_event (TnJob *job, const char *kind, const char *text, TnCommand *self)
{
  show_event (self, kind, text);
}

static void
cancel_job (GCancellable *cancellable, gpointer job)
{
  tn_job_cancel (job);
}

gboolean
tn_command_run_job (TnCommand *self, TnJob *job, GError **error)
{
  gulong chain;
  gboolean ok;

  g_signal_connect (job, "changed", G_CALLBACK (job_changed), self);
  g_signal_connect (job, "event", G_CALLBACK (job_event), self);
  chain = g_cancellable_connect (self->cancellable, G_CALLBACK (cancel_job), job, NULL);
  self->started = g_get_monotonic_time ();
  ok = tn_job_run (job, error);
  g_cancellable_disconnect (self->cancellable, chain);
  tn_command_end_progress (self);
  return ok;
}

gboolean
tn_command_print_json (JsonBuilder *builder, GError **error)
{
  g_autofree char *text = tn_json_builder_to_text (builder, FALSE);

  if (fputs (text, stdout) < 0 || fputc ('\n', stdout) == EOF || fflush (stdout) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _("writing standard output failed: %s"), g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

TnExitStatus
tn_command_finish (TnCommand *self)
{
  tn_command_end_progress (self);
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TN_EXIT_DONE;
  g_printerr (_("ternion %s: writing standard output failed: %s\n"), self->verb, g_strerror (errno));
  return TN_EXIT_FAILED;
}

