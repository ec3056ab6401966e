/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor-blocks.h"

G_BEGIN_DECLS

/* TnDistribution: finite values in ascending order, with prefix sums of their counts, values and squares, so that the squared error of a
 * grid of codes costs a few looks per code instead of one per value. Folded: of the magnitudes, which is all that a symmetric grid needs.
 * Its pieces are single values, several equal ones, or so many that lie evenly in [low, high]. Read-only; threads: any. */
typedef struct
{
  gsize    n;
  double  *low, *high;            /* [n]; the same array where all pieces are points */
  double  *count, *sum, *square;  /* [n + 1]: of the pieces before this one */
  gboolean folded;
  gboolean each_once;             /* points that stand for one value each, padded by zeros to a multiple of 4 */
} TnDistribution;

typedef struct
{
  double low, high, weight;
} TnPiece;

/* Sorts the finite ones of n values. */
TnDistribution *tn_distribution_new_values (const float *x, gsize n, gboolean folded);
/* Pieces in ascending order; none straddles zero. */
TnDistribution *tn_distribution_new_pieces (const TnPiece *pieces, gsize n, gboolean folded);
/* Elements first .. first + n of a tensor, not folded. Up to TN_DISTRIBUTION_SORTED elements are sorted; of more, those that agree in sign,
 * exponent and 12 bits of mantissa count as so many times their mean (exact sums, the same bits for any number of threads), which changes
 * no error of a grid by more than 1e-6 of itself, and nothing at all of what is stored as f16 or bf16. Conditions and errors of
 * tn_tensor_visit_blocks(). */
#define TN_DISTRIBUTION_SORTED (1 << 20)
TnDistribution *tn_distribution_new_tensor (const TnTensor *tensor, guint64 first, guint64 n, GCancellable *cancellable,
                                            GError **error);
/* The magnitudes of one that is not folded. */
TnDistribution *tn_distribution_fold       (const TnDistribution *self);
/* One of at most about n pieces: neighbours become their mean, those at both ends stay. For searches that need no more than a bracket. */
TnDistribution *tn_distribution_coarsen    (const TnDistribution *self, gsize n);
void            tn_distribution_free       (TnDistribution *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnDistribution, tn_distribution_free)

static inline double
tn_distribution_weight (const TnDistribution *self, gsize i)
{
  return self->count[i + 1] - self->count[i];
}

/* All values. */
static inline double
tn_distribution_count (const TnDistribution *self)
{
  return self->count[self->n];
}

static inline double
tn_distribution_min (const TnDistribution *self)
{
  return self->n > 0 ? self->low[0] : 0.0;
}

static inline double
tn_distribution_max (const TnDistribution *self)
{
  return self->n > 0 ? self->high[self->n - 1] : 0.0;
}

/* What lies above a place. */
typedef struct
{
  double count, sum;
} TnAbove;

TnAbove tn_distribution_get_above (const TnDistribution *self, double place);
/* The value below which so many of all values lie, 0 <= count <= all: evenly spread inside a piece. */
double tn_distribution_quantile  (const TnDistribution *self, double count);
/* Mean of |x|. */
double tn_distribution_absmean   (const TnDistribution *self);
/* The k-th power of x, k = 1 .. 4, averaged over a piece. */
double tn_piece_power            (double low, double high, guint k);

G_END_DECLS
