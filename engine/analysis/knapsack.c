/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/knapsack.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

/* Rounding of sums must not drop what lies on a bound. */
#define RELATIVE_SLACK 1e-12
#define MIN_PAIRS 64 /* a list, however many groups there are */

typedef struct
{
  guint64 size;
  double loss;
} Pair;

/* How a partial solution came about. */
typedef struct
{
  guint32 previous; /* in the list before */
  guint32 choice;
} Step;

/* An edge of the lower convex hull of all pairs, from its smallest size on. */
typedef struct
{
  double slope; /* loss a unit of size, positive, descending */
  double drop;  /* of the loss along it */
  guint64 size; /* of the partial hull where a line of this slope touches it */
  double touch; /* least loss + slope * size of the partial solutions */
} Edge;

struct _TnKnapsack
{
  GPtrArray *levels; /* Step[], a group */
  Pair *points;
  guint n_groups, n_points, longest;
  double tolerance;
};

typedef struct
{
  const TnKnapsackGroup *groups;
  guint n_groups;
  guint max_pairs; /* a list */
  Edge *edges;
  guint n_edges;
  double *drop_before, *drop_after; /* largest drop up to an edge, and from it on */
  double slack;
  double *floors; /* least loss of the groups up to one */
  Pair *pairs, *next;
  Step *steps;
  guint n_pairs;
  gsize capacity;
} Search;

static void
search_clear (Search *self)
{
  g_free (self->edges);
  g_free (self->drop_before);
  g_free (self->drop_after);
  g_free (self->floors);
  g_free (self->pairs);
  g_free (self->next);
  g_free (self->steps);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

static int
compare_pairs (const void *a, const void *b)
{
  const Pair *x = a, *y = b;

  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  return x->loss < y->loss ? -1 : x->loss > y->loss;
}

static int
compare_edges (const void *a, const void *b)
{
  const Edge *x = a, *y = b;

  return x->slope > y->slope ? -1 : x->slope < y->slope;
}

/* Pairs of a group that can be taken, by size. */
static guint
list_pairs (const TnKnapsackGroup *group, Pair *pairs)
{
  guint n = 0;

  for (guint i = 0; i < group->n_choices; i++)
    if (!isnan (group->choices[i].loss))
      pairs[n++] = (Pair){group->choices[i].size, group->choices[i].loss};
  qsort (pairs, n, sizeof *pairs, compare_pairs);
  return n;
}

static double
slope_between (const Pair *a, const Pair *b)
{
  return (a->loss - b->loss) / (double) (b->size - a->size);
}

/* Edges of the group's lower convex hull as far as it descends. */
static void
add_edges (Search *self, Pair *pairs, guint n)
{
  guint n_hull = 0;

  for (guint i = 0; i < n; i++)
    {
      if (n_hull > 0 && pairs[i].loss >= pairs[n_hull - 1].loss)
        continue;
      while (n_hull > 1 &&
             slope_between (&pairs[n_hull - 1], &pairs[i]) >= slope_between (&pairs[n_hull - 2], &pairs[n_hull - 1]))
        n_hull--;
      pairs[n_hull++] = pairs[i];
    }
  for (guint i = 1; i < n_hull; i++)
    self->edges[self->n_edges++] =
        (Edge){.slope = slope_between (&pairs[i - 1], &pairs[i]), .drop = pairs[i - 1].loss - pairs[i].loss};
}

static gboolean
prepare (Search *self, GError **error)
{
  gsize most_choices = 1, all_choices = 1;
  guint64 largest = 0;
  double magnitude = 0.0;
  g_autofree Pair *pairs = NULL;

  for (guint g = 0; g < self->n_groups; g++)
    {
      most_choices = MAX (most_choices, self->groups[g].n_choices);
      all_choices += self->groups[g].n_choices;
    }
  pairs = g_new (Pair, most_choices);
  self->edges = g_new0 (Edge, all_choices);
  self->floors = g_new0 (double, self->n_groups + 1);
  for (guint g = 0; g < self->n_groups; g++)
    {
      guint n = list_pairs (&self->groups[g], pairs);
      double least = (double) INFINITY, most = (double) -INFINITY;

      for (guint i = 0; i < n; i++)
        {
          least = MIN (least, pairs[i].loss);
          most = MAX (most, pairs[i].loss);
        }
      if (n == 0 || isinf (least) || isinf (most))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                       n == 0 ? _ ("group %u has nothing to choose from") : _ ("group %u has a loss that is infinite"), g);
          return FALSE;
        }
      if (pairs[n - 1].size > (guint64) G_MAXINT64 - largest)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("the sizes of %u groups are too large to be added"), g + 1);
          return FALSE;
        }
      largest += pairs[n - 1].size;
      magnitude += MAX (fabs (least), fabs (most));
      self->floors[g + 1] = self->floors[g] + least;
      add_edges (self, pairs, n);
    }
  self->slack = RELATIVE_SLACK * magnitude;
  qsort (self->edges, self->n_edges, sizeof *self->edges, compare_edges);
  self->drop_before = g_new0 (double, self->n_edges + 1);
  self->drop_after = g_new0 (double, self->n_edges + 1);
  for (guint i = 0; i < self->n_edges; i++)
    self->drop_before[i] = MAX (i > 0 ? self->drop_before[i - 1] : 0.0, self->edges[i].drop);
  for (guint i = self->n_edges; i > 0; i--)
    self->drop_after[i - 1] = MAX (self->drop_after[i], self->edges[i - 1].drop);
  return TRUE;
}

