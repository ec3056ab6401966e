/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/metrics/float-histogram.h"

G_BEGIN_DECLS

/* A histogram of each channel of a site, in the bins of TnFloatHistogram, kept in octaves (128 bins of one sign and exponent) that come to be
 * with their first value. Exact and mergeable. Zeros stand in no bin and are counted apart; what is not finite is not counted.
 *
 * Memory is bounded: octaves that would exceed most_bytes or the pool's budget are not taken, and the histograms are exhausted from then on:
 * their counts are meaningless, which whoever observes must ask before it uses them. */
typedef struct _TnChannelHistograms TnChannelHistograms;

#define TN_CHANNEL_HISTOGRAM_OCTAVES 512 /* of both signs */
#define TN_CHANNEL_HISTOGRAM_OCTAVE_BINS 128
/* Counts have 32 bits: tokens must stay below this. */
#define TN_CHANNEL_HISTOGRAM_MAX_TOKENS (G_GUINT64_CONSTANT (1) << 32)

/* most_bytes 0: bounded by the pool's budget alone. */
TnChannelHistograms *tn_channel_histograms_new       (guint width, gsize most_bytes);
TnChannelHistograms *tn_channel_histograms_copy      (const TnChannelHistograms *self);
void                 tn_channel_histograms_free      (TnChannelHistograms *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnChannelHistograms, tn_channel_histograms_free)
guint                tn_channel_histograms_get_width (const TnChannelHistograms *self);
/* TRUE when memory ran out: how much was held then, and allowed. */
gboolean             tn_channel_histograms_exhausted (const TnChannelHistograms *self, gsize *bytes, gsize *most_bytes);
gsize                tn_channel_histograms_get_bytes (const TnChannelHistograms *self);
/* x: [rows, width]. Parallel over channels: call on the compute thread. */
void                 tn_channel_histograms_observe   (TnChannelHistograms *self, const float *x, gsize rows);
/* Widths must be equal. */
void                 tn_channel_histograms_merge     (TnChannelHistograms *self, const TnChannelHistograms *other);
void                 tn_channel_histograms_clear     (TnChannelHistograms *self);
gboolean             tn_channel_histograms_equal     (const TnChannelHistograms *a, const TnChannelHistograms *b);
/* Adds to the count of a bin (index as in TnFloatHistogram, of a finite value). */
void                 tn_channel_histograms_add_count (TnChannelHistograms *self, guint channel, guint bin, guint32 count);
guint64              tn_channel_histograms_get_zeros (const TnChannelHistograms *self, guint channel);
void                 tn_channel_histograms_add_zeros (TnChannelHistograms *self, guint channel, guint64 zeros);
/* The 128 counts of an octave (bin / 128), NULL while it is empty. */
const guint32       *tn_channel_histograms_octave    (const TnChannelHistograms *self, guint channel, guint octave);
/* One channel as a histogram of its finite values. Free with tn_float_histogram_free(). */
TnFloatHistogram    *tn_channel_histograms_get       (const TnChannelHistograms *self, guint channel);

G_END_DECLS
