/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a process that was killed left behind while it wrote: hidden files, and folders of files, .ternion-PID-XXXXXX.tmp. Whoever writes one holds a lock on it
 * (flock()), which goes with the process however it ends, and which other machines and containers see too, where a process number says
 * nothing. */

/* Right after the file was made; FALSE when it was swept in between and has to be made again. */
gboolean tn_stale_files_claim (int file);
/* Removes those of dead processes from the folder, once in the life of this process. Any thread. */
void     tn_stale_files_sweep (const char *folder);

G_END_DECLS
