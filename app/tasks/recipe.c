/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/recipe.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "app/tasks/method-choice.h"
#include "app/tasks/option-values.h"
#include "engine/error.h"

TnRecipe *
tn_recipe_new (void)
{
  TnRecipe *self = g_new0 (TnRecipe, 1);

  self->width = 256;
  self->layers = self->heads = 4;
  self->tied = TRUE;
  self->rope_base = 10000.0;
  self->norm_epsilon = 1e-5;
  self->deviation = 0.02;
  self->seq_len = 256;
  self->batch_size = 8;
  self->accumulate = 1;
  self->validation_share = 0.05;
  self->validation_every = 100;
  self->validation_batches = 16;
  self->estimator = g_strdup ("identity");
  self->input_estimator = g_strdup ("identity");
  self->temperature = 1.0;
  self->penalties.kurtosis_target = 1.8;
  self->keeps_logits = TRUE;
  tn_optimizer_options_init (&self->optimizer, TN_OPTIMIZER_ADAMW);
  self->clip = (TnGradientClip){.kind = TN_CLIP_NORM, .limit = 1.0};
  tn_schedule_init (&self->schedule, TN_SCHEDULE_WARMUP_COSINE);
  self->steps = 1000;
  self->checkpoint_every = 100;
  self->keep_last = 2;
  self->metrics_every = 10;
  self->stop_loss = 3.0;
  return self;
}

/* "256,128" -> gsize; each from 1 to 2^20. */
GArray *
tn_recipe_parse_sizes (const TnRecipe *self, GError **error)
{
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_auto (GStrv) parts = g_strsplit (self->sizes != NULL ? self->sizes : "", ",", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      guint64 size;
      gsize value;

      if (!tn_option_parse_count ("sizes", g_strstrip (parts[i]), 1, 1 << 20, &size, error))
        return NULL;
      value = (gsize) size;
      g_array_append_val (sizes, value);
    }
  return g_steal_pointer (&sizes);
}

static gboolean
is_scheme (const char *name)
{
  return name != NULL && strcmp (name, "none") != 0;
}

static gboolean
parse_scheme (const char *key, const char *name, TnScheme *scheme, gboolean *rounds, GError **error)
{
  *rounds = is_scheme (name);
  if (!*rounds || tn_scheme_parse (name, scheme, error))
    return TRUE;
  g_prefix_error (error, "%s: ", key);
  return FALSE;
}

static void
set_kept (TnTrainingPrecision *precision, const char *keep)
{
  g_auto (GStrv) parts = g_strsplit (keep != NULL ? keep : "none", ",", -1);
  g_autoptr (GPtrArray) patterns = g_ptr_array_new ();

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_strstrip (parts[i]);
      if (strcmp (parts[i], "first") == 0)
        precision->keeps_first = TRUE;
      else if (strcmp (parts[i], "last") == 0)
        precision->keeps_last = TRUE;
      else if (strcmp (parts[i], "none") != 0)
        g_ptr_array_add (patterns, g_strdup (parts[i]));
    }
  g_ptr_array_add (patterns, NULL);
  precision->keeps = (char **) g_ptr_array_steal (patterns, NULL);
}

TnTrainingPrecision *
tn_recipe_make_precision (const TnRecipe *self, GError **error)
{
  g_autoptr (TnTrainingPrecision) precision = tn_training_precision_new (error);

  if (precision == NULL || !parse_scheme ("weights", self->weights, &precision->weights, &precision->rounds_weights, error) ||
      !parse_scheme ("activations", self->activations, &precision->inputs, &precision->rounds_inputs, error) ||
      !tn_estimator_parse (self->estimator, &precision->weight_estimator, error) ||
      !tn_estimator_parse (self->input_estimator, &precision->input_estimator, error))
    return NULL;
  precision->fixed_inputs = self->stats_path != NULL;
  precision->rotates_weights = self->rotate;
  precision->output_scales = self->output_scales;
  precision->counts = self->metrics_every;
  precision->integer = self->integer;
  precision->backward_inputs = self->backward_inputs;
  precision->backward_weights = self->backward_weights;
  set_kept (precision, self->keep);
  return g_steal_pointer (&precision);
}

