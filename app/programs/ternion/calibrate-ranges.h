/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* What --percentiles, --outlier-rule and --ranges ask of every site, once the statistics are there: nothing where none of them was given. The JSON is the
 * member "site_ranges" of the open object, null then. */
void tn_calibrate_ranges_print (const TnStats *stats, const TnCalibrateOptions *options);
void tn_calibrate_ranges_add   (const TnStats *stats, const TnCalibrateOptions *options, JsonBuilder *builder);

G_END_DECLS
