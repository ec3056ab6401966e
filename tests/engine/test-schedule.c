/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/schedule.h"

#include <math.h>

#include "engine/error.h"

#define EPSILON 1e-12

static TnSchedule
make (const char *kind, const char *const *settings)
{
  TnSchedule self;
  TnScheduleKind parsed;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_schedule_kind_parse (kind, &parsed, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (tn_schedule_kind_get_name (parsed), ==, kind);
  tn_schedule_init (&self, parsed);
  for (; *settings != NULL; settings += 2)
    {
      tn_schedule_set (&self, settings[0], settings[1], &error);
      g_assert_no_error (error);
    }
  tn_schedule_finish (&self, &error);
  g_assert_no_error (error);
  return self;
}

#define MAKE(kind, ...) make (kind, (const char *const[]){__VA_ARGS__, NULL})

static void
assert_rates (const TnSchedule *self, const double *expected, guint n)
{
  for (guint i = 0; i < n; i++)
    if (!(fabs (tn_schedule_get_rate (self, i) - expected[i]) < EPSILON))
      g_error ("%s, step %u: %.17g, expected %.17g", tn_schedule_kind_get_name (self->kind), i, tn_schedule_get_rate (self, i),
               expected[i]);
}

/* What PyTorch 1.13 gives: CosineAnnealingLR (T_max 10, eta_min 0.05), ExponentialLR (0.9), StepLR (4, 0.5),
 * LinearLR (1, 0.1, 10), and LinearLR (1/4, 1, 3) for 4 steps before CosineAnnealingLR (8). */
static void
test_torch (void)
{
  static const double cosine[] = {0.5,
                                  0.48898771616640957,
                                  0.45702882373436315,
                                  0.40725168176580645,
                                  0.34452882373436317,
                                  0.275,
                                  0.20547117626563688,
                                  0.1427483182341936,
                                  0.09297117626563686,
                                  0.06101228383359046,
                                  0.05,
                                  0.05};
  static const double exponential[] = {0.5, 0.45, 0.405, 0.3645, 0.32805, 0.295245, 0.2657205, 0.23914845};
  static const double step[] = {0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125};
  static const double linear[] = {0.5, 0.455, 0.41, 0.365, 0.32, 0.275, 0.23, 0.185, 0.14, 0.095, 0.05, 0.05};
  static const double warm[] = {0.125,
                                0.25,
                                0.375,
                                0.5,
                                0.5,
                                0.4809698831278217,
                                0.42677669529663687,
                                0.34567085809127246,
                                0.25,
                                0.15432914190872757,
                                0.07322330470336313};
  TnSchedule self;

  self = MAKE ("cosine", "rate", "0.5", "steps", "10", "final-ratio", "0.1");
  assert_rates (&self, cosine, G_N_ELEMENTS (cosine));
  self = MAKE ("exponential", "rate", "0.5", "steps", "10", "decay-factor", "0.9", "decay-steps", "1");
  assert_rates (&self, exponential, G_N_ELEMENTS (exponential));
  self = MAKE ("step", "rate", "0.5", "steps", "10", "decay-factor", "0.5", "decay-steps", "4");
  assert_rates (&self, step, G_N_ELEMENTS (step));
  self = MAKE ("linear", "rate", "0.5", "steps", "10", "final-ratio", "0.1");
  assert_rates (&self, linear, G_N_ELEMENTS (linear));
  self = MAKE ("warmup-cosine", "rate", "0.5", "steps", "12", "warmup-steps", "4");
  assert_rates (&self, warm, G_N_ELEMENTS (warm));
}

static void
test_constant (void)
{
  const TnSchedule self = MAKE ("constant", "rate", "0.25", "warmup-steps", "2");
  const double expected[] = {0.125, 0.25, 0.25};

  assert_rates (&self, expected, 3);
  g_assert_cmpfloat (tn_schedule_get_rate (&self, G_MAXUINT64), ==, 0.25);
}

/* 100 steps, 10 of warm-up, the last 20 fall to a tenth. */
static void
test_warmup_stable_decay (void)
{
  static const char *const shapes[] = {"linear", "cosine", "sqrt"};

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      const TnSchedule self = MAKE ("warmup-stable-decay", "rate", "2", "steps", "100", "warmup-steps", "10", "decay-fraction",
                                    "0.2", "decay-shape", shapes[i], "final-ratio", "0.1");

      for (guint s = 0; s < 110; s++)
        {
          double u = (MIN (s, 100) - 80.0) / 20.0, g, expected;

          g = i == 0 ? 1.0 - u : i == 1 ? 0.5 * (1.0 + cos (G_PI * u)) : 1.0 - sqrt (fmax (u, 0.0));
          expected = s < 10 ? 2.0 * (s + 1) / 10.0 : s <= 80 ? 2.0 : 2.0 * (0.1 + 0.9 * g);
          g_assert_cmpfloat_with_epsilon (tn_schedule_get_rate (&self, s), expected, EPSILON);
        }
    }
}

