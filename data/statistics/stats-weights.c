/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-weights.h"

#include <inttypes.h>

#define SUM_DIGITS (16 * TN_WIDE_SUM_LIMBS)
#define SITE_SUMS 4

static void
append_sum (GString *text, const TnWideSum *sum)
{
  g_string_append_c (text, '"');
  for (guint i = TN_WIDE_SUM_LIMBS; i-- > 0;)
    g_string_append_printf (text, "%016" PRIx64, sum->limbs[i]);
  g_string_append_c (text, '"');
}

char *
tn_stats_weights_to_text (const TnWeightedStats *weighted)
{
  GString *text = g_string_new ("{\"weight\":");

  append_sum (text, &weighted->weight);
  g_string_append (text, ",\"weight2\":");
  append_sum (text, &weighted->weight2);
  g_string_append (text, ",\"sites\":[");
  for (guint i = 0; i < weighted->n_sites; i++)
    {
      const TnWeightedMoments *site = &weighted->sites[i];
      const TnWideSum *sums[SITE_SUMS] = {&site->count, &site->sum_abs, &site->sum1, &site->sum2};

      g_string_append (text, i > 0 ? ",[" : "[");
      for (guint k = 0; k < SITE_SUMS; k++)
        {
          g_string_append (text, k > 0 ? "," : "");
          append_sum (text, sums[k]);
        }
      g_string_append_c (text, ']');
    }
  g_string_append (text, "]}");
  return g_string_free (text, FALSE);
}

static gboolean
read_sum (const TnJsonNode *node, gboolean is_signed, TnWideSum *sum)
{
  if (node == NULL || node->type != TN_JSON_STRING || node->value.string.length != SUM_DIGITS)
    return FALSE;
  for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
    {
      char digits[17] = "";

      for (guint k = 0; k < 16; k++)
        if (!g_ascii_isxdigit (digits[k] = node->value.string.text[16 * i + k]))
          return FALSE;
      sum->limbs[TN_WIDE_SUM_LIMBS - 1 - i] = g_ascii_strtoull (digits, NULL, 16);
    }
  return is_signed || sum->limbs[TN_WIDE_SUM_LIMBS - 1] >> 63 == 0;
}

static gboolean
read_site (const TnJsonNode *node, TnWeightedMoments *site)
{
  TnWideSum *sums[SITE_SUMS] = {&site->count, &site->sum_abs, &site->sum1, &site->sum2};
  const TnJsonNode *value;

  if (node->type != TN_JSON_ARRAY || node->n_children != SITE_SUMS)
    return FALSE;
  value = node->value.list.first;
  for (guint k = 0; k < SITE_SUMS; k++, value = value->next)
    if (!read_sum (value, sums[k] == &site->sum1, sums[k]))
      return FALSE;
  return TRUE;
}

TnWeightedStats *
tn_stats_weights_from_json (const TnJsonNode *node, guint n_sites)
{
  const TnJsonNode *sites = tn_json_find_typed (node, "sites", TN_JSON_ARRAY);
  g_autoptr (TnWeightedStats) weighted = NULL;
  const TnJsonNode *site;

  if (sites == NULL || sites->n_children != n_sites)
    return NULL;
  weighted = tn_weighted_stats_new (n_sites);
  if (!read_sum (tn_json_find (node, "weight"), FALSE, &weighted->weight) || !read_sum (tn_json_find (node, "weight2"), FALSE, &weighted->weight2))
    return NULL;
  site = sites->value.list.first;
  for (guint i = 0; i < n_sites; i++, site = site->next)
    if (!read_site (site, &weighted->sites[i]))
      return NULL;
  return g_steal_pointer (&weighted);
}
