/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/variant.h"
#include "engine/qat/newton-schulz.h"
#include "engine/qat/optimizer-private.h"

/* [out, everything else]. */
static gsize
count_rows (const TnVariable *variable)
{
  return variable->shape.dims[0];
}

static gsize
count_columns (const TnVariable *variable)
{
  return variable->count / variable->shape.dims[0];
}

gboolean
tn_muon_takes (const TnVariable *variable)
{
  return variable->role == TN_ROLE_MATRIX && variable->shape.n_dims >= 2 && variable->count > 0;
}

/* Before what Newton and Schulz need: u. */
static gsize
count_matrix (const TnVariable *variable)
{
  return (variable->count + 15) / 16 * 16;
}

gsize
tn_muon_count_scratch (const TnVariable *variable, guint threads)
{
  return count_matrix (variable) + tn_newton_schulz_count (count_rows (variable), count_columns (variable), threads);
}

static guint
list_state (const TnVariable *variable, const TnOptimizerOptions *options, TnStateArray *arrays)
{
  arrays[0] = (TnStateArray){"momentum", TN_DTYPE_F32, variable->count, TRUE, NULL};
  return 1;
}

static void
prepare (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors)
{
  factors->rate = (float) rate;
  factors->keep = (float) (1.0 - rate * decay);
  factors->beta1 = (float) options->momentum;
  factors->rest1 = (float) (1.0 - options->momentum);
  factors->nesterov = options->nesterov;
}

void tn_muon_mix (const float *gradient, float *momentum, float *out, gsize n, const TnUpdateFactors *factors);
void tn_muon_apply (float *value, const float *direction, gsize n, float keep, float rate);

TN_KERNEL_INLINE void
mix (const float *restrict gradient, float *restrict momentum, float *restrict out, gsize n, const TnUpdateFactors *factors)
{
  const TnUpdateFactors f = *factors;
  /* of b in u */
  const float before = f.nesterov ? f.beta1 : 1.0f;

  for (gsize i = 0; i < n; i++)
    {
      float g = TN_LIMITED_GRADIENT (gradient, i, f.gradient_scale, f.gradient_limit);
      float b = momentum[i] + f.rest1 * (g - momentum[i]);

      momentum[i] = b;
      out[i] = g + before * (b - g);
    }
}

TN_KERNEL_INLINE void
tn_muon_mix_body (const float *gradient, float *momentum, float *out, gsize n, const TnUpdateFactors *factors)
{
  mix (gradient, momentum, out, n, factors);
}

TN_KERNEL_DEFINE (tn_muon_mix, (const float *gradient, float *momentum, float *out, gsize n, const TnUpdateFactors *factors),
                  (gradient, momentum, out, n, factors))

TN_KERNEL_INLINE void
tn_muon_apply_body (float *value, const float *direction, gsize n, float keep, float rate)
{
  for (gsize i = 0; i < n; i++)
    value[i] = keep * value[i] - rate * direction[i];
}

TN_KERNEL_DEFINE (tn_muon_apply, (float *value, const float *direction, gsize n, float keep, float rate),
                  (value, direction, n, keep, rate))

static void
update_whole (const TnSlot *slot, const TnMuonScratch *scratch)
{
  const TnVariable *variable = slot->variable;
  gsize rows = count_rows (variable), columns = count_columns (variable);
  guint threads = MIN (scratch->threads, tn_device_get_threads ());
  float *value = variable->data, *momentum = slot->arrays[0].data, *direction = scratch->floats;
  float rate = slot->factors.rate * sqrtf (fmaxf (1.0f, (float) rows / (float) columns));

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize first = 0; first < variable->count; first += TN_GRADIENT_BLOCK)
    tn_muon_mix (slot->gradient + first, momentum + first, direction + first, MIN (TN_GRADIENT_BLOCK, variable->count - first),
                 &slot->factors);
  tn_newton_schulz (direction, rows, columns, scratch->steps, threads, scratch->floats + count_matrix (variable));
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize first = 0; first < variable->count; first += TN_GRADIENT_BLOCK)
    tn_muon_apply (value + first, direction + first, MIN (TN_GRADIENT_BLOCK, variable->count - first), slot->factors.keep, rate);
}

const TnOptimizerClass tn_optimizer_muon = {.list_state = list_state, .prepare = prepare, .update_whole = update_whole};