static guint64
share_of_steps (double share, guint64 steps)
{
  return (guint64) llround (share * (double) steps);
}

gboolean
tn_recipe_make_options (const TnRecipe *self, TnTrainerOptions *options, GError **error)
{
  *options = (TnTrainerOptions){
      .shape = {self->batch_size, self->architecture == TN_ARCHITECTURE_LLAMA ? self->seq_len : 1},
      .accumulate = self->accumulate,
      .loss = {.distill = self->distill,
               .temperature = self->temperature,
               .z_loss = self->z_loss,
               .label_smoothing = self->label_smoothing,
               .penalties = self->penalties,
               .keeps_logits = self->keeps_logits},
      .optimizer = self->optimizer,
      .schedule = self->schedule,
      .clip = self->clip,
      .gradient_limit = self->clip_value > 0.0 ? self->clip_value : (double) INFINITY,
      .latent_limit = self->latent_limit > 0.0 ? self->latent_limit : (double) INFINITY,
      .releases = self->release,
  };
  options->schedule.steps = self->steps;
  options->loss.penalties.warmup_steps = share_of_steps (self->penalty_warmup, self->steps);
  options->schedule.lambda_steps = share_of_steps (self->warmup, self->steps);
  return tn_optimizer_options_check (&options->optimizer, error) && tn_schedule_finish (&options->schedule, error);
}

static const char *
find_problem (const TnRecipe *self)
{
  if (self->architecture == TN_ARCHITECTURE_CNN && (self->integer || self->sizes == NULL))
    return self->integer ? _ ("integer is for fully connected layers: arch cnn has none but the last")
                         : _ ("arch cnn needs sizes: filters of the convolutions");
  if (self->release && self->accumulate > 1)
    return _ ("release and accumulate do not go together: gradients that are not kept cannot be added up");
  if (self->warmup > 0.0 && !is_scheme (self->weights) && !is_scheme (self->activations))
    return _ ("warmup says how rounding sets in: set weights or activations, too");
  if (self->rotate && !is_scheme (self->weights))
    return _ ("rotate says in which space weights are rounded: set weights, too");
  if (self->stats_path != NULL && !is_scheme (self->activations))
    return _ ("stats are of inputs of layers: set activations, too");
  if (self->integer && self->warmup > 0.0)
    return _ ("integer and warmup do not go together: integers are rounded in full from the first step");
  if (self->architecture == TN_ARCHITECTURE_LLAMA && self->sub_norms != (self->activation == TN_ACTIVATION_RELU2))
    return _ ("sub-norms and activation relu2 go together: BitNet has both, LLaMA neither");
  if (self->architecture == TN_ARCHITECTURE_LLAMA && self->kv_heads > 0 && self->heads % self->kv_heads != 0)
    return _ ("heads must be a multiple of kv-heads");
  if (self->architecture == TN_ARCHITECTURE_LLAMA && self->width % (2 * self->heads) != 0)
    return _ ("width must be a multiple of twice the heads: a head is rotated in pairs");
  if (self->context > 0 && self->context < self->seq_len)
    return _ ("seq-len is above context");
  return NULL;
}

gboolean
tn_recipe_check (const TnRecipe *self, GError **error)
{
  g_autoptr (TnTrainingPrecision) precision = NULL;
  g_autoptr (GArray) sizes = NULL;
  const TnMethodChoice choice = {self->method, self->objective};
  TnMethodOptions method;
  TnTrainerOptions options;
  const char *problem = find_problem (self);

  if (problem != NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, problem);
      return FALSE;
    }
  sizes = tn_recipe_parse_sizes (self, error);
  if (sizes == NULL)
    return FALSE;
  precision = tn_recipe_make_precision (self, error);
  return precision != NULL && tn_method_choice_parse (&choice, &method, error) && tn_training_precision_check (precision, error) && tn_recipe_make_options (self, &options, error) &&
         tn_weight_penalties_check (&options.loss.penalties, precision, error);
}
