/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/convolution.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/pooling.h"
#include "engine/error.h"
#include "torch-golden.h"

/* One element; windows side by side, apart, overlapping, wider than the image without its padding, of one axis alone. */
static const struct
{
  gsize n, channels, height, width, out;
  TnWindow window;
} cases[] = {
    {1, 1, 1, 1, 1, {{1, 1}, {1, 1}, {0, 0}}}, {2, 2, 4, 5, 3, {{3, 3}, {1, 1}, {1, 1}}},
    {1, 2, 5, 4, 2, {{2, 2}, {2, 2}, {0, 0}}}, {2, 1, 5, 7, 2, {{3, 2}, {3, 3}, {2, 1}}},
    {1, 3, 2, 2, 1, {{4, 4}, {1, 1}, {3, 1}}}, {0, 2, 3, 3, 2, {{2, 2}, {1, 1}, {0, 0}}},
    {1, 0, 3, 3, 2, {{2, 2}, {1, 1}, {0, 0}}}, {3, 1, 1, 6, 1, {{1, 3}, {1, 2}, {0, 1}}},
};
static const TnWindow golden_conv = {{3, 4}, {2, 1}, {1, 2}}, golden_pool = {{3, 2}, {2, 1}, {1, 1}};

static TnValue *
build_conv (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_conv2d (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                         tn_tape_variable (tape, variables[2]), user_data);
}

/* Two, one on the other with the same weight, so that gradients are added; and without bias. */
static TnValue *
build_two (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]), *weight = tn_tape_variable (tape, variables[1]);
  TnValue *y = tn_tape_conv2d (tape, x, weight, NULL, user_data);

  return tn_tape_add (tape, tn_tape_conv2d (tape, y, weight, tn_tape_variable (tape, variables[2]), user_data),
                      tn_tape_add (tape, x, y));
}

