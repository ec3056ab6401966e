/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/knapsack.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/random.h"

#define MAX_GROUPS 9
#define MAX_CHOICES 5

typedef struct
{
  guint64 size;
  double loss;
} Pair;

typedef struct
{
  TnKnapsackChoice choices[MAX_GROUPS][MAX_CHOICES];
  TnKnapsackGroup groups[MAX_GROUPS];
  guint n_groups;
} Instance;

/* Losses are multiples of 2^-10, so that sums are exact in any order. */
static void
draw_instance (Instance *self, TnRandom *random)
{
  guint kind = (guint) tn_random_below (random, 4);

  self->n_groups = (guint) tn_random_below (random, 7);
  for (guint g = 0; g < self->n_groups; g++)
    {
      guint n = 1 + (guint) tn_random_below (random, MAX_CHOICES);

      self->groups[g] = (TnKnapsackGroup){self->choices[g], n};
      for (guint k = 0; k < n; k++)
        {
          /* Few sizes, so that many are equal; losses that fall with the size, any, negative ones; some that cannot be taken. */
          guint64 size = tn_random_below (random, kind == 0 ? 3 : 100);
          double loss = (double) tn_random_below (random, 4096) / 1024.0;

          if (kind == 1)
            loss = ldexp (floor (ldexp (8.0 / (double) (1 + size), 10)), -10);
          if (kind == 2)
            loss -= 2.0;
          if (kind == 3 && k > 0 && tn_random_below (random, 3) == 0)
            loss = (double) NAN;
          self->choices[g][k] = (TnKnapsackChoice){size, loss};
        }
    }
}

static int
compare (const void *a, const void *b)
{
  const Pair *x = a, *y = b;

  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  return x->loss < y->loss ? -1 : x->loss > y->loss;
}

/* Every combination there is. */
static GArray *
brute_force (const Instance *self)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Pair));
  GArray *front = g_array_new (FALSE, FALSE, sizeof (Pair));
  guint position[MAX_GROUPS] = {0};

  for (;;)
    {
      Pair pair = {0, 0.0};
      guint g = 0;

      for (guint i = 0; i < self->n_groups; i++)
        {
          pair.size += self->choices[i][position[i]].size;
          pair.loss += self->choices[i][position[i]].loss;
        }
      if (!isnan (pair.loss))
        g_array_append_val (all, pair);
      while (g < self->n_groups && ++position[g] == self->groups[g].n_choices)
        position[g++] = 0;
      if (g == self->n_groups)
        break;
    }
  g_array_sort (all, compare);
  for (guint i = 0; i < all->len; i++)
    {
      Pair *pair = &g_array_index (all, Pair, i);

      if (front->len == 0 || pair->loss < g_array_index (front, Pair, front->len - 1).loss)
        g_array_append_val (front, *pair);
    }
  return front;
}

/* The choices of a point add up to it. */
static void
check_choices (const TnKnapsack *knapsack, const TnKnapsackGroup *groups, guint n_groups)
{
  g_autofree guint *choices = g_new (guint, MAX (n_groups, 1));

  for (guint i = 0; i < tn_knapsack_n_points (knapsack); i++)
    {
      Pair sum = {0, 0.0};

      tn_knapsack_get_choices (knapsack, i, choices);
      for (guint g = 0; g < n_groups; g++)
        {
          g_assert_cmpuint (choices[g], <, groups[g].n_choices);
          sum.size += groups[g].choices[choices[g]].size;
          sum.loss += groups[g].choices[choices[g]].loss;
        }
      g_assert_cmpuint (sum.size, ==, tn_knapsack_get_size (knapsack, i));
      g_assert_true (sum.loss == tn_knapsack_get_loss (knapsack, i));
    }
}

