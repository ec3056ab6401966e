/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/schedule.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "engine/error.h"
#include "engine/number-text.h"

#define KIND(name) (1u << TN_SCHEDULE_##name)
#define ALL_KINDS ((1u << TN_N_SCHEDULES) - 1)
#define FALLING (KIND (LINEAR) | KIND (COSINE) | KIND (WARMUP_COSINE) | KIND (WARMUP_STABLE_DECAY) | KIND (TWO_STAGE))
#define BY_FACTOR (KIND (EXPONENTIAL) | KIND (STEP))
/* Steps are counted in doubles exactly. */
#define MOST_STEPS ((guint64) 1 << 53)
#define WARMUP_PART 50
#define DECAY_PART 3

static const char *const kind_names[TN_N_SCHEDULES] = {"constant", "linear",        "exponential",         "step",
                                                       "cosine",   "warmup-cosine", "warmup-stable-decay", "two-stage"};
static const char *const shape_names[TN_N_DECAY_SHAPES] = {"linear", "cosine", "sqrt"};

typedef enum
{
  FIELD_RATE,
  FIELD_STEPS,
  FIELD_WARMUP_STEPS,
  FIELD_FINAL_RATIO,
  FIELD_DECAY_FACTOR,
  FIELD_DECAY_STEPS,
  FIELD_DECAY_FRACTION,
  FIELD_DECAY_SHAPE,
  FIELD_SWITCH_AT,
  FIELD_SECOND_RATIO,
  FIELD_DECAY_UNTIL,
  FIELD_LAMBDA_STEPS,
  N_FIELDS
} Field;

typedef enum
{
  TYPE_NUMBER,
  TYPE_COUNT,
  TYPE_SHAPE,
} FieldType;

static const struct
{
  const char *name;
  FieldType type;
  gsize offset;
  guint kinds;
  double least, most;
  gboolean without_least; /* the least itself is out of range */
} fields[N_FIELDS] = {
    [FIELD_RATE] = {"rate", TYPE_NUMBER, offsetof (TnSchedule, rate), ALL_KINDS, 0.0, 1000.0, FALSE},
    [FIELD_STEPS] = {"steps", TYPE_COUNT, offsetof (TnSchedule, steps), ALL_KINDS, 1.0, 0.0, FALSE},
    [FIELD_WARMUP_STEPS] = {"warmup-steps", TYPE_COUNT, offsetof (TnSchedule, warmup_steps), ALL_KINDS & ~KIND (COSINE), 0.0, 0.0,
                            FALSE},
    [FIELD_FINAL_RATIO] = {"final-ratio", TYPE_NUMBER, offsetof (TnSchedule, final_ratio), FALLING | BY_FACTOR, 0.0, 1.0, FALSE},
    [FIELD_DECAY_FACTOR] = {"decay-factor", TYPE_NUMBER, offsetof (TnSchedule, decay_factor), BY_FACTOR, 0.0, 1.0, TRUE},
    [FIELD_DECAY_STEPS] = {"decay-steps", TYPE_COUNT, offsetof (TnSchedule, decay_steps), BY_FACTOR, 1.0, 0.0, FALSE},
    [FIELD_DECAY_FRACTION] = {"decay-fraction", TYPE_NUMBER, offsetof (TnSchedule, decay_fraction), KIND (WARMUP_STABLE_DECAY),
                              0.0, 1.0, FALSE},
    [FIELD_DECAY_SHAPE] = {"decay-shape", TYPE_SHAPE, offsetof (TnSchedule, decay_shape), KIND (WARMUP_STABLE_DECAY), 0.0, 0.0,
                           FALSE},
    [FIELD_SWITCH_AT] = {"switch-at", TYPE_NUMBER, offsetof (TnSchedule, switch_at), KIND (TWO_STAGE), 0.0, 1.0, FALSE},
    [FIELD_SECOND_RATIO] = {"second-ratio", TYPE_NUMBER, offsetof (TnSchedule, second_ratio), KIND (TWO_STAGE), 0.0, 1.0, FALSE},
    [FIELD_DECAY_UNTIL] = {"decay-until", TYPE_NUMBER, offsetof (TnSchedule, decay_until), ALL_KINDS, 0.0, 1.0, FALSE},
    [FIELD_LAMBDA_STEPS] = {"lambda-steps", TYPE_COUNT, offsetof (TnSchedule, lambda_steps), ALL_KINDS, 0.0, 0.0, FALSE},
};

