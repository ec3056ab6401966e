/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/programs/ternion/command.h"
#include "app/tasks/analyze-run.h"

G_BEGIN_DECLS

/* Whether what "analyze" is given are checkpoints of a training run. */
gboolean     tn_arguments_are_checkpoints (char *const *arguments);
/* Analyzes the checkpoints of a run and prints what came of it, text or JSON; top: layers to print, 0: all. Takes options over. */
TnExitStatus tn_run_analyze_run           (TnCommand *command, TnAnalyzeRunOptions *options, guint top);

G_END_DECLS
