/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* TnPlan: a scheme per layer. Rules have a key, the canonical name of a weight ("blk.3.ffn_down.weight") or of a site
 * ("blk.3.ffn_down.in"), or a pattern of it, in which * stands for any characters, also none. A rule that names a thing exactly goes
 * before every pattern; among patterns the one that was added first. What no rule fits stays as it is.
 * Reference counted; filled by one thread, then read by any. */

typedef struct
{
  char    *key;
  gboolean is_pattern;
  gboolean keep;   /* as it is: for what a later pattern would take */
  TnScheme scheme; /* unless keep */
} TnPlanRule;

typedef enum { TN_PLAN_WEIGHTS, TN_PLAN_ACTIVATIONS, TN_N_PLAN_GROUPS } TnPlanGroup;

typedef struct _TnPlan TnPlan;

TnPlan           *tn_plan_new             (void);
TnPlan           *tn_plan_ref             (TnPlan *self);
void              tn_plan_unref           (TnPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPlan, tn_plan_unref)
/* scheme NULL: keep. */
void              tn_plan_add             (TnPlan *self, TnPlanGroup group, const char *key, const TnScheme *scheme);
guint             tn_plan_n_rules         (TnPlan *self, TnPlanGroup group);
const TnPlanRule *tn_plan_get_rule        (TnPlan *self, TnPlanGroup group, guint index);
/* Another scheme for a rule that does not keep. */
void              tn_plan_set_scheme      (TnPlan *self, TnPlanGroup group, guint index, const TnScheme *scheme);
/* The rule for a name; NULL when none fits. exact_only: patterns do not count. */
const TnPlanRule *tn_plan_find            (TnPlan *self, TnPlanGroup group, const char *name, gboolean exact_only);
/* What messages call it: the path of its file. NULL: nothing. */
const char       *tn_plan_get_name        (TnPlan *self);
void              tn_plan_set_name        (TnPlan *self, const char *name);
/* The model it was made for; FALSE: for any. */
gboolean          tn_plan_get_fingerprint (TnPlan *self, guint64 *fingerprint);
void              tn_plan_set_fingerprint (TnPlan *self, guint64 fingerprint);
/* TN_ERROR_MISMATCH: it was made for another model than the one of that name and fingerprint. */
gboolean          tn_plan_check_model     (TnPlan *self, const char *model, guint64 fingerprint, GError **error);
/* TN_ERROR_NOT_FOUND: a rule of the group that names none of the names, or a pattern that fits none of the first n_common of them. */
gboolean          tn_plan_check_names     (TnPlan *self, TnPlanGroup group, const char *const *names, guint n_names, guint n_common,
                                           GError **error);
/* "weights", "activations". */
const char       *tn_plan_group_get_name  (TnPlanGroup group);

G_END_DECLS
