/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/calibration/channel-histograms.h"
#include "engine/calibration/gram.h"
#include "engine/calibration/row-sample.h"
#include "engine/calibration/wide-sum.h"
#include "engine/metrics/float-histogram.h"
#include "engine/nn/batch.h"
#include "engine/nn/site.h"

G_BEGIN_DECLS

/* Exact mergeable statistics of the activations at one site. merge(A, B) has the same bits as the statistics of A and B observed
 * together, in any order and split. How each number is made:
 * - counts are integers;
 * - site-wide power sums (|x|, x, x^2, x^3, x^4) are computed a tile at a time in double: tokens 32 i to 32 i + 31 of a sequence (or to its
 *   end) by channels 128 k to 128 k + 127 (or to the last). In it 8 channels after 8 channels are gone through, in each token after token, in
 *   each channel after channel; the value of channel c goes to partial sum c % 4, and (p0 + p1) + (p2 + p3) into a TnWideSum of the group its
 *   sequence hashes to (TN_STATS_GROUPS groups, for intervals). x^2 is exact; x^2 * x and x^2 * x^2 are added by fused multiply-adds;
 * - channel sums of x and x^2 are 128-bit integers of quantum 2^-40, each value rounded on its own (half to even);
 * - values of magnitude 2^27 and more are finite but outside these sums: counted in oversize, kept in histogram and extremes. The bound
 *   leaves room for 2^32 tokens at that extreme (2^54 * 2^40 * 2^32 < 2^127): no sum can wrap;
 * - NaN and infinity are counted apart and enter nothing else;
 * - zero is zero whatever its sign: extremes never hold -0;
 * - each group has its own extremes, zeros and a coarse histogram (four bins an octave), all exact: what intervals of ranges, percentiles and
 *   SQNR are made of (intervals.h);
 * - the sequences with the largest |x| are kept, each with its largest value and where it stood: the TN_STATS_LARGEST first by (|x| descending,
 *   sample). A sequence that is not among them in the whole is not missed in any part, so the list merges;
 * - the moving range, where asked for, is the one thing that does not merge (see TnMovingRange). */
#define TN_STATS_GROUPS 16
#define TN_STATS_LARGEST 8
/* A group's bin: sign, exponent and two bits of mantissa, that is 32 bins of the site's histogram: coarse bin = bin / 32. */
#define TN_GROUP_BINS 2048
#define TN_GROUP_BIN_WIDTH 32
#define TN_STATS_OVERSIZE_LOG2 27
/* Observing more tokens or wider rows is a programming error; merging into more is TN_ERROR_DATA. */
#define TN_STATS_MAX_TOKENS (G_GUINT64_CONSTANT (1) << 32)
#define TN_STATS_MAX_WIDTH (1U << 20)

/* Where an extreme was seen; ties go to the smallest (sample, token, channel). */
typedef struct
{
  float   value;
  guint64 sample;  /* hash of the sequence */
  guint32 token;   /* position in it */
  guint32 channel;
} TnExtreme;

typedef struct
{
  guint64   count;     /* values in the sums */
  guint64   sequences; /* sequences seen */
  TnWideSum sum_abs, sum1, sum2, sum3, sum4;
  guint64   zeros;
  float     min, max;  /* of its finite values; +inf, -inf when it has none */
} TnGroupStats;

typedef struct
{
  guint64      count;  /* values in this channel's sums */
  TnChannelSum sum, sum2;
  float        min, max; /* +inf, -inf when empty */
} TnChannelStats;

/* Exponential moving average of each sequence's extremes (Jacob et al. 2018, section 3.1): the first sequence's, then
 * decay * average + (1 - decay) * extreme, sequence after sequence in the order they were drawn, whatever the batches. Sequences without a finite
 * value are passed over. It depends on that order, so it does not merge: merging statistics of which both have seen something drops it. */
