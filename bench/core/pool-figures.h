/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The memory pool beside aligned_alloc() and malloc(), on what the engine's own work asks of it. */

/* value: median of the turns; best: of the turns. Names begin with "pool_". */
typedef void (*TnPoolFigureFunc) (const char *name, double value, double best, const char *unit, gpointer user_data);
typedef void (*TnPoolRemarkFunc) (const char *text, gpointer user_data);

/* Takes about ten seconds; on the compute thread. */
void tn_pool_figures (TnPoolFigureFunc figure, TnPoolRemarkFunc remark, gpointer user_data);

G_END_DECLS