/* Where lines of the slopes of the edges touch the partial solutions, one more group counted. */
static void
extend_touch (Search *self, const TnKnapsackGroup *group)
{
  for (guint i = 0; i < self->n_edges; i++)
    {
      Edge *edge = &self->edges[i];
      double least = (double) INFINITY;
      guint64 size = 0;

      for (guint k = 0; k < group->n_choices; k++)
        {
          double value = group->choices[k].loss + edge->slope * (double) group->choices[k].size;

          if (value < least)
            {
              least = value;
              size = group->choices[k].size;
            }
        }
      edge->touch += least;
      edge->size += size;
    }
}

/* How far the best completion of a partial solution stays above the hull of all, at sizes along an edge. Convex over the edges.
 */
static double
height_above (const Edge *edge, const Pair *pair)
{
  return pair->loss + edge->slope * (double) pair->size - edge->touch;
}

/* Along an edge the hull lies below the solution at the edge's start by at most the edge's drop: what stays higher is of no
 * use there. *edge: the first whose partial hull is at least as large; pairs come by size. */
static gboolean
is_useful (const Search *self, const Pair *pair, guint *edge)
{
  while (*edge < self->n_edges && self->edges[*edge].size < pair->size)
    (*edge)++;
  for (guint i = *edge; i < self->n_edges; i++)
    {
      double height = height_above (&self->edges[i], pair) - self->slack;

      if (height <= self->edges[i].drop)
        return TRUE;
      if (height > self->drop_after[i])
        break;
    }
  for (guint i = *edge; i > 0; i--)
    {
      double height = height_above (&self->edges[i - 1], pair) - self->slack;

      if (height <= self->edges[i - 1].drop)
        return TRUE;
      if (height > self->drop_before[i - 1])
        break;
    }
  return self->n_edges == 0;
}

static void
ensure (Search *self, gsize n)
{
  if (n <= self->capacity)
    return;
  self->capacity = MAX (2 * self->capacity, n);
  self->pairs = g_renew (Pair, self->pairs, self->capacity);
  self->next = g_renew (Pair, self->next, self->capacity);
  self->steps = g_renew (Step, self->steps, self->capacity);
}

/* The lists of the group's choices, merged by size; of pairs that are dominated or useless none is kept. */
static guint
merge (Search *self, const TnKnapsackGroup *group, guint *positions)
{
  guint n = 0, edge = 0;
  double lowest = (double) INFINITY;

  memset (positions, 0, group->n_choices * sizeof *positions);
  for (;;)
    {
      Pair best = {G_MAXUINT64, (double) INFINITY};
      guint choice = G_MAXUINT;

      for (guint k = 0; k < group->n_choices; k++)
        if (positions[k] < self->n_pairs && !isnan (group->choices[k].loss))
          {
            const Pair *pair = &self->pairs[positions[k]];
            Pair sum = {pair->size + group->choices[k].size, pair->loss + group->choices[k].loss};

            if (compare_pairs (&sum, &best) < 0)
              {
                best = sum;
                choice = k;
              }
          }
      if (choice == G_MAXUINT)
        return n;
      if (best.loss < lowest && is_useful (self, &best, &edge))
        {
          ensure (self, n + 1);
          self->next[n] = best;
          self->steps[n++] = (Step){positions[choice], choice};
          lowest = best.loss;
        }
      positions[choice]++;
    }
}

/* How many of n pairs stay when each that goes has a smaller one that stays, whose loss above the floor is at most `factor` times
 * its own; the last stays. kept, if not NULL: which. */
