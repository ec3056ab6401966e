/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "app/tasks/calibrate.h"

G_BEGIN_DECLS

/* What calibrate says of the sample, of how it ended, and of the reference: for people, and as members of the open JSON object "sample", "ended",
 * "stop" and "reference" (null where there is none). */
void tn_calibrate_report_print (const TnCalibrateResult *result);
void tn_calibrate_report_add   (const TnCalibrateResult *result, JsonBuilder *builder);

G_END_DECLS
