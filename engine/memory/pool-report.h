/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/memory/pool.h"

G_BEGIN_DECLS

/* Warns of the blocks that are still in use. */
void tn_pool_report_leaks   (TnPool *self);
/* Prints what of the default pool is in use when the process exits. */
void tn_pool_report_at_exit (void);

G_END_DECLS
