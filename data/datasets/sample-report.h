/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "data/datasets/sampler.h"

G_BEGIN_DECLS

/* What of the data a drawn sample covers, counted while it was drawn. A record is a passage of text or a window of tokens. */

/* Lengths are told apart to a quarter of an octave: class 4 k + j begins at 2^k (1 + j/4). */
#define TN_LENGTH_CLASSES 128

typedef struct
{
  guint64 total, drawn; /* records */
} TnCoverage;

typedef struct
{
  guint64     records, drawn;             /* of all, in the sample */
  guint64     length, drawn_length;       /* their lengths summed: bytes of text or tokens */
  TnCoverage  lengths[TN_LENGTH_CLASSES];
  GArray     *files;                      /* TnCoverage, by the file's place */
  GArray     *labels;                     /* TnCoverage, by the label's number; number 0: without a label */
  TnStrata    strata_by;
  GArray     *strata;                     /* TnCoverage of a stratified draw: its strata, in order; else empty */
  guint64     unreachable;                /* records of size 0: an importance draw never takes them */
  gboolean    weighted;                   /* by its sampler, records stand for different numbers of records */
  double      least_weight, most_weight;  /* how many records of all a drawn one stands for */
  double      weight, weight2;            /* sums of the weights and of their squares */
} TnSampleReport;

TnSampleReport *tn_sample_report_new  (void);
TnSampleReport *tn_sample_report_copy (const TnSampleReport *self);
void            tn_sample_report_free (TnSampleReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSampleReport, tn_sample_report_free)
void            tn_sample_report_add_record (TnSampleReport *self, guint file, guint label, guint length);
void            tn_sample_report_add_drawn  (TnSampleReport *self, guint file, guint label, guint length, double weight);
/* Back to a sample of nothing. */
void            tn_sample_report_forget_drawn (TnSampleReport *self);
guint           tn_length_class       (guint length);

/* (sum w)^2 / sum w^2: so many records drawn with equal weights would tell as much of a mean (Kish 1965). */
double          tn_sample_report_effective (const TnSampleReport *self);

/* How far the lengths of the sample are from those of all records, and how far a uniform draw of as many would be expected to be. ks: the largest
 * difference of the distribution functions (Kolmogorov-Smirnov); js: Jensen-Shannon divergence in bits. The expected ones are
 * 0.8687 sqrt(f/n) and (K - 1) f / (8 n ln 2), with f = 1 - n/N and K the number of classes that occur. */
typedef struct
{
  double ks, ks_expected;
  double js, js_expected;
} TnLengthDistance;

void            tn_sample_report_length_distance (const TnSampleReport *self, TnLengthDistance *distance);
/* Of how many classes (files, labels, strata) that hold records the sample holds one. */
void            tn_coverage_count     (const GArray *classes, guint *covered, guint *all);

G_END_DECLS
