/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/train-metrics.h"

#include "engine/device/device.h"

static void
report_layers (TnNetwork *network, guint64 step, const TnListener *listener)
{
  for (guint i = 0; i < network->layers->len; i++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (network->layers, i);
      const TnQuantizerState *state = layer->weight_state;
      const struct
      {
        const char *name;
        double value;
        gboolean there;
      } values[] = {
          {"sqnr_db", state != NULL ? tn_quantizer_state_get_sqnr_db (state) : 0.0, TRUE},
          {"zeros", state != NULL ? tn_quantizer_state_get_zeros (state) : 0.0, TRUE},
          {"flips", state != NULL ? tn_quantizer_state_get_flips (state) : 0.0, state != NULL && state->has_flips},
          {"saturated", state != NULL ? tn_quantizer_state_get_saturated (state) : 0.0, TRUE},
          {"scale", state != NULL ? state->scale : 0.0, TRUE},
      };

      for (guint k = 0; state != NULL && k < G_N_ELEMENTS (values); k++)
        if (values[k].there)
          {
            g_autofree char *series = g_strdup_printf ("layer/%s/%s", layer->name, values[k].name);

            tn_listener_metric (listener, series, (gint64) step, values[k].value);
          }
    }
}

void
tn_train_report_step (TnNetwork *network, const TnRecipe *recipe, const TnStepReport *report, double seconds, const TnListener *listener)
{
  gint64 step = (gint64) report->step;
  gboolean layers = recipe->metrics_every > 0 && report->step % recipe->metrics_every == 0;

  tn_listener_metric (listener, "loss", step, report->loss);
  if (recipe->distill > 0.0)
    {
      tn_listener_metric (listener, "cross_entropy", step, report->parts.cross_entropy);
      tn_listener_metric (listener, "distillation", step, report->parts.distillation);
    }
  for (TnPenalty penalty = 0; penalty < TN_N_PENALTIES; penalty++)
    if (recipe->penalties.weights[penalty] > 0.0)
      {
        g_autofree char *series = g_strconcat ("penalty/", tn_penalty_get_name (penalty), NULL);

        tn_listener_metric (listener, series, step, report->parts.penalties[penalty]);
      }
  tn_listener_metric (listener, "rate", step, report->rate);
  if (recipe->warmup > 0.0)
    tn_listener_metric (listener, "lambda", step, report->lambda);
  tn_listener_metric (listener, "gradient_norm", step, report->gradient_norm);
  tn_listener_metric (listener, network->input == TN_NETWORK_TOKENS ? "tokens_per_second" : "images_per_second", step,
                      (double) report->n_targets / seconds);
  if (layers)
    {
      tn_listener_metric (listener, "memory_bytes", step, (double) tn_process_get_rss ());
      report_layers (network, report->step, listener);
    }
}
