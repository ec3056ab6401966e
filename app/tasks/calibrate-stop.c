/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-stop.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "engine/calibration/site-settling.h"
#include "engine/metrics/student.h"

#define FIRST_LOOK 64
#define STATEMENTS_A_SITE 4

struct _TnCalibrateStop
{
  TnStopReport   report;
  double         low, high;  /* percentages */
  double         time_limit; /* seconds, 0 none */
  gint64         start;
  guint64        next_look;  /* sequences */
  guint          looks;      /* that there may be */
  TnCalibrateEnd end;
};

static guint64
look_after (guint64 samples)
{
  guint64 look = FIRST_LOOK;

  while (look <= samples)
    look += (look + 3) / 4;
  return look;
}

TnCalibrateStop *
tn_calibrate_stop_new (const TnCalibrateOptions *options)
{
  TnCalibrateStop *self = g_new0 (TnCalibrateStop, 1);

  self->report.tolerance = options->tolerance;
  self->report.confidence = options->confidence;
  self->low = g_array_index (options->percentiles, double, 0);
  self->high = g_array_index (options->percentiles, double, options->percentiles->len - 1);
  /* A single percentage stands for the other side, too. */
  if (self->low == self->high)
    {
      self->high = MAX (self->high, 100.0 - self->low);
      self->low = 100.0 - self->high;
    }
  self->time_limit = options->time_limit;
  self->start = g_get_monotonic_time ();
  self->next_look = FIRST_LOOK;
  return self;
}

void
tn_calibrate_stop_free (TnCalibrateStop *self)
{
  if (self == NULL)
    return;
  g_free (self->report.widest);
  g_free (self->report.last);
  g_free (self);
}

/* Looks up to so many sequences. */
static guint
count_looks (guint64 samples)
{
  guint looks = 0;

  for (guint64 at = look_after (0); at <= samples; at = look_after (at))
    looks++;
  return looks;
}

/* Batches that are cut. */
typedef struct
{
  TnCalibrateStop *stop;
  TnBatchSource   *source;
  TnBatch         *batch; /* of which sequences from place on are still to be given */
  guint            place;
  guint64          given; /* sequences, with those from before */
} Cutter;

static TnBatch *
cutter_next (gpointer user_data, GError **error)
{
  Cutter *self = user_data;
  guint64 look = look_after (self->given);
  guint n;

  if (self->batch == NULL)
    {
      self->batch = tn_batch_source_next (self->source, error);
      self->place = 0;
    }
  if (self->batch == NULL)
    return NULL;
  n = (guint) MIN ((guint64) (self->batch->n_sequences - self->place), look - self->given);
  self->given += n;
  self->place += n;
  if (n == self->batch->n_sequences)
    return g_steal_pointer (&self->batch);
  {
    TnBatch *part = tn_batch_new (self->batch->sequences + self->place - n, n);

    if (self->place == self->batch->n_sequences)
      g_clear_pointer (&self->batch, tn_batch_unref);
    return part;
  }
}

static gint64
cutter_count (gpointer user_data)
{
  return tn_batch_source_count (((Cutter *) user_data)->source);
}

static void
cutter_free (gpointer user_data)
{
  Cutter *self = user_data;

  g_clear_pointer (&self->batch, tn_batch_unref);
  tn_batch_source_free (self->source);
  g_free (self);
}

TnBatchSource *
tn_calibrate_stop_cut (TnCalibrateStop *self, TnBatchSource *source, guint64 before, guint64 most)
{
  TnBatchSource *cut;
  Cutter *cutter;

  self->next_look = look_after (before);
  self->looks = MAX (count_looks (most), 1);
  if (!(self->report.tolerance > 0.0))
    return source;
  cutter = g_new0 (Cutter, 1);
  *cutter = (Cutter) { .stop = self, .source = source, .given = before };
  cut = g_new0 (TnBatchSource, 1);
  *cut = (TnBatchSource) { .next = cutter_next, .count = cutter_count, .free_func = cutter_free, .user_data = cutter };
  return cut;
}