/* The 700M recipe of BitNet b1.58: 1.5e-3 falls to the line of 1e-3 at half, weight decay ends there. */
static void
test_two_stage (void)
{
  const TnSchedule self = MAKE ("two-stage", "rate", "1.5e-3", "steps", "1000", "warmup-steps", "100");

  for (guint s = 0; s < 1100; s++)
    {
      double line = 1.0 - (MIN (s, 1000) - 100.0) / 900.0;
      double expected = s < 100 ? 1.5e-3 * (s + 1) / 100.0 : (s < 500 ? 1.5e-3 : 1e-3) * line;

      g_assert_cmpfloat_with_epsilon (tn_schedule_get_rate (&self, s), expected, 1e-15);
      g_assert_cmpfloat (tn_schedule_get_decay (&self, s), ==, s < 500 ? 1.0 : 0.0);
    }
}

static void
test_factors (void)
{
  TnSchedule self = MAKE ("linear", "steps", "300", "decay-until", "0.5", "lambda-steps", "7");

  g_assert_cmpfloat (tn_schedule_get_decay (&self, 149), ==, 1.0);
  g_assert_cmpfloat (tn_schedule_get_decay (&self, 150), ==, 0.0);
  for (guint s = 0; s < 20; s++)
    g_assert_cmpfloat (tn_schedule_get_lambda (&self, s), ==, s < 7 ? s / 7.0 : 1.0);
  tn_schedule_init (&self, TN_SCHEDULE_COSINE);
  g_assert_cmpfloat (tn_schedule_get_lambda (&self, 0), ==, 1.0);
  g_assert_cmpfloat (tn_schedule_get_decay (&self, 1000), ==, 1.0);
}

static void
test_defaults (void)
{
  TnSchedule self = MAKE ("two-stage", "steps", "500");

  g_assert_cmpuint (self.warmup_steps, ==, 10);
  self = MAKE ("two-stage", "steps", "500", "warmup-steps", "0");
  g_assert_cmpuint (self.warmup_steps, ==, 0);
  self = MAKE ("step", "steps", "2");
  g_assert_cmpuint (self.decay_steps, ==, 1);
  /* One step of each kind is a positive rate. */
  for (guint kind = 0; kind < TN_N_SCHEDULES; kind++)
    {
      self = MAKE (tn_schedule_kind_get_name (kind), "steps", "1");
      g_assert_cmpfloat (tn_schedule_get_rate (&self, 0), >, 0.0);
      g_assert_true (isfinite (tn_schedule_get_rate (&self, 1)));
    }
}

