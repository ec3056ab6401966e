/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who runs a job: a process id is used again, its start time (clock ticks since boot) beside it is not. */

/* 0 when the process is gone (or only waits to be reaped). */
gint64 tn_process_get_start_time (gint64 pid);
/* Names the boot and the process id namespace: only within the same one do process ids mean anything. */
const char *tn_process_get_space (void);

G_END_DECLS
