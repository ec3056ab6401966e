/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/quantizer-state.h"

#include <math.h>

TnQuantizerState *
tn_quantizer_state_new (gsize count, gboolean counts_flips)
{
  TnQuantizerState *self = g_new0 (TnQuantizerState, 1);

  self->count = count;
  self->every = 1;
  self->previous_bytes = counts_flips ? MAX (count, 1) * sizeof (gint16) : 0;
  self->previous = g_malloc0 (self->previous_bytes);
  return self;
}

void
tn_quantizer_state_free (TnQuantizerState *self)
{
  g_free (self->previous);
  g_free (self);
}

void
tn_quantizer_state_set_every (TnQuantizerState *self, guint64 every)
{
  self->every = MAX (every, 1);
}

static gboolean
is_due (const TnQuantizerState *self, guint64 step)
{
  return step % self->every == 0 || (self->previous != NULL && (step + 1) % self->every == 0);
}

static double
get_fraction (const TnQuantizerState *self, guint64 n)
{
  return self->count > 0 ? (double) n / (double) self->count : 0.0;
}

double
tn_quantizer_state_get_zeros (const TnQuantizerState *self)
{
  return get_fraction (self, self->zeros);
}

double
tn_quantizer_state_get_saturated (const TnQuantizerState *self)
{
  return get_fraction (self, self->saturated);
}

double
tn_quantizer_state_get_flips (const TnQuantizerState *self)
{
  return get_fraction (self, self->flips);
}

double
tn_quantizer_state_get_sqnr_db (const TnQuantizerState *self)
{
  return self->error_square > 0.0 ? 10.0 * log10 (self->square / self->error_square) : (double) INFINITY;
}

gboolean
tn_quantizer_state_begin (TnQuantizerState *self, guint64 step, gboolean again)
{
  if (self == NULL || again || !is_due (self, step) || (self->counted && self->step == step))
    return FALSE;
  self->has_flips = self->counted && self->previous != NULL && step == self->step + 1;
  self->counted = TRUE;
  self->step = step;
  self->zeros = self->positives = self->saturated = self->flips = 0;
  self->scale = self->square = self->error_square = 0.0;
  return TRUE;
}