static void
test_convolution (void)
{
  const FixtureVariable golden[] = {{"x", TN_SHAPE (2, 3, 7, 5), 0, FALSE},
                                    {"w", TN_SHAPE (4, 3, 3, 4), 0, FALSE},
                                    {"b", TN_SHAPE (4), 0, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint frozen = 0; frozen < 3; frozen++)
      {
        const TnWindow *window = &cases[i].window;
        const FixtureVariable small[] = {{"x", TN_SHAPE (cases[i].n, cases[i].channels, cases[i].height, cases[i].width), 1.0,
                                          frozen == 1},
                                         {"w", TN_SHAPE (cases[i].out, cases[i].channels, window->size[0], window->size[1]), 1.0,
                                          frozen == 2},
                                         {"b", TN_SHAPE (cases[i].out), 1.0, FALSE}};
        const FixtureVariable rows[] = {small[0],
                                        {"w", TN_SHAPE (cases[i].out, cases[i].channels * window->size[0] * window->size[1]), 1.0,
                                         frozen == 2},
                                        small[2]};

        fixture_check_gradients (build_conv, small, 3, (gpointer) window, 1e-8);
        fixture_check_gradients (build_conv, rows, 3, (gpointer) window, 1e-8);
        fixture_check_float32 (build_conv, small, 3, (gpointer) window, 1e-5);
      }
  torch_golden_check ("conv2d", build_conv, golden, 3, (gpointer) &golden_conv);
}

/* More images than parts of the batch; rows of windows in several blocks. */
static void
test_large (void)
{
  static const TnWindow windows[] = {{{3, 3}, {1, 1}, {1, 1}}, {{5, 5}, {2, 2}, {2, 2}}};
  const FixtureVariable many[] = {{"x", TN_SHAPE (19, 5, 28, 27), 1.0, FALSE},
                                  {"w", TN_SHAPE (17, 5, 3, 3), 0.3, FALSE},
                                  {"b", TN_SHAPE (17), 1.0, FALSE}};
  const FixtureVariable wide[] = {{"x", TN_SHAPE (2, 24, 97, 95), 1.0, FALSE},
                                  {"w", TN_SHAPE (6, 24, 5, 5), 0.1, FALSE},
                                  {"b", TN_SHAPE (6), 1.0, FALSE}};
  const FixtureVariable same[] = {{"x", TN_SHAPE (3, 7, 41, 67), 1.0, FALSE},
                                  {"w", TN_SHAPE (7, 7, 3, 3), 0.2, FALSE},
                                  {"b", TN_SHAPE (7), 1.0, FALSE}};
  const FixtureVariable same_small[] = {{"x", TN_SHAPE (2, 2, 4, 3), 1.0, FALSE},
                                        {"w", TN_SHAPE (2, 2, 3, 3), 1.0, FALSE},
                                        {"b", TN_SHAPE (2), 1.0, FALSE}};

  fixture_check_float32 (build_conv, many, 3, (gpointer) &windows[0], 1e-5);
  fixture_check_float32 (build_conv, wide, 3, (gpointer) &windows[1], 1e-5);
  fixture_check_gradients (build_two, same_small, 3, (gpointer) &windows[0], 1e-8);
  fixture_check_float32 (build_two, same, 3, (gpointer) &windows[0], 1e-5);
}

typedef struct
{
  const char *name;
  TnValue *(*func) (TnTape *tape, TnValue *x, const TnWindow *window);
  const TnWindow *window;
} Pool;

static TnValue *
build_pool (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Pool *pool = user_data;

  return pool->func (tape, tn_tape_variable (tape, variables[0]), pool->window);
}

static TnValue *
build_pools (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Pool *pool = user_data;
  TnValue *x = tn_tape_variable (tape, variables[0]), *y = pool->func (tape, x, pool->window);

  return tn_tape_add (tape, tn_tape_multiply (tape, y, y), pool->func (tape, tn_tape_scale (tape, x, -1.0), pool->window));
}

static TnValue *
global_pool (TnTape *tape, TnValue *x, G_GNUC_UNUSED const TnWindow *window)
{
  return tn_tape_global_average_pool (tape, x);
}

static void
test_pools (void)
{
  Pool pools[] = {{"max-pool", tn_tape_max_pool, NULL},
                  {"average-pool", tn_tape_average_pool, NULL},
                  {"global-average-pool", global_pool, NULL}};
  const FixtureVariable golden[] = {{"x", TN_SHAPE (2, 3, 7, 5), 0, FALSE}};
  const FixtureVariable large[] = {{"x", TN_SHAPE (3, 5, 37, 41), 1.0, FALSE}};

  for (guint p = 0; p < G_N_ELEMENTS (pools); p++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
        {
          const FixtureVariable small[] = {
              {"x", TN_SHAPE (cases[i].n, cases[i].channels, cases[i].height, cases[i].width), 1.0, FALSE}};

          pools[p].window = &cases[i].window;
          fixture_check_gradients (build_pools, small, 1, &pools[p], 1e-8);
        }
      pools[p].window = &golden_pool;
      fixture_check_float32 (build_pools, large, 1, &pools[p], 1e-5);
      torch_golden_check (pools[p].name, build_pool, golden, 1, &pools[p]);
    }
}

static void
assert_fails (const TnShape *x, const TnShape *weight, const TnWindow *window, const char *message)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;

  tn_tape_conv2d (tape, tn_tape_input (tape, TN_VALUE_FLOAT, x), tn_tape_input (tape, TN_VALUE_FLOAT, weight), NULL, window);
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_nonnull (error);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_errors (void)
{
  const TnWindow window = {{3, 3}, {1, 1}, {0, 0}}, still = {{3, 3}, {1, 0}, {0, 0}}, far = {{3, 3}, {1, 1}, {3, 0}};

  assert_fails (&TN_SHAPE (2, 3), &TN_SHAPE (2, 1, 3, 3), &window, "conv2d: x is [2, 3], expected 4 dimensions");
  assert_fails (&TN_SHAPE (1, 2, 4, 4), &TN_SHAPE (2, 1, 3, 3), &window, "conv2d: weight is [2, 1, 3, 3], expected [2, 2, 3, 3]");
  assert_fails (&TN_SHAPE (1, 2, 4, 4), &TN_SHAPE (2, 9), &window, "conv2d: weight is [2, 9], expected [2, 18]");
  assert_fails (&TN_SHAPE (1, 2, 4, 2), &TN_SHAPE (2, 2, 3, 3), &window,
                "conv2d: width: 2 with padding 0, expected at least the window's 3");
  assert_fails (&TN_SHAPE (1, 2, 4, 4), &TN_SHAPE (2, 2, 3, 3), &still,
                "conv2d: width: window 3, stride 0, padding 0, expected 1 or more, and padding less than the window");
  assert_fails (&TN_SHAPE (1, 2, 4, 4), &TN_SHAPE (2, 2, 3, 3), &far,
                "conv2d: height: window 3, stride 1, padding 3, expected 1 or more, and padding less than the window");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/convolution/small", test_convolution);
  g_test_add_func ("/convolution/large", test_large);
  g_test_add_func ("/convolution/pools", test_pools);
  g_test_add_func ("/convolution/errors", test_errors);
  return g_test_run ();
}