static guint
count_kept (const Pair *pairs, guint n, double floor, double factor, guint *kept)
{
  guint n_kept = 0, last = 0;

  for (guint i = 0; i < n; i++)
    if (i == 0 || i + 1 == n || pairs[last].loss - floor > factor * (pairs[i].loss - floor))
      {
        last = i;
        if (kept != NULL)
          kept[n_kept] = i;
        n_kept++;
      }
  return n_kept;
}

/* Joins neighbours until no more than `most` are left; gives the factor that took. */
static double
thin (Search *self, guint *n, guint most, double floor)
{
  double excess = 1e-9;
  g_autofree guint *kept = g_new (guint, *n);

  while (count_kept (self->next, *n, floor, 1.0 + excess, NULL) > most)
    excess *= 1.5;
  *n = count_kept (self->next, *n, floor, 1.0 + excess, kept);
  for (guint i = 0; i < *n; i++)
    {
      self->next[i] = self->next[kept[i]];
      self->steps[i] = self->steps[kept[i]];
    }
  return 1.0 + excess;
}

static gboolean
search (Search *self, TnKnapsack *result, GCancellable *cancellable, GError **error)
{
  double factor = 1.0;
  guint most_choices = 1;
  g_autofree guint *positions = NULL;

  for (guint g = 0; g < self->n_groups; g++)
    most_choices = MAX (most_choices, self->groups[g].n_choices);
  positions = g_new (guint, most_choices);
  ensure (self, 1);
  self->pairs[0] = (Pair){0, 0.0};
  self->n_pairs = 1;
  for (guint g = 0; g < self->n_groups; g++)
    {
      Pair *swap;
      guint n;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      extend_touch (self, &self->groups[g]);
      n = merge (self, &self->groups[g], positions);
      result->longest = MAX (result->longest, n);
      if (n > self->max_pairs)
        {
          factor *= thin (self, &n, self->max_pairs, self->floors[g + 1]);
          /* A bound may not drop what stands for a solution that is gone. */
          self->n_edges = 0;
        }
      g_ptr_array_add (result->levels, g_memdup2 (self->steps, n * sizeof *self->steps));
      swap = self->pairs;
      self->pairs = self->next;
      self->next = swap;
      self->n_pairs = n;
    }
  result->tolerance = factor - 1.0;
  result->n_points = self->n_pairs;
  result->points = g_memdup2 (self->pairs, self->n_pairs * sizeof *self->pairs);
  return TRUE;
}

TnKnapsack *
tn_knapsack_solve (const TnKnapsackGroup *groups, guint n_groups, gsize max_solutions, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnKnapsack) self = g_new0 (TnKnapsack, 1);
  g_auto (Search) state = {.groups = groups, .n_groups = n_groups};

  g_return_val_if_fail (max_solutions > 0, NULL);

  state.max_pairs = (guint) CLAMP (max_solutions / MAX (n_groups, 1), MIN_PAIRS, G_MAXINT32);
  self->levels = g_ptr_array_new_with_free_func (g_free);
  self->n_groups = n_groups;
  self->longest = 1;
  if (!prepare (&state, error) || !search (&state, self, cancellable, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
tn_knapsack_free (TnKnapsack *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->levels);
  g_free (self->points);
  g_free (self);
}

guint
tn_knapsack_n_points (const TnKnapsack *self)
{
  return self->n_points;
}

guint64
tn_knapsack_get_size (const TnKnapsack *self, guint point)
{
  g_return_val_if_fail (point < self->n_points, 0);

  return self->points[point].size;
}

double
tn_knapsack_get_loss (const TnKnapsack *self, guint point)
{
  g_return_val_if_fail (point < self->n_points, (double) NAN);

  return self->points[point].loss;
}

void
tn_knapsack_get_choices (const TnKnapsack *self, guint point, guint *choices)
{
  g_return_if_fail (point < self->n_points);

  for (guint g = self->n_groups; g > 0; g--)
    {
      const Step *step = (const Step *) g_ptr_array_index (self->levels, g - 1) + point;

      choices[g - 1] = step->choice;
      point = step->previous;
    }
}

gint
tn_knapsack_find_size (const TnKnapsack *self, guint64 size)
{
  guint low = 0, high = self->n_points;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (self->points[middle].size <= size)
        low = middle + 1;
      else
        high = middle;
    }
  return (gint) low - 1;
}

gint
tn_knapsack_find_loss (const TnKnapsack *self, double loss)
{
  guint low = 0, high = self->n_points;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (self->points[middle].loss <= loss)
        high = middle;
      else
        low = middle + 1;
    }
  return low < self->n_points ? (gint) low : -1;
}

double
tn_knapsack_get_tolerance (const TnKnapsack *self)
{
  return self->tolerance;
}

guint
tn_knapsack_get_longest (const TnKnapsack *self)
{
  return self->longest;
}