/* Every field of every kind as a text, and back. */
static void
test_texts (void)
{
  for (guint kind = 0; kind < TN_N_SCHEDULES; kind++)
    {
      TnSchedule self, copy;
      const char *field;
      gboolean has;

      tn_schedule_init (&self, kind);
      self.rate = 1.0 / 3.0;
      self.steps = G_GUINT64_CONSTANT (1) << 53;
      self.decay_shape = TN_DECAY_SQRT;
      g_assert_true (tn_schedule_finish (&self, NULL));
      tn_schedule_init (&copy, kind);
      for (guint i = 0; (field = tn_schedule_get_field (kind, i, &has)) != NULL; i++)
        {
          g_autofree char *text = tn_schedule_get (&self, field), *again = NULL;
          g_autoptr (GError) error = NULL;

          /* Steps of the warm-up and of the decay follow from the others, and so they do after it was read again. */
          if (has && text == NULL)
            continue;
          g_assert_cmpint (tn_schedule_set (&copy, field, text != NULL ? text : "1", &error), ==, has);
          if (!has)
            {
              g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
              continue;
            }
          again = tn_schedule_get (&copy, field);
          g_assert_cmpstr (again, ==, text);
        }
      g_assert_true (tn_schedule_finish (&copy, NULL));
      for (guint64 s = 0; s < 5; s++)
        g_assert_cmpfloat (tn_schedule_get_rate (&self, s << 51), ==, tn_schedule_get_rate (&copy, s << 51));
    }
  g_assert_null (tn_schedule_get (&(TnSchedule){0}, "colour"));
}

static void
test_refused (void)
{
  static const struct
  {
    const char *kind, *field, *value, *says;
  } cases[] = {
      {"linear", "rate", "fast", "rate = fast: a number from 0 to 1000"},
      {"linear", "rate", "-1", "rate = -1: a number from 0"},
      {"linear", "rate", "nan", "rate = nan"},
      {"linear", "rate", "inf", "rate = inf"},
      {"linear", "rate", "", "rate = :"},
      {"linear", "rate", "1e-3x", "rate = 1e-3x"},
      {"linear", "steps", "0", "steps = 0: a whole number of 1 or more"},
      {"linear", "steps", "-5", "steps = -5"},
      {"linear", "steps", "1e3", "steps = 1e3"},
      {"linear", "steps", "99999999999999999999", "steps ="},
      {"step", "decay-factor", "0", "above 0 and at most 1"},
      {"warmup-stable-decay", "decay-shape", "round", "linear, cosine or sqrt"},
      {"cosine", "warmup-steps", "5", "warmup-steps: a schedule cosine has no such field"},
      {"two-stage", "switch-at", "1.5", "switch-at = 1.5: a number from 0 to 1"},
  };
  TnSchedule self;
  TnScheduleKind kind;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnSchedule before;
      g_autoptr (GError) error = NULL;

      g_assert_true (tn_schedule_kind_parse (cases[i].kind, &kind, NULL));
      tn_schedule_init (&self, kind);
      before = self;
      g_assert_false (tn_schedule_set (&self, cases[i].field, cases[i].value, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, cases[i].says));
      g_assert_cmpmem (&self, sizeof self, &before, sizeof before);
    }
  {
    g_autoptr (GError) unknown = NULL, kinds = NULL, warmup = NULL, tail = NULL;

    g_assert_false (tn_schedule_set (&self, "colour", "red", &unknown));
    g_assert_error (unknown, TN_ERROR, TN_ERROR_NOT_FOUND);
    g_assert_false (tn_schedule_kind_parse ("sine", &kind, &kinds));
    g_assert_error (kinds, TN_ERROR, TN_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (kinds->message, "warmup-stable-decay, two-stage"));
    tn_schedule_init (&self, TN_SCHEDULE_LINEAR);
    self.warmup_steps = self.steps = 10;
    g_assert_false (tn_schedule_finish (&self, &warmup));
    g_assert_nonnull (strstr (warmup->message, "warmup-steps = 10"));
    tn_schedule_init (&self, TN_SCHEDULE_WARMUP_STABLE_DECAY);
    g_assert_true (tn_schedule_set (&self, "decay-fraction", "0.99", NULL));
    g_assert_false (tn_schedule_finish (&self, &tail));
    g_assert_nonnull (strstr (tail->message, "decay-fraction = 0.99"));
  }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/torch", test_torch);
  g_test_add_func ("/schedule/constant", test_constant);
  g_test_add_func ("/schedule/warmup-stable-decay", test_warmup_stable_decay);
  g_test_add_func ("/schedule/two-stage", test_two_stage);
  g_test_add_func ("/schedule/factors", test_factors);
  g_test_add_func ("/schedule/defaults", test_defaults);
  g_test_add_func ("/schedule/texts", test_texts);
  g_test_add_func ("/schedule/refused", test_refused);
  return g_test_run ();
}
