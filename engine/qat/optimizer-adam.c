/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/kernels/variant.h"
#include "engine/qat/optimizer-private.h"

static guint
list_state (const TnVariable *variable, const TnOptimizerOptions *options, TnStateArray *arrays)
{
  arrays[0] = (TnStateArray){"moment1", TN_DTYPE_F32, variable->count, TRUE, NULL};
  arrays[1] = (TnStateArray){"moment2", TN_DTYPE_F32, variable->count, TRUE, NULL};
  return 2;
}

static void
prepare_moments (const TnOptimizerOptions *options, guint64 number, double rate, TnUpdateFactors *factors)
{
  double s = (double) number;

  factors->rate = (float) (rate / (1.0 - pow (options->beta1, s)));
  factors->beta1 = (float) options->beta1;
  factors->rest1 = (float) (1.0 - options->beta1);
  factors->beta2 = (float) options->beta2;
  factors->rest2 = (float) (1.0 - options->beta2);
  factors->root_factor = (float) (1.0 / sqrt (1.0 - pow (options->beta2, s)));
  factors->epsilon = (float) options->epsilon;
}

static void
prepare_adam (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors)
{
  prepare_moments (options, number, rate, factors);
  factors->l2 = (float) decay;
}

static void
prepare_adamw (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors)
{
  prepare_moments (options, number, rate, factors);
  factors->keep = (float) (1.0 - rate * decay);
}

TN_KERNEL_INLINE void
update (float *restrict value, const float *restrict gradient, float *restrict moment1, float *restrict moment2, gsize n,
        const TnUpdateFactors *factors)
{
  const TnUpdateFactors f = *factors;

  for (gsize i = 0; i < n; i++)
    {
      float g = TN_LIMITED_GRADIENT (gradient, i, f.gradient_scale, f.gradient_limit) + f.l2 * value[i];
      float m = f.beta1 * moment1[i] + f.rest1 * g, v = f.beta2 * moment2[i] + f.rest2 * (g * g);

      moment1[i] = m;
      moment2[i] = v;
      value[i] = f.keep * value[i] - f.rate * m / (sqrtf (v) * f.root_factor + f.epsilon);
    }
}

TN_KERNEL_INLINE void
tn_adam_update_body (float *value, const float *gradient, float *moment1, float *moment2, gsize n, const TnUpdateFactors *factors)
{
  update (value, gradient, moment1, moment2, n, factors);
}

TN_KERNEL_DEFINE (tn_adam_update,
                  (float *value, const float *gradient, float *moment1, float *moment2, gsize n, const TnUpdateFactors *factors),
                  (value, gradient, moment1, moment2, n, factors))

static void
update_block (const TnSlot *slot, TnSlotBlock block)
{
  float *value = slot->variable->data, *moment1 = slot->arrays[0].data, *moment2 = slot->arrays[1].data;

  tn_adam_update (value + block.first, slot->gradient + block.first, moment1 + block.first, moment2 + block.first, block.n,
                  &slot->factors);
}

const TnOptimizerClass tn_optimizer_adam = {.list_state = list_state, .prepare = prepare_adam, .update_block = update_block};
const TnOptimizerClass tn_optimizer_adamw = {.list_state = list_state, .prepare = prepare_adamw, .update_block = update_block};
