/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/optimizer.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/sum-squares.h"
#include "engine/kernels/variant.h"
#include "engine/qat/optimizer-state.h"

/* Blocks a thread takes at once: neighbours, so that it reads on where it was. */
#define CHUNK 4

const TnOptimizerClass *
tn_optimizer_choose (const TnVariable *variable, const TnOptimizerOptions *options)
{
  gboolean large = variable->count >= options->least_8bit;

  switch (options->method)
    {
    case TN_OPTIMIZER_SGD:
      return &tn_optimizer_sgd;
    case TN_OPTIMIZER_ADAM:
      return &tn_optimizer_adam;
    case TN_OPTIMIZER_ADAMW8:
      return large && (variable->role != TN_ROLE_EMBEDDING || options->embeddings_8bit) ? &tn_optimizer_adamw8
                                                                                        : &tn_optimizer_adamw;
    case TN_OPTIMIZER_MUON:
      return tn_muon_takes (variable) ? &tn_optimizer_muon : &tn_optimizer_adamw;
    default:
      return &tn_optimizer_adamw;
    }
}

void
tn_optimizer_clip_latents (TnOptimizer *self, TnVariable *variable, double limit, const float *scales, gsize group)
{
  TnSlot *slot = tn_optimizer_find_slot (self, variable);

  g_return_if_fail (slot != NULL && limit > 0.0 && (scales == NULL || group > 0));
  slot->latent_limit = limit;
  slot->latent_scales = scales;
  slot->latent_group = group;
}

void tn_optimizer_clamp (float *x, gsize n, float limit);

TN_KERNEL_INLINE void
tn_optimizer_clamp_body (float *x, gsize n, float limit)
{
  for (gsize i = 0; i < n; i++)
    {
      float value = x[i] > limit ? limit : x[i];

      x[i] = value < -limit ? -limit : value;
    }
}

TN_KERNEL_DEFINE (tn_optimizer_clamp, (float *x, gsize n, float limit), (x, n, limit))

static void
clip_block (const TnSlot *slot, TnSlotBlock block)
{
  float *x = slot->variable->data;
  gsize end = block.first + block.n;

  if (slot->latent_scales == NULL)
    {
      tn_optimizer_clamp (x + block.first, block.n, (float) slot->latent_limit);
      return;
    }
  for (gsize first = block.first; first < end;)
    {
      gsize group = first / slot->latent_group, n = MIN (end - first, slot->latent_group - first % slot->latent_group);

      tn_optimizer_clamp (x + first, n, (float) (slot->latent_limit * (double) slot->latent_scales[group]));
      first += n;
    }
}

static void
prepare_slot (TnOptimizer *self, TnSlot *slot, const float *gradient, const TnUpdate *update)
{
  const TnOptimizerGroup *group = &self->options.groups[slot->variable->role];
  double decay = group->decays ? self->options.weight_decay * update->decay_factor : 0.0;
  guint64 *number = &self->updates[slot - self->slots];

  slot->gradient = gradient;
  if (gradient == NULL)
    return;
  ++*number;
  slot->factors = (TnUpdateFactors){
      .gradient_scale = (float) update->gradient_scale,
      .gradient_limit = (float) update->gradient_limit,
      .keep = 1.0f,
  };
  slot->method->prepare (&self->options, *number, update->rate * group->rate_factor, decay, &slot->factors);
  slot->measured = update->measure;
  slot->square_sum = 0.0;
}

static void
take_block (const TnOptimizer *self, TnListedBlock *listed, gboolean measure)
{
  const TnSlot *slot = &self->slots[listed->slot];

  if (slot->gradient == NULL)
    return;
  if (measure)
    tn_sum_squares (slot->gradient + listed->block.first, listed->block.n, &listed->square_sum);
  if (slot->method->update_block != NULL)
    {
      slot->method->update_block (slot, listed->block);
      if (slot->latent_limit < (double) INFINITY)
        clip_block (slot, listed->block);
    }
}

/* Blocks first .. first + n of the list. */
static void
take_blocks (TnOptimizer *self, gsize first, gsize n, gboolean measure)
{
  int threads = n == 1 ? 1 : (int) tn_device_get_threads ();

#pragma omp parallel for schedule(dynamic, CHUNK) num_threads(threads)
  for (gsize i = first; i < first + n; i++)
    take_block (self, &self->blocks[i], measure);
}

static void
finish_slot (TnOptimizer *self, TnSlot *slot)
{
  if (slot->gradient == NULL)
    return;
  for (gsize i = 0; slot->measured && i < slot->n_blocks; i++)
    slot->square_sum += self->blocks[slot->first_block + i].square_sum;
  if (slot->method->update_whole != NULL)
    {
      slot->method->update_whole (slot, &self->scratch);
      for (gsize i = 0; slot->latent_limit < (double) INFINITY && i < slot->n_blocks; i++)
        clip_block (slot, self->blocks[slot->first_block + i].block);
    }
  slot->gradient = NULL;
}

void
tn_optimizer_step (TnOptimizer *self, const TnUpdate *update)
{
  for (guint i = 0; i < self->n_slots; i++)
    prepare_slot (self, &self->slots[i], self->slots[i].variable->gradient, update);
  take_blocks (self, 0, self->n_blocks, update->measure);
  for (guint i = 0; i < self->n_slots; i++)
    finish_slot (self, &self->slots[i]);
}

void
tn_optimizer_update (TnOptimizer *self, TnVariable *variable, const void *gradient, const TnUpdate *update)
{
  TnSlot *slot = tn_optimizer_find_slot (self, variable);

  if (slot == NULL)
    return;
  prepare_slot (self, slot, gradient, update);
  take_blocks (self, slot->first_block, slot->n_blocks, update->measure);
  finish_slot (self, slot);
}

double
tn_optimizer_take_norm (TnOptimizer *self)
{
  gboolean any = FALSE;
  double sum = 0.0;

  for (guint i = 0; i < self->n_slots; i++)
    {
      TnSlot *slot = &self->slots[i];

      any = any || slot->measured;
      sum += slot->measured ? slot->square_sum : 0.0;
      slot->measured = FALSE;
    }
  return any ? sqrt (sum) : (double) NAN;
}
