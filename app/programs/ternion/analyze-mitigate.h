/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/programs/ternion/command.h"
#include "app/tasks/mitigate.h"

G_BEGIN_DECLS

/* What the flags of "analyze --mitigate" gave. */
typedef struct
{
  gboolean  wanted;
  char     *scheme, *budget, *only, *write;
  char    **held_out;
  int       fit_samples; /* 0: the default */
} TnMitigateFlags;

void         tn_mitigate_flags_clear (TnMitigateFlags *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnMitigateFlags, tn_mitigate_flags_clear)
/* FALSE: flags that need --mitigate without it. */
gboolean     tn_mitigate_flags_check (const TnMitigateFlags *self, GError **error);
/* Runs it and prints what came of it, text or JSON. Takes source over. */
TnExitStatus tn_run_mitigate         (TnCommand *command, TnMitigateFlags *flags, TnAnalyzeOptions *source);

G_END_DECLS
