/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the scale (and zero point) of values is chosen. Formulas, sources and the functions stand in one table, method.c. */
typedef enum
{
  TN_METHOD_MINMAX,
  TN_METHOD_PERCENTILE,
  TN_METHOD_EMA,
  TN_METHOD_MSE,
  TN_METHOD_MSE24, /* |error|^2.4 */
  TN_METHOD_KL,
  TN_METHOD_ACIQ,
  TN_METHOD_OCTAV,
  TN_METHOD_OUTPUT, /* of the layer: knows more than the values, engine/calibration/output-search.h */
  TN_METHOD_AUTO,   /* the best of all by the objective */
  TN_N_METHODS
} TnMethod;

/* What "best" means to TN_METHOD_AUTO. */
typedef enum { TN_OBJECTIVE_MSE, TN_OBJECTIVE_KL, TN_OBJECTIVE_OUTPUT, TN_N_OBJECTIVES } TnObjective;

#define TN_METHOD_DEFAULT_PERCENTILE 99.99

typedef struct
{
  TnMethod    method;
  TnObjective objective;  /* AUTO only */
  double      percentile; /* percent of the magnitudes, PERCENTILE only; 0: TN_METHOD_DEFAULT_PERCENTILE */
  /* What the values cannot tell; 0: not known. */
  double      low, high;  /* EMA: the moving averages of the least and the largest value of a batch */
} TnMethodOptions;

/* "minmax", "percentile", "ema", "mse", "mse2.4", "kl", "aciq", "octav", "output", "auto". */
const char *tn_method_get_name    (TnMethod method);
const char *tn_method_get_formula (TnMethod method);
const char *tn_method_get_source  (TnMethod method);
/* TRUE when values alone are enough: not for EMA and OUTPUT. */
gboolean    tn_method_needs_values_only (TnMethod method);
gboolean    tn_method_parse       (const char *name, TnMethod *method, GError **error);
const char *tn_objective_get_name (TnObjective objective);
/* "mse", "kl", "output". */
gboolean    tn_objective_parse    (const char *name, TnObjective *objective, GError **error);
/* A method, "p99.9" for the percentile 99.9, or "auto-kl" for auto with another objective than mse; the rest of options becomes 0. */
gboolean    tn_method_options_parse     (const char *name, TnMethodOptions *options, GError **error);
/* What parse takes. Free with g_free(). */
char       *tn_method_options_to_string (const TnMethodOptions *options);
/* One line for each method: name, formula, source. Free with g_free(). */
char       *tn_method_describe_all (void);

G_END_DECLS