typedef struct
{
  double  decay;     /* 0: not kept */
  guint64 sequences; /* that have entered it */
  double  min, max;
} TnMovingRange;

/* The finite extremes of one sequence; min > max when it has none. */
typedef struct
{
  float min, max;
} TnSequenceRange;

typedef struct
{
  char             *name;
  guint             width;
  guint64           tokens;    /* rows seen */
  guint64           oversize;
  TnExtreme         min, max;  /* undefined while tokens == 0: see has_extremes */
  gboolean          has_extremes;
  TnFloatHistogram *histogram;
  TnGroupStats      groups[TN_STATS_GROUPS];
  guint64          *group_bins; /* [TN_STATS_GROUPS][TN_GROUP_BINS]; zeros stand in no bin */
  TnExtreme         largest[TN_STATS_LARGEST]; /* a sequence each, in their order */
  guint             n_largest;
  gboolean          has_details; /* FALSE: read from a file of the first version, or merged with such: groups have no zeros, extremes and bins, and
                                  * largest is empty */
  TnChannelStats   *channels;  /* [width] */
  TnChannelHistograms *channel_histograms; /* NULL unless asked for */
  TnGram           *gram; /* NULL unless asked for */
  TnRowSample      *rows; /* likewise */
  TnMovingRange     moving;
  GArray           *sequence_ranges; /* TnSequenceRange of each sequence observed since the last clear, in order; only while moving.decay > 0 */
} TnSiteStats;

TnSiteStats *tn_site_stats_new     (const char *name, guint width);
TnSiteStats *tn_site_stats_copy    (const TnSiteStats *self);
void         tn_site_stats_free    (TnSiteStats *self);
/* Back to what new gave. */
void         tn_site_stats_clear   (TnSiteStats *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSiteStats, tn_site_stats_free)
/* Before the first sequence. decay: 0 < decay < 1. */
void         tn_site_stats_keep_moving_range (TnSiteStats *self, double decay);
/* Before the first sequence: exact histograms of every channel, in at most so many bytes of memory (channel-histograms.h). */
void         tn_site_stats_keep_channel_histograms (TnSiteStats *self, gsize most_bytes);
/* Before the first sequence: the Gram matrix of the inputs (gram.h), and so many of their rows (row-sample.h). TN_ERROR_MEMORY. */
gboolean     tn_site_stats_keep_gram    (TnSiteStats *self, GError **error);
void         tn_site_stats_keep_rows    (TnSiteStats *self, guint most);
/* x: [batch->n_tokens, width]. Runs parallel loops: call on the compute thread. The result does not depend on the number of threads. */
void         tn_site_stats_observe (TnSiteStats *self, const TnBatch *batch, const float *x);
/* TN_ERROR_MISMATCH when the widths differ. */
gboolean     tn_site_stats_check_merge (const TnSiteStats *self, const TnSiteStats *other, GError **error);
/* After the same check. The moving range is dropped unless one of both has seen nothing. */
gboolean     tn_site_stats_merge   (TnSiteStats *self, const TnSiteStats *other, GError **error);
/* The same where other holds the sequences that come next, observed since it was cleared: the moving range goes on with them. */
gboolean     tn_site_stats_append  (TnSiteStats *self, const TnSiteStats *other, GError **error);
gboolean     tn_site_stats_equal   (const TnSiteStats *a, const TnSiteStats *b);

/* Numbers derived from the sums; NaN when there are no values. min and max are of all finite values, the rest leaves out oversize ones. */
typedef struct
{
  guint64 count;       /* all values seen */
  guint64 nonfinite, oversize;
  double  min, max, mean, std, absmean, skewness, kurtosis; /* std of the population; kurtosis not in excess: 3 for a Gaussian */
  double  zeros;       /* fraction of the finite values */
  double  mean_square;
  double  variance;   /* of the population */
} TnSiteSummary;

void         tn_site_stats_summarize (const TnSiteStats *self, TnSiteSummary *summary);

G_END_DECLS