void
tn_schedule_init (TnSchedule *self, TnScheduleKind kind)
{
  *self = (TnSchedule){
      .kind = kind,
      .rate = 1e-3,
      .steps = 1000,
      .decay_factor = 0.1,
      .decay_fraction = 0.33,
      .switch_at = 0.5,
      .second_ratio = 2.0 / 3.0,
      .decay_until = kind == TN_SCHEDULE_TWO_STAGE ? 0.5 : 1.0,
  };
}

gboolean
tn_schedule_kind_parse (const char *name, TnScheduleKind *kind, GError **error)
{
  g_autofree char *all = NULL;
  GStrvBuilder *builder;
  g_auto (GStrv) names = NULL;

  for (guint i = 0; i < TN_N_SCHEDULES; i++)
    if (strcmp (name, kind_names[i]) == 0)
      {
        *kind = (TnScheduleKind) i;
        return TRUE;
      }
  builder = g_strv_builder_new ();
  for (guint i = 0; i < TN_N_SCHEDULES; i++)
    g_strv_builder_add (builder, kind_names[i]);
  names = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  all = g_strjoinv (", ", names);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("unknown schedule “%s”; there are: %s"), name, all);
  return FALSE;
}

const char *
tn_schedule_kind_get_name (TnScheduleKind kind)
{
  return kind_names[kind];
}

const char *
tn_decay_shape_get_name (TnDecayShape shape)
{
  return shape_names[shape];
}

const char *
tn_schedule_get_field (TnScheduleKind kind, guint i, gboolean *has)
{
  if (i >= N_FIELDS)
    return NULL;
  *has = (fields[i].kinds & 1u << kind) != 0;
  return fields[i].name;
}

static gboolean
set_number (double *member, guint field, const char *text, GError **error)
{
  char *end = NULL;
  double value = g_ascii_strtod (text, &end);
  gboolean low = fields[field].without_least ? !(value > fields[field].least) : !(value >= fields[field].least);

  if (end == text || *end != '\0' || low || !(value <= fields[field].most))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   fields[field].without_least ? _ ("%s = %s: a number above %g and at most %g was expected")
                                               : _ ("%s = %s: a number from %g to %g was expected"),
                   fields[field].name, text, fields[field].least, fields[field].most);
      return FALSE;
    }
  *member = value;
  return TRUE;
}

static gboolean
set_count (guint64 *member, guint field, const char *text, GError **error)
{
  guint64 least = (guint64) fields[field].least, value;

  if (!g_ascii_string_to_unsigned (text, 10, least, MOST_STEPS, &value, NULL))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s = %s: a whole number of %" PRIu64 " or more was expected"),
                   fields[field].name, text, least);
      return FALSE;
    }
  *member = value;
  return TRUE;
}

