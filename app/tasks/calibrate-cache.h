/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/workspace.h"
#include "engine/calibration/stats.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* Statistics that an earlier calibration of the same provenance (app/tasks/calibrate-provenance.h) made, as the workspace knows them; NULL
 * where there are none. *path is where they lie; free with g_free(). Files that are gone, partial or not what the workspace has written down
 * of them are passed over. Where the same model, or the same output, has statistics of another provenance, or little differs, the listener
 * is told what differs from the nearest. */
TnStats *tn_calibrate_cache_find (TnWorkspace *workspace, const char *provenance, guint64 model_fingerprint, const char *out_path,
                                  const TnListener *listener, char **path);

G_END_DECLS
