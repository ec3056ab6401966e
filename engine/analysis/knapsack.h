/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The multiple-choice knapsack problem, all budgets at once: of each group one choice is taken; found is every pair of total size and total
 * loss that no other pair beats in both (the Pareto front), and a set of choices for each.
 *
 * Dynamic programming over lists of pairs that are not dominated (Nemhauser and Ullmann, Discrete dynamic programming and capital
 * allocation, 1969; Kellerer, Pferschy and Pisinger, Knapsack Problems, 11.5), sizes being integers that are not scaled or rounded. A partial
 * solution is dropped as well where its bound by the linear relaxation of the groups to come lies, at every size, above a
 * solution that is known (the corners of the lower convex hull); that loses no point of the front.
 *
 * Memory: 8 bytes a partial solution of every group, at most max_solutions of them (32 million: 256 MB), and 40 a partial solution and choice of
 * the group at hand. Where a list
 * would take more than its part of them, neighbours in it are joined, and the front is no longer exact: see tn_knapsack_get_tolerance(). Losses may be
 * negative; sums go in the order of the groups. */

typedef struct
{
  guint64 size;
  double  loss; /* NaN: this choice cannot be taken */
} TnKnapsackChoice;

typedef struct
{
  const TnKnapsackChoice *choices;
  guint                   n_choices;
} TnKnapsackGroup;

typedef struct _TnKnapsack TnKnapsack;

#define TN_KNAPSACK_MAX_SOLUTIONS (32 * 1024 * 1024)

/* Any thread. TN_ERROR_ARGUMENT: a group of which nothing can be taken, an infinite loss, or sizes whose sum does not fit 63 bits. */
TnKnapsack *tn_knapsack_solve (const TnKnapsackGroup *groups, guint n_groups, gsize max_solutions, GCancellable *cancellable, GError **error);
void        tn_knapsack_free  (TnKnapsack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnKnapsack, tn_knapsack_free)

/* Points by size, ascending; their losses descend. There is always one; without groups it is (0, 0). */
guint    tn_knapsack_n_points     (const TnKnapsack *self);
guint64  tn_knapsack_get_size     (const TnKnapsack *self, guint point);
double   tn_knapsack_get_loss     (const TnKnapsack *self, guint point);
/* choices: [groups]. */
void     tn_knapsack_get_choices  (const TnKnapsack *self, guint point, guint *choices);
/* The point of the least loss among those of at most this size, of the least size among those of at most this loss. -1: there is none. */
gint     tn_knapsack_find_size    (const TnKnapsack *self, guint64 size);
gint     tn_knapsack_find_loss    (const TnKnapsack *self, double loss);
/* 0: the front is exact. t: at every size the loss lies above the least loss of all by at most 1 + t times what the best plan of that
 * size does. */
double   tn_knapsack_get_tolerance (const TnKnapsack *self);
/* The longest list there was. */
guint    tn_knapsack_get_longest  (const TnKnapsack *self);

G_END_DECLS
