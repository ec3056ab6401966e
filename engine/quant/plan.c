/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/plan.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "engine/error.h"

struct _TnPlan
{
  gatomicrefcount ref_count;
  char *name;                         /* or NULL */
  GPtrArray *rules[TN_N_PLAN_GROUPS]; /* TnPlanRule */
  gboolean has_fingerprint;
  guint64 fingerprint;
};

static void
rule_free (gpointer data)
{
  TnPlanRule *self = data;

  g_free (self->key);
  g_free (self);
}

TnPlan *
tn_plan_new (void)
{
  TnPlan *self = g_new0 (TnPlan, 1);

  g_atomic_ref_count_init (&self->ref_count);
  for (guint i = 0; i < TN_N_PLAN_GROUPS; i++)
    self->rules[i] = g_ptr_array_new_with_free_func (rule_free);
  return self;
}

TnPlan *
tn_plan_ref (TnPlan *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_plan_unref (TnPlan *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < TN_N_PLAN_GROUPS; i++)
    g_ptr_array_unref (self->rules[i]);
  g_free (self->name);
  g_free (self);
}

void
tn_plan_add (TnPlan *self, TnPlanGroup group, const char *key, const TnScheme *scheme)
{
  TnPlanRule *rule = g_new0 (TnPlanRule, 1);

  rule->key = g_strdup (key);
  rule->is_pattern = strchr (key, '*') != NULL;
  rule->keep = scheme == NULL;
  if (scheme != NULL)
    rule->scheme = *scheme;
  g_ptr_array_add (self->rules[group], rule);
}

guint
tn_plan_n_rules (TnPlan *self, TnPlanGroup group)
{
  return self->rules[group]->len;
}

const TnPlanRule *
tn_plan_get_rule (TnPlan *self, TnPlanGroup group, guint index)
{
  g_return_val_if_fail (index < self->rules[group]->len, NULL);

  return g_ptr_array_index (self->rules[group], index);
}

void
tn_plan_set_scheme (TnPlan *self, TnPlanGroup group, guint index, const TnScheme *scheme)
{
  TnPlanRule *rule;

  g_return_if_fail (index < self->rules[group]->len);

  rule = g_ptr_array_index (self->rules[group], index);
  rule->scheme = *scheme;
}

/* The stars of a pattern are tried shortest first, and only the last one is ever taken back: linear but for that one. */
static gboolean
fits_pattern (const char *pattern, const char *name)
{
  const char *star = NULL, *retry = NULL;

  while (*name != '\0')
    if (*pattern == '*')
      {
        star = pattern++;
        retry = name;
      }
    else if (*pattern == *name)
      {
        pattern++;
        name++;
      }
    else if (star != NULL)
      {
        pattern = star + 1;
        name = ++retry;
      }
    else
      return FALSE;
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}

const TnPlanRule *
tn_plan_find (TnPlan *self, TnPlanGroup group, const char *name, gboolean exact_only)
{
  const GPtrArray *rules = self->rules[group];

  for (guint i = 0; i < rules->len; i++)
    {
      const TnPlanRule *rule = g_ptr_array_index (rules, i);

      if (!rule->is_pattern && strcmp (rule->key, name) == 0)
        return rule;
    }
  for (guint i = 0; i < rules->len && !exact_only; i++)
    {
      const TnPlanRule *rule = g_ptr_array_index (rules, i);

      if (rule->is_pattern && fits_pattern (rule->key, name))
        return rule;
    }
  return NULL;
}

gboolean
tn_plan_get_fingerprint (TnPlan *self, guint64 *fingerprint)
{
  if (self->has_fingerprint)
    *fingerprint = self->fingerprint;
  return self->has_fingerprint;
}

void
tn_plan_set_fingerprint (TnPlan *self, guint64 fingerprint)
{
  self->has_fingerprint = TRUE;
  self->fingerprint = fingerprint;
}

const char *
tn_plan_get_name (TnPlan *self)
{
  return self->name;
}

void
tn_plan_set_name (TnPlan *self, const char *name)
{
  g_free (self->name);
  self->name = g_strdup (name);
}

static void
prefix_name (TnPlan *self, GError **error)
{
  if (self->name != NULL)
    g_prefix_error (error, "%s: ", self->name);
}

gboolean
tn_plan_check_model (TnPlan *self, const char *model, guint64 fingerprint, GError **error)
{
  if (!self->has_fingerprint || self->fingerprint == fingerprint)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
               _ ("group [plan], key fingerprint: it is for the model %016" PRIx64 ", and %s is %016" PRIx64), self->fingerprint,
               model, fingerprint);
  prefix_name (self, error);
  return FALSE;
}

gboolean
tn_plan_check_names (TnPlan *self, TnPlanGroup group, const char *const *names, guint n_names, guint n_common, GError **error)
{
  for (guint i = 0; i < self->rules[group]->len; i++)
    {
      const TnPlanRule *rule = g_ptr_array_index (self->rules[group], i);
      guint n = rule->is_pattern ? n_common : n_names;
      gboolean found = FALSE;

      for (guint k = 0; k < n && !found; k++)
        found = rule->is_pattern ? fits_pattern (rule->key, names[k]) : strcmp (rule->key, names[k]) == 0;
      if (found)
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   rule->is_pattern
                       ? _ ("group [%s], key %s: nothing in the model fits this pattern; expected one of names such as %s")
                       : _ ("group [%s], key %s: the model has nothing of this name; expected a name such as %s"),
                   tn_plan_group_get_name (group), rule->key, n > 0 ? names[0] : "-");
      prefix_name (self, error);
      return FALSE;
    }
  return TRUE;
}

const char *
tn_plan_group_get_name (TnPlanGroup group)
{
  return group == TN_PLAN_WEIGHTS ? "weights" : "activations";
}
