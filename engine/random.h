/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Counter-based generator with named streams (SplitMix64 finalizer over key and
 * counter): value i of stream "name" under a seed is a pure function, so a run
 * is reproduced from its seed and two counters are all a checkpoint needs. */
typedef struct
{
  guint64 key;
  guint64 counter;
} TnRandom;

TnRandom tn_random_stream  (guint64 seed, const char *name);
guint64  tn_random_at      (const TnRandom *self, guint64 index);
guint64  tn_random_next    (TnRandom *self);
/* Uniform in [0, 1), 53 bits. */
double   tn_random_uniform (TnRandom *self);
/* Standard normal (Box-Muller, one of the pair). */
double   tn_random_normal  (TnRandom *self);
/* Uniform in [0, bound); bound > 0. */
guint64  tn_random_below   (TnRandom *self, guint64 bound);

G_END_DECLS
