/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/plan.h"

G_BEGIN_DECLS

/* How scales are to be found, as a person says it. */
typedef struct
{
  const char *method;    /* --method, or NULL */
  const char *objective; /* --objective, or NULL; alone it means --method auto */
} TnMethodChoice;

/* TRUE when neither is given. */
gboolean tn_method_choice_is_empty (const TnMethodChoice *self);
/* TN_ERROR_ARGUMENT: a method or an objective that is none, or --objective beside a method that is not auto. Empty: options of minmax. */
gboolean tn_method_choice_parse    (const TnMethodChoice *self, TnMethodOptions *options, GError **error);
/* TRUE when the weights alone are not enough for it. */
gboolean tn_method_options_need_output (const TnMethodOptions *options);
/* TN_ERROR_ARGUMENT: a method that values alone are not enough for, where there is nothing else. */
gboolean tn_method_choice_check_values_only (const TnMethodChoice *self, GError **error);
/* The method into each scheme that names none itself; one that needs the layer's inputs leaves schemes as they are. TN_ERROR_ARGUMENT: --method
 * that a scheme cannot have. */
gboolean tn_method_choice_apply    (const TnMethodChoice *self, GArray *schemes, GError **error);
gboolean tn_method_choice_apply_to_scheme (const TnMethodChoice *self, TnScheme *scheme, GError **error);
/* To the rules of a group. */
gboolean tn_method_choice_apply_to_plan   (const TnMethodChoice *self, TnPlan *plan, TnPlanGroup group, GError **error);

G_END_DECLS