static gboolean
set_shape (TnDecayShape *member, guint field, const char *text, GError **error)
{
  for (guint i = 0; i < TN_N_DECAY_SHAPES; i++)
    if (strcmp (text, shape_names[i]) == 0)
      {
        *member = (TnDecayShape) i;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s = %s: linear, cosine or sqrt was expected"), fields[field].name, text);
  return FALSE;
}

static gboolean
find_field (const char *name, guint *field)
{
  for (guint i = 0; i < N_FIELDS; i++)
    if (strcmp (name, fields[i].name) == 0)
      {
        *field = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
tn_schedule_set (TnSchedule *self, const char *field, const char *value, GError **error)
{
  guint i;
  gboolean done;
  char *member;

  if (!find_field (field, &i))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("a schedule has no field “%s”"), field);
      return FALSE;
    }
  if ((fields[i].kinds & 1u << self->kind) == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a schedule %s has no such field"), field, kind_names[self->kind]);
      return FALSE;
    }
  member = (char *) self + fields[i].offset;
  switch (fields[i].type)
    {
    case TYPE_NUMBER:
      done = set_number ((double *) (void *) member, i, value, error);
      break;
    case TYPE_COUNT:
      done = set_count ((guint64 *) (void *) member, i, value, error);
      break;
    default:
      done = set_shape ((TnDecayShape *) (void *) member, i, value, error);
    }
  if (done)
    self->given |= 1u << i;
  return done;
}

/* Unless it is said. */
static gboolean
follows_from_steps (guint field)
{
  return field == FIELD_WARMUP_STEPS || field == FIELD_DECAY_STEPS;
}

char *
tn_schedule_get (const TnSchedule *self, const char *field)
{
  const char *member;
  guint i;

  if (!find_field (field, &i) || (follows_from_steps (i) && (self->given & 1u << i) == 0))
    return NULL;
  member = (const char *) self + fields[i].offset;
  switch (fields[i].type)
    {
    case TYPE_NUMBER:
      return tn_number_to_text (*(const double *) (const void *) member);
    case TYPE_COUNT:
      return g_strdup_printf ("%" PRIu64, *(const guint64 *) (const void *) member);
    default:
      return g_strdup (shape_names[*(const TnDecayShape *) (const void *) member]);
    }
}

static gboolean
has_warmup (TnScheduleKind kind)
{
  return kind == TN_SCHEDULE_WARMUP_COSINE || kind == TN_SCHEDULE_WARMUP_STABLE_DECAY || kind == TN_SCHEDULE_TWO_STAGE;
}

gboolean
tn_schedule_finish (TnSchedule *self, GError **error)
{
  if (has_warmup (self->kind) && (self->given & 1u << FIELD_WARMUP_STEPS) == 0)
    self->warmup_steps = self->steps / WARMUP_PART;
  if ((self->given & 1u << FIELD_DECAY_STEPS) == 0)
    self->decay_steps = MAX (self->steps / DECAY_PART, 1);
  if (self->warmup_steps >= self->steps && self->warmup_steps > 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("warmup-steps = %" PRIu64 ": fewer than the %" PRIu64 " steps were expected"), self->warmup_steps,
                   self->steps);
      return FALSE;
    }
  if (self->kind == TN_SCHEDULE_WARMUP_STABLE_DECAY &&
      (double) self->warmup_steps > (1.0 - self->decay_fraction) * (double) self->steps)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("decay-fraction = %g: no more than what %" PRIu64 " of %" PRIu64 " steps of warm-up leave was expected"),
                   self->decay_fraction, self->warmup_steps, self->steps);
      return FALSE;
    }
  return TRUE;
}

/* 1 at 0, f at 1. */
static double
fall (double f, double t)
{
  return 1.0 + (f - 1.0) * t;
}

static double
fall_as_cosine (double f, double t)
{
  return f + (1.0 - f) * 0.5 * (1.0 + cos (G_PI * t));
}

static double
get_tail (const TnSchedule *self, double step)
{
  double length = self->decay_fraction * (double) self->steps, u = (step - ((double) self->steps - length)) / length;

  if (!(u > 0.0))
    return 1.0;
  switch (self->decay_shape)
    {
    case TN_DECAY_COSINE:
      return fall_as_cosine (self->final_ratio, u);
    case TN_DECAY_SQRT:
      return fall (self->final_ratio, sqrt (u));
    default:
      return fall (self->final_ratio, u);
    }
}

static gboolean
is_past (const TnSchedule *self, double step, double fraction)
{
  return step >= fraction * (double) self->steps;
}

double
tn_schedule_get_rate (const TnSchedule *self, guint64 step)
{
  double s = (double) MIN (step, self->steps), done = s - (double) self->warmup_steps;
  double t = done / ((double) self->steps - (double) self->warmup_steps);

  if (step < self->warmup_steps)
    return self->rate * ((double) step + 1.0) / (double) self->warmup_steps;
  switch (self->kind)
    {
    case TN_SCHEDULE_LINEAR:
      return self->rate * fall (self->final_ratio, t);
    case TN_SCHEDULE_EXPONENTIAL:
      return self->rate * fmax (pow (self->decay_factor, done / (double) self->decay_steps), self->final_ratio);
    case TN_SCHEDULE_STEP:
      return self->rate * fmax (pow (self->decay_factor, floor (done / (double) self->decay_steps)), self->final_ratio);
    case TN_SCHEDULE_COSINE:
    case TN_SCHEDULE_WARMUP_COSINE:
      return self->rate * fall_as_cosine (self->final_ratio, t);
    case TN_SCHEDULE_WARMUP_STABLE_DECAY:
      return self->rate * get_tail (self, s);
    case TN_SCHEDULE_TWO_STAGE:
      return self->rate * (is_past (self, s, self->switch_at) ? self->second_ratio : 1.0) * fall (self->final_ratio, t);
    default:
      return self->rate;
    }
}

double
tn_schedule_get_decay (const TnSchedule *self, guint64 step)
{
  return self->decay_until < 1.0 && is_past (self, (double) step, self->decay_until) ? 0.0 : 1.0;
}

double
tn_schedule_get_lambda (const TnSchedule *self, guint64 step)
{
  return step >= self->lambda_steps ? 1.0 : (double) step / (double) self->lambda_steps;
}
