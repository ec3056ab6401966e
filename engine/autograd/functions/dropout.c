/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/dropout.h"

#include <math.h>

#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/random.h"

typedef struct
{
  double rate;
  guint64 seed;
} Attributes;

static gboolean
infer (TnInference *inference, GError **error)
{
  double rate = ((const Attributes *) inference->attributes)->rate;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  if (!(rate >= 0.0 && rate < 1.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "rate is %g, expected at least 0 and less than 1", rate);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  return TRUE;
}

static TnRandom
get_stream (const TnCall *call)
{
  TnRandom stream = tn_random_stream (((const Attributes *) call->attributes)->seed, "dropout");

  stream.key = tn_random_at (&stream, call->step);
  return stream;
}

/* Half of a random number for every element: rates are as fine as 2^-32. */
static inline gboolean
is_kept (const TnRandom *stream, gint64 i, guint64 threshold)
{
  return (tn_random_at (stream, (guint64) i / 2) >> (i % 2 * 32) & G_MAXUINT32) >= threshold;
}

/* out (or +=) = in by the mask. */
static void
run (const TnCall *call, const void *in, void *out, gboolean adds)
{
  double rate = call->training ? ((const Attributes *) call->attributes)->rate : 0.0, factor = 1.0 / (1.0 - rate);
  guint64 threshold = (guint64) nearbyint (ldexp (rate, 32));
  TnRandom stream = get_stream (call);

  TN_FOR_ELEMENTS (call, tn_shape_count (&call->input_infos[0].shape),
                   TN_PUT (adds, ((REAL *) out)[i],
                           is_kept (&stream, i, threshold) ? ((const REAL *) in)[i] * (REAL) factor : (REAL) 0.0));
}

static void
forward (const TnCall *call)
{
  run (call, call->inputs[0], call->outputs[0], FALSE);
}

static void
backward (const TnCall *call)
{
  run (call, call->output_gradients[0], call->input_gradients[0], call->adds[0]);
}

TnValue *
tn_tape_dropout (TnTape *tape, TnValue *x, double rate, guint64 seed)
{
  static const TnFunction function = {.name = "dropout",
                                      .attribute_bytes = sizeof (Attributes),
                                      .flags = TN_FUNCTION_IN_PLACE,
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};
  const Attributes attributes = {.rate = rate, .seed = seed};

  return tn_tape_apply (tape, &function, &x, 1, &attributes, NULL);
}
