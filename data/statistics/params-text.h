/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/calibration/site-parameters.h"

G_BEGIN_DECLS

/* Which parameters of a site are told: of these schemes, by this method. */
typedef struct
{
  GArray         *schemes; /* TnScheme, or NULL: int8 and int4 */
  TnMethodOptions method;
  gboolean        every_method; /* "searches" lists all of them; else min-max, percentile, mse and the method */
} TnParamsChoice;

/* The least squared error under int8 and int4. */
#define TN_PARAMS_CHOICE_DEFAULT ((TnParamsChoice){.method = {.method = TN_METHOD_MSE}})

guint    tn_params_choice_n_schemes  (const TnParamsChoice *self);
TnScheme tn_params_choice_get_scheme (const TnParamsChoice *self, guint index);
/* FALSE where the site saw nothing, or the method finds nothing in it. */
gboolean tn_params_find              (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *method,
                                      TnQuantParams *params);
/* Members "params" and "searches" of an open object; intervals: with those of scale and error (engine/calibration/site-parameters.h), and of the SQNR under the scale
 * as it is, where the scheme has one scale for all. */
void     tn_params_add_json          (JsonBuilder *builder, const TnSiteStats *site, const TnParamsChoice *choice, gboolean intervals);

G_END_DECLS
