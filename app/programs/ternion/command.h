/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "app/tasks/job.h"
#include "data/files/json-members.h"
#include "data/workspace/workspace.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* What every verb has: its common options, progress on standard error, JSON on standard output, Ctrl-C. */

typedef enum
{
  TN_EXIT_DONE = 0,
  TN_EXIT_FAILED = 1,
  TN_EXIT_USAGE = 2,
  TN_EXIT_CANCELLED = 130,
} TnExitStatus;

typedef struct
{
  const char   *verb;
  gboolean      json, quiet;
  char         *workspace_path;
  int           threads;
  char         *memory_limit;
  char         *device;
  char         *tokenizer;
  gint64        seed;
  char         *seed_text;    /* as it was given, or NULL */
  char        **arguments;    /* what is left after the options, NULL-terminated */
  guint         n_arguments;
  TnWorkspace  *workspace;    /* opened by tn_command_open_workspace() */
  GCancellable *cancellable;  /* cancelled by Ctrl-C and SIGTERM */
  TnListener    listener;     /* progress on standard error when it is a terminal */
  gint64        last_progress;
  gint64        started;
  gboolean      line_open;
} TnCommand;

/* Parses the options of a verb: its own entries and the common ones. usage: "MODEL --data PATH…"; summary: one translated sentence. On failure prints the line and the
 * usage hint and gives TN_EXIT_USAGE in *status; --help prints help and gives TN_EXIT_DONE. FALSE: leave with *status. */
gboolean  tn_command_parse          (TnCommand *self, int argc, char **argv, const char *verb, const char *usage, const char *summary,
                                     const GOptionEntry *entries, guint min_arguments, guint max_arguments, TnExitStatus *status);
void      tn_command_clear          (TnCommand *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnCommand, tn_command_clear)
/* Opens the workspace; one that cannot be opened is said once on standard error and the verb goes on without, unless --workspace named it. */
gboolean  tn_command_open_workspace (TnCommand *self, GError **error);
/* Prints "ternion VERB: message" and gives the exit status: TN_EXIT_CANCELLED for a cancelled call, else TN_EXIT_FAILED. Takes the error. */
TnExitStatus tn_command_fail        (TnCommand *self, GError *error);
TnExitStatus tn_command_usage_error (TnCommand *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* For a verb that saves what it has when it is cancelled: an impatient second Ctrl-C must not keep it from that, only a third does. */
void      tn_command_set_saves_on_interrupt (void);
/* Ends the progress line, if one stands. */
void      tn_command_end_progress   (TnCommand *self);
/* Runs the job in place with progress and events on standard error; Ctrl-C cancels it. */
gboolean  tn_command_run_job        (TnCommand *self, TnJob *job, GError **error);
/* Writes the builder's value to standard output; FALSE when that fails (disk full, closed pipe). */
gboolean  tn_command_print_json     (JsonBuilder *builder, GError **error);
/* Standard output, flushed and checked; to be called last by verbs that print text. */
TnExitStatus tn_command_finish      (TnCommand *self);

/* Sets what the engine may take, so that the process stays within the size in text; TN_ERROR_ARGUMENT, TN_ERROR_MEMORY name the origin, such as
 * "--memory-limit". tn_command_parse() does it for the flag. */
gboolean  tn_command_set_memory_limit (const char *origin, const char *text, GError **error);

/* The verbs. argv[0] is the verb. */
TnExitStatus tn_verb_inspect   (int argc, char **argv);
TnExitStatus tn_verb_calibrate (int argc, char **argv);
TnExitStatus tn_verb_stats     (int argc, char **argv);
TnExitStatus tn_verb_eval      (int argc, char **argv);
TnExitStatus tn_verb_analyze   (int argc, char **argv);
TnExitStatus tn_verb_plan      (int argc, char **argv);
TnExitStatus tn_verb_quantize  (int argc, char **argv);
TnExitStatus tn_verb_compare   (int argc, char **argv);
TnExitStatus tn_verb_generate  (int argc, char **argv);
TnExitStatus tn_verb_tokenize  (int argc, char **argv);
TnExitStatus tn_verb_train     (int argc, char **argv);
TnExitStatus tn_verb_report    (int argc, char **argv);
TnExitStatus tn_verb_runs      (int argc, char **argv);
/* Of runs, with the flags of train; argv[0] is "branch". */
TnExitStatus tn_runs_branch    (int argc, char **argv);
TnExitStatus tn_verb_bench     (int argc, char **argv);
TnExitStatus tn_verb_doctor    (int argc, char **argv);
TnExitStatus tn_verb_demo      (int argc, char **argv);

G_END_DECLS
