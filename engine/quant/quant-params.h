/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

typedef enum { TN_METHOD_MINMAX, TN_METHOD_PERCENTILE, TN_METHOD_MSE, TN_N_METHODS } TnMethod;

/* Scale and zero point of one tensor or site under one scheme, with the error expected from the data they were found on:
 * x ~ scale * (clip (round (x / scale) + zero_point) - zero_point). */
typedef struct
{
  TnScheme scheme;
  TnMethod method;
  double   percentile; /* percent, TN_METHOD_PERCENTILE only */
  double   scale;
  gint32   zero_point;
  double   clip;       /* largest magnitude that is represented */
  double   mse;
  double   sqnr_db;
} TnQuantParams;

/* "minmax", "percentile", "mse". */
const char *tn_method_get_name (TnMethod method);
gboolean    tn_method_parse    (const char *name, TnMethod *method, GError **error);

G_END_DECLS