static void
test_brute_force (void)
{
  TnRandom random = tn_random_stream (5, "knapsack");

  for (guint trial = 0; trial < 3000; trial++)
    {
      Instance instance;
      g_autoptr (GError) error = NULL;
      g_autoptr (TnKnapsack) knapsack = NULL;
      g_autoptr (GArray) front = NULL;

      draw_instance (&instance, &random);
      knapsack = tn_knapsack_solve (instance.groups, instance.n_groups, TN_KNAPSACK_MAX_SOLUTIONS, NULL, &error);
      g_assert_no_error (error);
      front = brute_force (&instance);
      g_assert_cmpuint (tn_knapsack_n_points (knapsack), ==, front->len);
      g_assert_true (tn_knapsack_get_tolerance (knapsack) == 0.0);
      for (guint i = 0; i < front->len; i++)
        {
          const Pair *pair = &g_array_index (front, Pair, i);

          g_assert_cmpuint (tn_knapsack_get_size (knapsack, i), ==, pair->size);
          g_assert_true (tn_knapsack_get_loss (knapsack, i) == pair->loss);
          g_assert_cmpint (tn_knapsack_find_size (knapsack, pair->size), ==, (gint) i);
          g_assert_cmpint (tn_knapsack_find_loss (knapsack, pair->loss), ==, (gint) i);
          if (pair->size > 0)
            g_assert_cmpint (tn_knapsack_find_size (knapsack, pair->size - 1), ==, (gint) i - 1);
          g_assert_cmpint (tn_knapsack_find_loss (knapsack, pair->loss - 0.0001), ==, i + 1 < front->len ? (gint) i + 1 : -1);
        }
      check_choices (knapsack, instance.groups, instance.n_groups);
    }
}

#define N_LARGE 60
#define N_SCHEMES 6

/* Layers as they are in a network: few shapes, losses that fall about as 4^-bits, some far more sensitive than others. */
static void
draw_network (TnKnapsackChoice *choices, TnKnapsackGroup *groups, guint n, guint64 seed)
{
  static const double bits[N_SCHEMES] = {1.6, 2.25, 3.25, 4.25, 8.25, 16.0};
  TnRandom random = tn_random_stream (seed, "network");

  for (guint g = 0; g < n; g++)
    {
      guint64 weights = 96 * (g % 4 == 0 ? 9 : g % 4 == 1 ? 3 : g % 4 == 2 ? 16 : 8);
      double sensitivity = exp (tn_random_normal (&random));

      for (guint k = 0; k < N_SCHEMES; k++)
        {
          double loss = sensitivity * pow (4.0, -bits[k]) * (1.0 + 0.2 * tn_random_normal (&random));

          choices[g * N_SCHEMES + k] = (TnKnapsackChoice){(guint64) ceil (bits[k] * (double) weights / 8.0),
                                                          k + 1 == N_SCHEMES ? 0.0 : ldexp (floor (ldexp (loss, 20)), -20)};
        }
      groups[g] = (TnKnapsackGroup){choices + g * N_SCHEMES, N_SCHEMES};
    }
}

/* Over every size there can be, without any bound. */
static double *
solve_by_size (const TnKnapsackGroup *groups, guint n, guint64 largest)
{
  double *best = g_new (double, largest + 1), *next = g_new (double, largest + 1);

  for (guint64 s = 0; s <= largest; s++)
    best[s] = 0.0;
  for (guint g = 0; g < n; g++)
    {
      double *swap = best;

      for (guint64 s = 0; s <= largest; s++)
        {
          next[s] = (double) INFINITY;
          for (guint k = 0; k < groups[g].n_choices; k++)
            if (groups[g].choices[k].size <= s)
              next[s] = MIN (next[s], best[s - groups[g].choices[k].size] + groups[g].choices[k].loss);
        }
      best = next;
      next = swap;
    }
  g_free (next);
  return best;
}

