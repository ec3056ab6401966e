/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/stats-diff.h"

#include <math.h>
#include <string.h>

#include "engine/calibration/parameter-search.h"

static void
difference_free (gpointer data)
{
  TnSiteDifference *self = data;

  g_free (self->name);
  g_free (self);
}

static double
find_sqnr (const TnSiteStats *site, guint bits)
{
  const TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits};
  TnQuantParams params;

  if (!site->has_extremes || !tn_parameter_search (site->histogram, (double) site->min.value, (double) site->max.value, &scheme,
                                                   TN_METHOD_MSE, 0.0, &params, NULL))
    return (double) NAN;
  return params.sqnr_db;
}

static void
view (const TnSiteStats *site, TnSiteView *view)
{
  tn_site_stats_summarize (site, &view->summary);
  view->int8_sqnr_db = find_sqnr (site, 8);
  view->int4_sqnr_db = find_sqnr (site, 4);
}

static double
largest_magnitude (const TnSiteSummary *summary)
{
  return MAX (fabs (summary->min), fabs (summary->max));
}

/* |ln (b / a)|; from or to zero is as much as it gets. NaN: nothing to compare. */
static double
log_ratio (double a, double b)
{
  return a == b ? 0.0 : fabs (log (b / a));
}

static void
consider (TnSiteDifference *self, TnChangeKind kind, double change)
{
  if (!(change > self->change))
    return;
  self->kind = kind;
  self->change = change;
}

static void
compare (TnSiteDifference *self)
{
  const TnSiteSummary *a = &self->a.summary, *b = &self->b.summary;
  double std = MAX (a->std, b->std);

  consider (self, TN_CHANGE_SHAPE, self->distance.ks);
  consider (self, TN_CHANGE_RANGE, log_ratio (largest_magnitude (a), largest_magnitude (b)));
  consider (self, TN_CHANGE_MEAN, std > 0.0 ? fabs (b->mean - a->mean) / std : 0.0);
  consider (self, TN_CHANGE_STD, log_ratio (a->std, b->std));
}

static TnSiteDifference *
difference_new (const TnSiteStats *a, const TnSiteStats *b)
{
  TnSiteDifference *self = g_new0 (TnSiteDifference, 1);

  self->name = g_strdup (a != NULL ? a->name : b->name);
  self->distance.ks = self->distance.js = (double) NAN;
  if (a != NULL)
    {
      self->width_a = a->width;
      view (a, &self->a);
    }
  if (b != NULL)
    {
      self->width_b = b->width;
      view (b, &self->b);
    }
  if (a == NULL || b == NULL || a->has_extremes != b->has_extremes)
    {
      self->kind = TN_CHANGE_SITE;
      self->change = (double) INFINITY;
      return self;
    }
  tn_histogram_distance (a->histogram, b->histogram, &self->distance);
  compare (self);
  return self;
}

static gint
compare_changes (gconstpointer x, gconstpointer y)
{
  const TnSiteDifference *a = *(TnSiteDifference *const *) x, *b = *(TnSiteDifference *const *) y;

  if (a->change != b->change)
    return a->change > b->change ? -1 : 1;
  return strcmp (a->name, b->name);
}

GPtrArray *
tn_stats_diff (const TnStats *a, const TnStats *b)
{
  GPtrArray *differences = g_ptr_array_new_with_free_func (difference_free);

  for (guint i = 0; i < a->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (a->sites, i);

      g_ptr_array_add (differences, difference_new (site, tn_stats_find (b, site->name)));
    }
  for (guint i = 0; i < b->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (b->sites, i);

      if (tn_stats_find (a, site->name) == NULL)
        g_ptr_array_add (differences, difference_new (NULL, site));
    }
  g_ptr_array_sort (differences, compare_changes);
  return differences;
}
