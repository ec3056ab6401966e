/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/sample-report.h"

#include <math.h>

/* The mean of Kolmogorov's distribution: sqrt(pi / 2) ln 2. */
#define KOLMOGOROV_MEAN 0.86873

static GArray *
coverages_new (void)
{
  return g_array_new (FALSE, TRUE, sizeof (TnCoverage));
}

TnSampleReport *
tn_sample_report_new (void)
{
  TnSampleReport *self = g_new0 (TnSampleReport, 1);

  self->files = coverages_new ();
  self->labels = coverages_new ();
  self->strata = coverages_new ();
  return self;
}

TnSampleReport *
tn_sample_report_copy (const TnSampleReport *self)
{
  TnSampleReport *copy = g_memdup2 (self, sizeof *self);

  copy->files = g_array_copy (self->files);
  copy->labels = g_array_copy (self->labels);
  copy->strata = g_array_copy (self->strata);
  return copy;
}

void
tn_sample_report_free (TnSampleReport *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->files);
  g_array_unref (self->labels);
  g_array_unref (self->strata);
  g_free (self);
}

guint
tn_length_class (guint length)
{
  guint octave = length > 0 ? g_bit_storage (length) - 1 : 0;

  return 4 * octave + (octave >= 2 ? (length >> (octave - 2)) & 3 : (length << (2 - octave)) & 3);
}

static TnCoverage *
coverage_at (GArray *classes, guint index)
{
  if (index >= classes->len)
    g_array_set_size (classes, index + 1);
  return &g_array_index (classes, TnCoverage, index);
}

void
tn_sample_report_add_record (TnSampleReport *self, guint file, guint label, guint length)
{
  self->records++;
  self->length += length;
  self->lengths[tn_length_class (length)].total++;
  coverage_at (self->files, file)->total++;
  coverage_at (self->labels, label)->total++;
}

void
tn_sample_report_add_drawn (TnSampleReport *self, guint file, guint label, guint length, double weight)
{
  self->least_weight = self->drawn > 0 ? MIN (self->least_weight, weight) : weight;
  self->most_weight = MAX (self->most_weight, weight);
  self->weight += weight;
  self->weight2 += weight * weight;
  self->drawn++;
  self->drawn_length += length;
  self->lengths[tn_length_class (length)].drawn++;
  coverage_at (self->files, file)->drawn++;
  coverage_at (self->labels, label)->drawn++;
}

static void
forget_classes (GArray *classes)
{
  for (guint i = 0; i < classes->len; i++)
    g_array_index (classes, TnCoverage, i).drawn = 0;
}

void
tn_sample_report_forget_drawn (TnSampleReport *self)
{
  self->drawn = self->drawn_length = 0;
  self->least_weight = self->most_weight = self->weight = self->weight2 = 0.0;
  for (guint i = 0; i < TN_LENGTH_CLASSES; i++)
    self->lengths[i].drawn = 0;
  forget_classes (self->files);
  forget_classes (self->labels);
  forget_classes (self->strata);
}

double
tn_sample_report_effective (const TnSampleReport *self)
{
  return self->weight2 > 0.0 ? self->weight * self->weight / self->weight2 : 0.0;
}

void
tn_sample_report_length_distance (const TnSampleReport *self, TnLengthDistance *distance)
{
  double n = (double) self->drawn, all = (double) self->records;
  double below = 0.0, drawn_below = 0.0;
  guint classes = 0;

  *distance = (TnLengthDistance){0};
  if (self->drawn == 0)
    return;
  for (guint i = 0; i < TN_LENGTH_CLASSES; i++)
    {
      double p = (double) self->lengths[i].total / all, q = (double) self->lengths[i].drawn / n;
      double middle = 0.5 * (p + q);

      below += p;
      drawn_below += q;
      distance->ks = MAX (distance->ks, fabs (below - drawn_below));
      classes += self->lengths[i].total > 0;
      distance->js += 0.5 * ((p > 0.0 ? p * log2 (p / middle) : 0.0) + (q > 0.0 ? q * log2 (q / middle) : 0.0));
    }
  distance->js = MAX (distance->js, 0.0);
  distance->ks_expected = KOLMOGOROV_MEAN * sqrt ((1.0 - n / all) / n);
  distance->js_expected = (classes - 1) * (1.0 - n / all) / (8.0 * n * G_LN2);
}

void
tn_coverage_count (const GArray *classes, guint *covered, guint *all)
{
  *covered = *all = 0;
  for (guint i = 0; i < classes->len; i++)
    {
      const TnCoverage *one = &g_array_index (classes, TnCoverage, i);

      *all += one->total > 0;
      *covered += one->drawn > 0;
    }
}