static void
test_network (void)
{
  TnKnapsackChoice choices[N_LARGE * N_SCHEMES];
  TnKnapsackGroup groups[N_LARGE];

  for (guint64 seed = 1; seed <= 3; seed++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TnKnapsack) knapsack = NULL, thinned = NULL;
      g_autofree double *best = NULL;
      guint64 largest;
      double tolerance;

      draw_network (choices, groups, N_LARGE, seed);
      knapsack = tn_knapsack_solve (groups, N_LARGE, TN_KNAPSACK_MAX_SOLUTIONS, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (tn_knapsack_get_tolerance (knapsack) == 0.0);
      check_choices (knapsack, groups, N_LARGE);
      largest = tn_knapsack_get_size (knapsack, tn_knapsack_n_points (knapsack) - 1);
      best = solve_by_size (groups, N_LARGE, largest);
      thinned = tn_knapsack_solve (groups, N_LARGE, 100 * N_LARGE, NULL, &error);
      g_assert_no_error (error);
      check_choices (thinned, groups, N_LARGE);
      tolerance = tn_knapsack_get_tolerance (thinned);
      g_test_message ("%u points, longest list %u; at most 100 a list: tolerance %g", tn_knapsack_n_points (knapsack),
                      tn_knapsack_get_longest (knapsack), tolerance);
      g_assert_true (tolerance > 0.0);
      for (guint64 s = 0; s <= largest; s++)
        {
          gint point = tn_knapsack_find_size (knapsack, s), near = tn_knapsack_find_size (thinned, s);

          g_assert_true (point >= 0 ? tn_knapsack_get_loss (knapsack, (guint) point) == best[s] : isinf (best[s]));
          /* All losses are at least 0, and the least sum is 0. */
          g_assert_true (point < 0 ||
                         (near >= 0 && tn_knapsack_get_loss (thinned, (guint) near) <= (1.0 + tolerance) * best[s] + 1e-15));
        }
    }
}

static void
test_awkward (void)
{
  const TnKnapsackChoice none[] = {{1, (double) NAN}}, infinite[] = {{1, (double) -INFINITY}},
                         huge[] = {{(guint64) G_MAXINT64, 0.0}};
  const TnKnapsackChoice same[] = {{3, 0.5}, {3, 0.5}, {3, 0.25}, {9, 0.25}};
  const TnKnapsackGroup bad[] = {{same, 4}, {none, 1}}, empty[] = {{NULL, 0}}, endless[] = {{infinite, 1}},
                        large[] = {{huge, 1}, {same, 4}};
  const TnKnapsackGroup good[] = {{same, 4}};
  const struct
  {
    const TnKnapsackGroup *groups;
    guint n;
    const char *message;
  } cases[] = {{bad, 2, "group 1 has nothing to choose from"},
               {empty, 1, "group 0 has nothing"},
               {endless, 1, "group 0 has a loss that is infinite"},
               {large, 2, "the sizes of 2 groups are too large"}};
  g_autoptr (TnKnapsack) nothing = tn_knapsack_solve (NULL, 0, 1, NULL, NULL), one = tn_knapsack_solve (good, 1, 1, NULL, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) cancelled = NULL;
  guint choice;

  g_assert_cmpuint (tn_knapsack_n_points (nothing), ==, 1);
  g_assert_cmpuint (tn_knapsack_get_size (nothing, 0), ==, 0);
  g_assert_cmpint (tn_knapsack_find_loss (nothing, -1.0), ==, -1);
  g_assert_cmpuint (tn_knapsack_n_points (one), ==, 1);
  tn_knapsack_get_choices (one, 0, &choice);
  g_assert_cmpuint (choice, ==, 2);
  g_assert_cmpint (tn_knapsack_find_size (one, 2), ==, -1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_knapsack_solve (cases[i].groups, cases[i].n, 1, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, cases[i].message));
    }
  g_cancellable_cancel (cancellable);
  g_assert_null (tn_knapsack_solve (good, 1, 1, cancellable, &cancelled));
  g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/knapsack/brute-force", test_brute_force);
  g_test_add_func ("/knapsack/network", test_network);
  g_test_add_func ("/knapsack/awkward", test_awkward);
  return g_test_run ();
}
