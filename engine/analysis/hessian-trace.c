/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "engine/analysis/loss-gradient.h"
#include "engine/analysis/scores.h"
#include "engine/analysis/weight-errors.h"
#include "engine/error.h"
#include "engine/random.h"

/* Of a weight, relative to the layer's root mean square: the error of the central difference falls with its square, that of
 * float32 gradients rises with its inverse; a hundredth balances the two within a percent of the trace. */
#define STEP 1e-2

typedef struct
{
  TnAnalysis *analysis;
  TnLossGradient *gradient;
  guint64 seed;
  guint probe;
  double *steps;    /* [layers] */
  double *products; /* [layers]: sum of v g over sequences so far, of this side */
  double weight;    /* of the sequence: its targets */
} Trace;

/* +1 or -1 of an element. */
static float
get_sign (const TnRandom *random, gsize i)
{
  return (tn_random_at (random, i / 64) >> (i % 64)) & 1u ? 1.0f : -1.0f;
}

static TnRandom
get_random (const Trace *self, guint layer)
{
  g_autofree char *stream = g_strdup_printf ("hessian/%u/%s", self->probe, tn_analysis_get_layer (self->analysis, layer)->name);

  return tn_random_stream (self->seed, stream);
}

static void
take_gradient (guint layer, const float *gradient, gpointer user_data)
{
  Trace *self = user_data;
  TnRandom random = get_random (self, layer);
  gsize count = tn_loss_gradient_get_weight (self->gradient, layer)->count;
  double sum = 0.0;

  for (gsize i = 0; i < count; i++)
    sum += (double) (get_sign (&random, i) * gradient[i]);
  self->products[layer] += self->weight * sum;
}

/* The weights plus side times step times v, from the model's own. */
static gboolean
set_weights (Trace *self, TnModel *model, double side, GError **error)
{
  for (guint layer = 0; layer < self->analysis->layers->len; layer++)
    {
      TnVariable *weight = tn_loss_gradient_get_weight (self->gradient, layer);
      const TnTensor *tensor = tn_analysis_find_weight (self->analysis, model, layer, error);
      TnRandom random = get_random (self, layer);
      float *data = weight->data, step = (float) (side * self->steps[layer]);

      if (tensor == NULL)
        return FALSE;
      tn_tensor_decode (tensor, 0, weight->count, data);
      for (gsize i = 0; i < weight->count; i++)
        data[i] += step * get_sign (&random, i);
    }
  return TRUE;
}

static void
find_steps (Trace *self)
{
  for (guint layer = 0; layer < self->analysis->layers->len; layer++)
    {
      const TnVariable *weight = tn_loss_gradient_get_weight (self->gradient, layer);
      double squares = 0.0;

      for (gsize i = 0; i < weight->count; i++)
        squares += (double) ((const float *) weight->data)[i] * (double) ((const float *) weight->data)[i];
      self->steps[layer] = STEP * sqrt (squares / (double) MAX (weight->count, 1));
    }
}

static gboolean
run_side (Trace *self, const TnBatch *sequences, guint64 *n_targets, const TnListener *listener, GCancellable *cancellable,
          GError **error)
{
  *n_targets = 0;
  for (guint s = 0; s < sequences->n_sequences; s++)
    {
      const TnSequence *sequence = &sequences->sequences[s];
      guint n = 0;
      double loss;

      self->weight = 0.0;
      for (guint i = 0; sequence->targets != NULL && i < sequence->length; i++)
        self->weight += sequence->targets[i] >= 0;
      if (!tn_listener_boundary (listener, error) ||
          !tn_loss_gradient_run (self->gradient, sequence, &loss, &n, cancellable, error))
        return FALSE;
      *n_targets += n;
    }
  if (*n_targets > 0)
    return TRUE;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("the data hold no token to predict: a document of two tokens or more is needed"));
  return FALSE;
}

/* traces: [layers, probes]. */
static gboolean
run_probe (Trace *self, TnModel *model, const TnBatch *sequences, guint probes, double *traces, const TnListener *listener,
           GCancellable *cancellable, GError **error)
{
  guint n = self->analysis->layers->len;
  guint64 n_targets = 0;

  for (guint layer = 0; layer < n; layer++)
    self->products[layer] = 0.0;
  if (!set_weights (self, model, -1.0, error) || !run_side (self, sequences, &n_targets, listener, cancellable, error))
    return FALSE;
  for (guint layer = 0; layer < n; layer++)
    self->products[layer] = -self->products[layer];
  if (!set_weights (self, model, 1.0, error) || !run_side (self, sequences, &n_targets, listener, cancellable, error))
    return FALSE;
  for (guint layer = 0; layer < n; layer++)
    traces[(gsize) layer * probes + self->probe] =
        self->steps[layer] > 0.0 ? self->products[layer] / (2.0 * self->steps[layer] * (double) n_targets) : 0.0;
  return TRUE;
}

static void
finish (TnAnalysis *self, const double *traces, guint probes)
{
  for (guint i = 0; i < self->layers->len; i++)
    for (guint k = 0; k < self->schemes->len; k++)
      {
        TnAnalysisCell *cell = tn_analysis_get_cell (self, i, k);

        if (!cell->applies)
          continue;
        cell->hessian = tn_estimate_mean (traces + (gsize) i * probes, probes);
        /* tr (H) / n times n mse / 2. */
        cell->hessian.value *= 0.5 * cell->weight.mse;
        cell->hessian.low *= 0.5 * cell->weight.mse;
        cell->hessian.high *= 0.5 * cell->weight.mse;
      }
}

gboolean
tn_analysis_trace_hessian (TnAnalysis *self, TnModel *model, const TnBatch *sequences, guint probes, guint64 seed,
                           const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autofree double *steps = g_new0 (double, self->layers->len), *products = g_new0 (double, self->layers->len);
  g_autofree double *traces = g_new0 (double, (gsize) self->layers->len *MAX (probes, 1));
  Trace trace = {.analysis = self, .seed = seed, .steps = steps, .products = products};
  const TnLossGradientFuncs funcs = {.weight = take_gradient, .user_data = &trace};
  g_autoptr (TnLossGradient) gradient = NULL;
  guint longest = 1;

  for (guint i = 0; i < sequences->n_sequences; i++)
    longest = MAX (longest, sequences->sequences[i].length);
  gradient = tn_loss_gradient_new (model, longest, &funcs, error);
  if (gradient == NULL)
    return FALSE;
  trace.gradient = gradient;
  find_steps (&trace);
  for (trace.probe = 0; trace.probe < probes; trace.probe++)
    {
      if (!run_probe (&trace, model, sequences, probes, traces, listener, cancellable, error))
        return FALSE;
      tn_listener_progress (listener, trace.probe + 1, probes, "probes");
    }
  finish (self, traces, probes);
  return TRUE;
}
