/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats-diff.h"

G_BEGIN_DECLS

/* "none", "site", "shape", "range", "mean", "std". */
const char *tn_change_kind_get_name (TnChangeKind kind);
/* {"a":{"path","model_fingerprint","data_fingerprint","samples","tokens"},"b":{…},"sites":[{"name","change":{"kind","amount"},"ks","js",
 * "a":{"width","count","min","max","mean","std","int8_sqnr_db","int4_sqnr_db"},"b":{…}}]}; a site that one does not have is null there. Free
 * with g_free(). */
char       *tn_stats_diff_to_json   (GPtrArray *differences, const TnStats *a, const char *path_a, const TnStats *b, const char *path_b);
/* One line a site; free with g_free(). */
char       *tn_stats_diff_to_csv    (GPtrArray *differences);

G_END_DECLS
