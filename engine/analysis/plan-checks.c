/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/plan-checks.h"

#include <string.h>

GArray *
tn_allocation_pick_points (const TnAllocation *self, guint n)
{
  GArray *points = g_array_new (FALSE, FALSE, sizeof (guint));
  guint last = tn_knapsack_n_points (tn_allocation_get_front (self)) - 1;
  double low = tn_allocation_get_bytes (self, 0), high = tn_allocation_get_bytes (self, last);

  for (guint i = 0; i < n; i++)
    {
      double wanted = n > 1 ? low + (high - low) * i / (n - 1) : low;
      guint point = 0;

      if (i + 1 == n && n > 1)
        point = last;
      else if (!tn_allocation_find_bytes (self, wanted, &point, NULL))
        point = 0;
      if (points->len == 0 || g_array_index (points, guint, points->len - 1) != point)
        g_array_append_val (points, point);
    }
  return points;
}

void
tn_analysis_fill_uniform (const TnAnalysis *self, guint scheme, gint *schemes)
{
  for (guint i = 0; i < self->layers->len; i++)
    schemes[i] = tn_analysis_get_cell (self, i, scheme)->applies ? (gint) scheme : -1;
}

static gboolean
check (TnAnalysis *self, TnModel *model, TnLossBaseline *baseline, TnPlanCheck *plan, const TnQuantParams *const *static_params,
       GCancellable *cancellable, GError **error)
{
  TnPlanPrediction prediction = tn_analysis_predict_plan (self, plan->schemes);
  g_autoptr (TnModel) rounded = tn_analysis_round_layers (self, model, plan->schemes, static_params, cancellable, error);

  plan->bits = prediction.bits;
  plan->bytes = prediction.bytes;
  plan->predicted = prediction.change.value;
  return rounded != NULL && tn_loss_baseline_compare (baseline, rounded, 0, &plan->measured, cancellable, error);
}

static GPtrArray *
list_plans (const TnAnalysis *self, guint n_front, GCancellable *cancellable)
{
  GPtrArray *plans = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_plan_check_free);
  g_autoptr (TnAllocation) allocation = n_front > 0 ? tn_allocation_new (self, NULL, cancellable, NULL) : NULL;
  g_autoptr (GArray) points = allocation != NULL ? tn_allocation_pick_points (allocation, n_front + 2) : NULL;

  for (guint i = 0; i < self->schemes->len; i++)
    {
      g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (self, i));
      g_autofree char *title = g_strdup_printf ("%s everywhere", name);
      TnPlanCheck *plan = tn_plan_check_new (title, self->layers->len);

      tn_analysis_fill_uniform (self, i, plan->schemes);
      g_ptr_array_add (plans, plan);
    }
  for (guint i = 1; points != NULL && i + 1 < points->len; i++)
    {
      guint point = g_array_index (points, guint, i);
      g_autofree char *title = g_strdup_printf ("plan of %.2f bits a weight", tn_allocation_get_bits (allocation, point));
      TnPlanCheck *plan = tn_plan_check_new (title, self->layers->len);

      tn_allocation_get_schemes (allocation, point, plan->schemes);
      g_ptr_array_add (plans, plan);
    }
  return plans;
}

gboolean
tn_analysis_check_plans (TnAnalysis *self, TnModel *model, TnLossBaseline *baseline, guint n_front,
                         const TnQuantParams *const *static_params, const TnListener *listener, GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GPtrArray) plans = list_plans (self, n_front, cancellable);

  for (guint i = 0; i < plans->len; i++)
    {
      if (!check (self, model, baseline, g_ptr_array_index (plans, i), static_params, cancellable, error))
        return FALSE;
      tn_listener_progress (listener, i + 1, plans->len, "plans");
    }
  g_ptr_array_extend_and_steal (self->checks, g_steal_pointer (&plans));
  return TRUE;
}