static gboolean
look (TnCalibrateStop *self, const TnStats *stats, const TnListener *listener)
{
  TnStopReport *report = &self->report;
  double error = (1.0 - report->confidence) / ((double) self->looks * STATEMENTS_A_SITE * MAX (stats->sites->len, 1));
  double factor = tn_student_half_width (error, TN_STATS_GROUPS - 1);
  double widest = -1.0;

  report->looks++;
  report->samples = stats->samples;
  report->needed = tn_sequences_for_range (report->tolerance, error);
  report->sites = stats->sites->len;
  report->unsettled = 0;
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);
      TnSiteSettling settling;
      double half_width;

      tn_site_settling (site, self->low, self->high, factor, &settling);
      half_width = MAX (settling.std_half_width, settling.range_half_width);
      /* NaN: too few groups have a sequence. */
      if (isnan (settling.std_half_width) || isnan (settling.range_half_width))
        half_width = INFINITY;
      report->unsettled += !(half_width <= report->tolerance);
      if (half_width <= widest)
        continue;
      widest = half_width;
      g_free (report->widest);
      report->widest = g_strdup (site->name);
      report->widest_is_range = settling.range_half_width > settling.std_half_width;
      report->value = report->widest_is_range ? settling.range : settling.std;
      report->half_width = half_width;
    }
  if (report->unsettled > 0)
    {
      g_free (report->last);
      report->last = g_strdup (report->widest);
    }
  tn_listener_metric (listener, "unsettled_sites", (gint64) report->samples, report->unsettled);
  tn_listener_metric (listener, "widest_interval", (gint64) report->samples, report->half_width);
  return report->unsettled == 0 && report->samples >= report->needed;
}

gboolean
tn_calibrate_stop_offer (TnCalibrateStop *self, const TnStats *stats, const TnListener *listener)
{
  if (self->report.tolerance > 0.0 && stats->samples == self->next_look)
    {
      self->next_look = look_after (stats->samples);
      if (look (self, stats, listener))
        {
          self->end = TN_CALIBRATE_END_STABLE;
          return TRUE;
        }
    }
  if (self->time_limit > 0.0 && (double) (g_get_monotonic_time () - self->start) * 1e-6 >= self->time_limit)
    {
      self->end = TN_CALIBRATE_END_TIME;
      return TRUE;
    }
  return FALSE;
}

TnCalibrateEnd
tn_calibrate_stop_get_end (const TnCalibrateStop *self)
{
  return self->end;
}

const TnStopReport *
tn_calibrate_stop_get_report (const TnCalibrateStop *self)
{
  return self->report.tolerance > 0.0 ? &self->report : NULL;
}

TnStopReport *
tn_stop_report_copy (const TnStopReport *self)
{
  TnStopReport *copy = g_memdup2 (self, sizeof *self);

  copy->widest = g_strdup (self->widest);
  copy->last = g_strdup (self->last);
  return copy;
}

void
tn_stop_report_free (TnStopReport *self)
{
  if (self == NULL)
    return;
  g_free (self->widest);
  g_free (self->last);
  g_free (self);
}

char *
tn_stop_report_describe (const TnStopReport *self, gboolean stopped)
{
  const char *what = self->widest_is_range ? _("percentile range") : _("standard deviation");

  if (self->looks == 0)
    return g_strdup_printf (_("stop rule: fewer than %d sequences, too few to look"), FIRST_LOOK);
  if (!stopped)
    return g_strdup_printf (_("not settled: at %" PRIu64 " sequences %u of %u sites had wider intervals than ±%g %%, the widest %s with %s %.5g ± %.2g %%; minimum and "
                              "maximum need %" PRIu64 " sequences"),
                            self->samples, self->unsettled, self->sites, 100.0 * self->tolerance, self->widest, what, self->value,
                            100.0 * self->half_width, self->needed);
  return g_strdup_printf (_("settled after %" PRIu64 " sequences (%g %% confidence, all %u sites): the widest interval is that of %s, %s %.5g ± %.2g %%; the last to "
                            "settle was %s; at most %g %% of all sequences go beyond the minimum or maximum of a site"),
                          self->samples, 100.0 * self->confidence, self->sites, self->widest, what, self->value, 100.0 * self->half_width,
                          self->last != NULL ? self->last : self->widest, 100.0 * self->tolerance);
}
