/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* TnSchedule: the learning rate, the weight decay and the share of quantization of a step of training, as pure functions of its number.
 * A plain struct; any thread may ask.
 *
 * Steps count from 0. Where there is a warm-up of w steps, the rate of step s < w is rate (s + 1) / w. After it, with
 * t = (s - w) / (steps - w), which ends at 1, and f = final_ratio:
 *
 *   constant              rate
 *   linear                rate (1 + (f - 1) t)
 *   exponential           rate decay_factor^((s - w) / decay_steps)
 *   step                  rate decay_factor^floor ((s - w) / decay_steps)
 *   cosine                rate (f + (1 - f) (1 + cos (pi t)) / 2), without warm-up   Loshchilov, Hutter 2016, arXiv:1608.03983
 *   warmup-cosine         the same after a warm-up
 *   warmup-stable-decay   rate, and in the last decay_fraction of the steps down to f rate in the form of decay_shape, with u from 0 to 1:
 *                         linear 1 - u, cosine (1 + cos (pi u)) / 2, sqrt 1 - sqrt u   Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024,
 *                         arXiv:2405.18392
 *   two-stage             linear, and from switch_at of the steps on the line of the rate second_ratio rate, which is a fall; weight decay is 0
 *                         from decay_until of the steps on   The Era of 1-bit LLMs: Training Tips, Code and FAQ, 2024
 *
 * exponential and step never fall below f rate. What comes after the last step is as the last. */
typedef enum
{
  TN_SCHEDULE_CONSTANT,
  TN_SCHEDULE_LINEAR,
  TN_SCHEDULE_EXPONENTIAL,
  TN_SCHEDULE_STEP,
  TN_SCHEDULE_COSINE,
  TN_SCHEDULE_WARMUP_COSINE,
  TN_SCHEDULE_WARMUP_STABLE_DECAY,
  TN_SCHEDULE_TWO_STAGE,
  TN_N_SCHEDULES
} TnScheduleKind;

typedef enum
{
  TN_DECAY_LINEAR,
  TN_DECAY_COSINE,
  TN_DECAY_SQRT,
  TN_N_DECAY_SHAPES
} TnDecayShape;

/* In brackets: the name of the field in texts where it is another, and what tn_schedule_init() sets. */
typedef struct
{
  TnScheduleKind kind;
  double         rate;           /* the highest [0.001] */
  guint64        steps;          /* of the whole training [1000] */
  guint64        warmup_steps;   /* [0; warmup-cosine, warmup-stable-decay and two-stage: a fiftieth of the steps unless it is set] */
  double         final_ratio;    /* last rate / rate [0] */
  double         decay_factor;   /* exponential, step [0.1] */
  guint64        decay_steps;    /* exponential, step [a third of the steps unless it is set] */
  double         decay_fraction; /* warmup-stable-decay [0.33] */
  TnDecayShape   decay_shape;    /* warmup-stable-decay [linear] */
  double         switch_at;      /* two-stage: a fraction of the steps [0.5] */
  double         second_ratio;   /* two-stage: rate of the second line / rate [2/3] */
  double         decay_until;    /* fraction of the steps in which weights decay [1; two-stage: 0.5] */
  guint64        lambda_steps;   /* the share of quantization grows from 0 to 1 in these [0: it is 1 from the start] */
  guint          given;          /* private: which fields tn_schedule_set() has set */
} TnSchedule;

/* The defaults of the kind. */
void        tn_schedule_init     (TnSchedule *self, TnScheduleKind kind);
/* "constant", "linear", …: TN_ERROR_ARGUMENT lists what there is. */
gboolean    tn_schedule_kind_parse (const char *name, TnScheduleKind *kind, GError **error);
const char *tn_schedule_kind_get_name (TnScheduleKind kind);
const char *tn_decay_shape_get_name (TnDecayShape shape);
/* A field by its name ("warmup-steps") and a text. TN_ERROR_NOT_FOUND: no such field; TN_ERROR_ARGUMENT: not a number, out of its range, or
 * this kind has no such field. The message names the field, what was found and what was expected. */
gboolean    tn_schedule_set      (TnSchedule *self, const char *field, const char *value, GError **error);
/* What fields mean together, and fills in those that follow from others: to be called once all are set, before rates are asked for.
 * TN_ERROR_ARGUMENT. */
gboolean    tn_schedule_finish   (TnSchedule *self, GError **error);
/* The name of field i and whether the kind has it; NULL behind the last. */
const char *tn_schedule_get_field (TnScheduleKind kind, guint i, gboolean *has);
/* The value of a field as a text that tn_schedule_set() takes; NULL where there is no such field, or it
 * follows from the number of steps and was not set. Free with g_free(). */
char       *tn_schedule_get      (const TnSchedule *self, const char *field);

double      tn_schedule_get_rate (const TnSchedule *self, guint64 step);
/* 0 or 1: what the weight decay is multiplied by. */
double      tn_schedule_get_decay (const TnSchedule *self, guint64 step);
/* 0 to 1: x + lambda (Q(x) - x) is what a layer sees, step / lambda_steps at most 1. */
double      tn_schedule_get_lambda (const TnSchedule *self, guint64 step);

G_END_DECLS
