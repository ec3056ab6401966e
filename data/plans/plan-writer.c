/* SPDX-License-Identifier: Apache-2.0 */
#include "data/plans/plan-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* What would be read as a comment, a group, another key or not at all. */
static gboolean
is_writable (const char *key)
{
  g_autofree char *stripped = g_strstrip (g_strdup (key));

  if (key[0] == '\0' || key[0] == '#' || key[0] == '[' || strchr (key, '=') != NULL || strcmp (stripped, key) != 0 ||
      !g_utf8_validate (key, -1, NULL))
    return FALSE;
  for (const char *c = key; *c != '\0'; c = g_utf8_next_char (c))
    if (!g_unichar_isprint (g_utf8_get_char (c)))
      return FALSE;
  return TRUE;
}

static gboolean
print_rules (GString *out, TnPlan *plan, TnPlanGroup group, const char *path, GError **error)
{
  guint n = tn_plan_n_rules (plan, group);

  if (n > 0)
    g_string_append_printf (out, "\n[%s]\n", tn_plan_group_get_name (group));
  for (guint i = 0; i < n; i++)
    {
      const TnPlanRule *rule = tn_plan_get_rule (plan, group, i);
      g_autofree char *scheme = rule->keep ? g_strdup ("keep") : tn_scheme_to_string (&rule->scheme);

      if (!is_writable (rule->key))
        {
          g_autofree char *quoted = tn_quote_string (rule->key);

          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [%s]: a plan cannot hold the name %s"), path,
                       tn_plan_group_get_name (group), quoted);
          return FALSE;
        }
      g_string_append_printf (out, "%s=%s\n", rule->key, scheme);
    }
  return TRUE;
}

gboolean
tn_plan_save (TnPlan *plan, const char *path, const char *comment, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_auto (GStrv) lines = g_strsplit (comment != NULL ? comment : "", "\n", -1);
  guint64 fingerprint;

  for (guint i = 0; comment != NULL && lines[i] != NULL; i++)
    if (lines[i][0] != '\0')
      g_string_append_printf (out, "# %s\n", lines[i]);
  g_string_append (out, "[plan]\nformat=1\n");
  if (tn_plan_get_fingerprint (plan, &fingerprint))
    g_string_append_printf (out, "fingerprint=%016" G_GINT64_MODIFIER "x\n", fingerprint);
  for (guint i = 0; i < TN_N_PLAN_GROUPS; i++)
    if (!print_rules (out, plan, (TnPlanGroup) i, path, error))
      return FALSE;
  return tn_atomic_file_set_contents (path, out->str, out->len, error);
}
