/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/device/device.h"

G_BEGIN_DECLS

/* What the system says about its processors; private to engine/device. */

TnCpuFeatures tn_cpu_info_features (void);
/* As the system names it; "unknown" where it does not. Free with g_free(). */
char *tn_cpu_info_model (void);
/* Physical cores among those the process may run on, cut to the CPU quota of its control group; at least 1. */
guint tn_cpu_info_cores (void);
/* Bytes of the data or unified cache of a level (1 to 3), as the first allowed CPU sees it; 0 unknown. */
gsize tn_cpu_info_cache (guint level);

G_END_DECLS
