/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/variant.h"
#include "engine/qat/optimizer-private.h"

static guint
list_state (const TnVariable *variable, const TnOptimizerOptions *options, TnStateArray *arrays)
{
  if (options->momentum == 0.0)
    return 0;
  arrays[0] = (TnStateArray){"momentum", TN_DTYPE_F32, variable->count, TRUE, NULL};
  return 1;
}

static void
prepare (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors)
{
  factors->l2 = (float) decay;
  factors->rate = (float) rate;
  factors->beta1 = (float) options->momentum;
  factors->nesterov = options->nesterov;
}

TN_KERNEL_INLINE void
update_without_momentum (float *restrict value, const float *restrict gradient, gsize n, const TnUpdateFactors *factors)
{
  const TnUpdateFactors f = *factors;

  for (gsize i = 0; i < n; i++)
    {
      float g = TN_LIMITED_GRADIENT (gradient, i, f.gradient_scale, f.gradient_limit) + f.l2 * value[i];

      value[i] -= f.rate * g;
    }
}

TN_KERNEL_INLINE void
update_with_momentum (float *restrict value, const float *restrict gradient, float *restrict momentum, gsize n,
                      const TnUpdateFactors *factors)
{
  const TnUpdateFactors f = *factors;
  /* of g and of b in what is subtracted */
  const float now = f.nesterov ? 1.0f : 0.0f, before = f.nesterov ? f.beta1 : 1.0f;

  for (gsize i = 0; i < n; i++)
    {
      float g = TN_LIMITED_GRADIENT (gradient, i, f.gradient_scale, f.gradient_limit) + f.l2 * value[i];
      float b = f.beta1 * momentum[i] + g;

      momentum[i] = b;
      value[i] -= f.rate * (now * g + before * b);
    }
}

TN_KERNEL_INLINE void
tn_sgd_update_body (float *value, const float *gradient, float *momentum, gsize n, const TnUpdateFactors *factors)
{
  if (momentum == NULL)
    update_without_momentum (value, gradient, n, factors);
  else
    update_with_momentum (value, gradient, momentum, n, factors);
}

TN_KERNEL_DEFINE (tn_sgd_update, (float *value, const float *gradient, float *momentum, gsize n, const TnUpdateFactors *factors),
                  (value, gradient, momentum, n, factors))

static void
update_block (const TnSlot *slot, TnSlotBlock block)
{
  float *value = slot->variable->data, *momentum = slot->n_arrays > 0 ? slot->arrays[0].data : NULL;

  tn_sgd_update (value + block.first, slot->gradient + block.first, momentum != NULL ? momentum + block.first : NULL, block.n,
                 &slot->factors);
}

const TnOptimizerClass tn_optimizer_sgd = {.list_state = list_state, .prepare = prepare, .update_block = update_block};
