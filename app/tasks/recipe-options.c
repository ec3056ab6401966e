/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/option-table.h"
#include "app/tasks/recipe.h"

/* Every key of a recipe: its group, name, kind and range; and what reads and prints all of them. */

#define AT(member) G_STRUCT_OFFSET (TnRecipe, member)
#define MOST_STEPS 1e12

static const char *const architectures[] = {"llama", "mlp", "cnn", NULL};
static const char *const activations[] = {"silu", "relu2", NULL};
static const char *const recomputes[] = {"none", "blocks", NULL};
static const char *const clips[] = {"none", "norm", "normalize", NULL};
static const char *const backwards[] = {"fp32", "bf16", "int8", NULL};
static const char *const estimators[] = {"identity", "clipped", "soft", "lsq", "lsq+", "seq", "trust", "range", NULL};

/* What an optimizer is made with follows from its method where it is not said. */
static gboolean
set_method (gpointer options, const char *name, const char *text, GError **error)
{
  TnRecipe *self = options;
  const TnOptimizerOptions old = self->optimizer;
  const struct
  {
    const char *name;
    double *field, value;
  } said[] = {
      {"momentum", &self->optimizer.momentum, old.momentum},
      {"beta1", &self->optimizer.beta1, old.beta1},
      {"beta2", &self->optimizer.beta2, old.beta2},
      {"epsilon", &self->optimizer.epsilon, old.epsilon},
      {"weight-decay", &self->optimizer.weight_decay, old.weight_decay},
      {"scale-rate", &self->optimizer.groups[TN_ROLE_SCALE].rate_factor, old.groups[TN_ROLE_SCALE].rate_factor},
  };
  TnOptimizerMethod method;

  if (!tn_optimizer_method_parse (text, &method, error))
    return FALSE;
  tn_optimizer_options_init (&self->optimizer, method);
  for (guint i = 0; i < G_N_ELEMENTS (said); i++)
    if (tn_recipe_is_given (self, said[i].name))
      *said[i].field = said[i].value;
  if (tn_recipe_is_given (self, "nesterov"))
    self->optimizer.nesterov = old.nesterov;
  if (tn_recipe_is_given (self, "embeddings-8bit"))
    self->optimizer.embeddings_8bit = old.embeddings_8bit;
  return TRUE;
}

static char *
print_method (gconstpointer options, const char *name)
{
  return g_strdup (tn_optimizer_method_get_name (((const TnRecipe *) options)->optimizer.method));
}

static gboolean is_schedule_given (const TnRecipe *self, const char *field);

/* Fields that were set, and that the other kind has too, keep their values. */
static gboolean
set_schedule_kind (gpointer options, const char *name, const char *text, GError **error)
{
  TnRecipe *self = options;
  const TnSchedule old = self->schedule;
  const char *field;
  TnScheduleKind kind;
  gboolean has, had;

  if (!tn_schedule_kind_parse (text, &kind, error))
    return FALSE;
  tn_schedule_init (&self->schedule, kind);
  self->schedule.rate = old.rate;
  for (guint i = 0; (field = tn_schedule_get_field (kind, i, &has)) != NULL; i++)
    {
      g_autofree char *value = NULL;

      tn_schedule_get_field (old.kind, i, &had);
      if (!has || !had || !is_schedule_given (self, field))
        continue;
      value = tn_schedule_get (&old, field);
      if (!tn_schedule_set (&self->schedule, field, value, error))
        return FALSE;
    }
  return TRUE;
}

static char *
print_schedule_kind (gconstpointer options, const char *name)
{
  return g_strdup (tn_schedule_kind_get_name (((const TnRecipe *) options)->schedule.kind));
}

static gboolean
set_schedule (gpointer options, const char *name, const char *text, GError **error)
{
  return tn_schedule_set (&((TnRecipe *) options)->schedule, name, text, error);
}

static char *
print_schedule (gconstpointer options, const char *name)
{
  const TnSchedule *schedule = &((const TnRecipe *) options)->schedule;
  const char *found;
  gboolean has = FALSE;

  for (guint i = 0; (found = tn_schedule_get_field (schedule->kind, i, &has)) != NULL; i++)
    if (strcmp (found, name) == 0 && has)
      return tn_schedule_get (schedule, name);
  return NULL;
}

#define SCHEDULE .set = set_schedule, .print = print_schedule

static const TnOptionEntry entries[] = {
    {{"model", "arch", N_ ("What is trained from scratch: llama, mlp or cnn (llama)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (architecture),
     .choices = architectures},
    {{"model", "vocabulary", N_ ("llama: ids of token files that come without a tokenizer (65536)"), "N"},
     TN_OPTION_COUNT,
     AT (vocabulary),
     0,
     1 << 24},
    {{"model", "width", N_ ("llama: numbers a token is (256)"), "N"}, TN_OPTION_COUNT, AT (width), 1, 1 << 20},
    {{"model", "layers", N_ ("llama: blocks (4)"), "N"}, TN_OPTION_COUNT, AT (layers), 1, 1 << 16},
    {{"model", "heads", N_ ("llama: heads of attention (4)"), "N"}, TN_OPTION_COUNT, AT (heads), 1, 1 << 16},
    {{"model", "kv-heads", N_ ("llama: heads of keys and values (as many as heads)"), "N"},
     TN_OPTION_COUNT,
     AT (kv_heads),
     0,
     1 << 16},
    {{"model", "hidden", N_ ("llama: width of the feed-forward layer (8/3 of the width, in multiples of 32)"), "N"},
     TN_OPTION_COUNT,
     AT (hidden),
     0,
     1 << 24},
    {{"model", "context", N_ ("llama: longest sequence (seq-len)"), "N"}, TN_OPTION_COUNT, AT (context), 0, 1 << 24},
    {{"model", "activation", N_ ("llama: silu or relu2 (silu)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (activation),
     .choices = activations},
    {{"model", "tied", N_ ("llama: the head is the embedding (true)"), N_ ("SWITCH")}, TN_OPTION_SWITCH, AT (tied)},
    {{"model", "sub-norms", N_ ("llama: norms in front of the output and down projections, as BitNet has them (false)"),
      N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (sub_norms)},
    {{"model", "rope-base", N_ ("llama: base of the rotary embedding (10000)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (rope_base),
     1,
     1e12},
    {{"model", "norm-epsilon", N_ ("llama: what norms add under the root (1e-5)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (norm_epsilon),
     0,
     1},
    {{"model", "deviation", N_ ("llama: standard deviation of the first weights (0.02)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (deviation),
     0,
     10},
    {{"model", "sizes", N_ ("mlp: widths of the hidden layers, such as 256,256; cnn: filters of the convolutions, such as 16,32"),
      N_ ("LIST")},
     TN_OPTION_TEXT,
     AT (sizes)},

    {{"data", "data", N_ ("Text, JSON lines, CSV or tokens; mlp and cnn: images (IDX, npy); may be repeated"), N_ ("PATH"),
      .list = TRUE, .path = TRUE},
     TN_OPTION_LIST,
     AT (data_paths)},
    {{"data", "labels", N_ ("Labels of the images (the file beside them)"), N_ ("FILE"), .path = TRUE},
     TN_OPTION_TEXT,
     AT (labels_path)},
    {{"data", "tokenizer", .path = TRUE}, TN_OPTION_TEXT, AT (tokenizer_path)},
    {{"data", "seq-len", N_ ("Tokens of a sequence (256)"), "N"}, TN_OPTION_COUNT, AT (seq_len), 1, 1 << 20},
    {{"data", "batch-size", N_ ("Sequences or images of a batch (8)"), "N"}, TN_OPTION_COUNT, AT (batch_size), 1, 1 << 20},
    {{"data", "accumulate", N_ ("Batches of a step, whose gradients are added up (1)"), "N"},
     TN_OPTION_COUNT,
     AT (accumulate),
     1,
     1 << 16},
    {{"data", "validation-share", N_ ("Part of the data that is held out to validate (0.05)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (validation_share),
     0,
     0.5},
    {{"data", "validation", N_ ("Validate on this instead"), N_ ("PATH"), .path = TRUE}, TN_OPTION_TEXT, AT (validation_path)},
    {{"data", "validation-every", N_ ("Steps between validations, 0 for the end alone (100)"), "N"},
     TN_OPTION_COUNT,
     AT (validation_every),
     0,
     1 << 30},
    {{"data", "validation-batches", N_ ("Batches of a validation at most, 0 for all (16)"), "N"},
     TN_OPTION_COUNT,
     AT (validation_batches),
     0,
     1 << 30},
    {{"data", "test", N_ ("mlp: images that are scored once, at the end, and decide nothing"), N_ ("PATH"), .path = TRUE},
     TN_OPTION_TEXT,
     AT (test_path)},
    {{"data", "shift", N_ ("Images are moved by up to so many pixels (0)"), "N"}, TN_OPTION_COUNT, AT (shift), 0, 64},

    {{"quantization", "weights", N_ ("Scheme that weights are rounded to, such as ternary or int4:g32 (none)"), N_ ("SCHEME")},
     TN_OPTION_TEXT,
     AT (weights)},
    {{"quantization", "activations", N_ ("Scheme that inputs of layers are rounded to, such as int8:t (none)"), N_ ("SCHEME")},
     TN_OPTION_TEXT,
     AT (activations)},
    {{"quantization", "estimator",
      N_ ("How gradients go through the rounding of weights: identity, clipped, soft, lsq, lsq+, seq, trust or range (identity)"),
      N_ ("NAME")},
     TN_OPTION_NAME,
     AT (estimator),
     .choices = estimators},
    {{"quantization", "input-estimator", N_ ("The same of inputs (identity)"), N_ ("NAME")},
     TN_OPTION_NAME,
     AT (input_estimator),
     .choices = estimators},
    {{"quantization", "stats", N_ ("Statistics of --model that scales of inputs, learned ones and fixed ones such as int8, start from"),
      N_ ("STATS"), .path = TRUE},
     TN_OPTION_TEXT,
     AT (stats_path)},
    {{"quantization", "method",
      N_ ("How learned scales, and those from statistics, are found at the start: minmax, percentile or p99.9, ema, mse, mse2.4, kl, aciq, "
          "octav, output, auto (mse)"),
      N_ ("METHOD")},
     TN_OPTION_TEXT,
     AT (method)},
    {{"quantization", "objective", N_ ("What --method auto makes least: mse, kl or output (mse)"), N_ ("NAME")},
     TN_OPTION_TEXT,
     AT (objective)},
    {{"quantization", "keep",
      N_ ("Layers that stay float32: none, first, last, or names and patterns such as blk.0.*, with commas between (none)"),
      N_ ("LIST")},
     TN_OPTION_TEXT,
     AT (keep)},
    {{"quantization", "warmup", N_ ("Part of the steps in which rounding sets in (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (warmup),
     0,
     1},
    {{"quantization", "rotate",
      N_ ("Round weights in a rotated space (Hadamard, pieces of up to 128 inputs), as QuEST does with estimator trust (false)"), N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (rotate)},
    {{"quantization", "output-scales", N_ ("Learn a factor for each output of a layer (false)"), N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (output_scales)},
    {{"quantization", "integer",
      N_ ("Make products of ternary weights with int8:t activations in integers, and keep them packed (false)"), N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (integer)},
    {{"quantization", "backward-inputs", N_ ("With integer: products that give gradients of inputs: fp32, bf16 or int8 (fp32)"),
      N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (backward_inputs),
     .choices = backwards},
    {{"quantization", "backward-weights", N_ ("With integer: products that give gradients of weights: fp32, bf16 or int8 (fp32)"),
      N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (backward_weights),
     .choices = backwards},

    {{"loss", "distill", N_ ("Share of the teacher in the loss (0)"), N_ ("NUMBER")}, TN_OPTION_NUMBER, AT (distill), 0, 1},
    {{"loss", "temperature", N_ ("Of the teacher's answers (1)"), N_ ("NUMBER")}, TN_OPTION_NUMBER, AT (temperature), 0.01, 100},
    {{"loss", "z-loss", N_ ("Weight of the square of the log-sum-exp, such as 1e-4 (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (z_loss),
     0,
     1},
    {{"loss", "keep-logits",
      N_ ("llama: keep what the head computes for the backward pass, which takes memory and saves a third of its products "
          "(true)"),
      N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (keeps_logits)},
    {{"loss", "label-smoothing", N_ ("mlp, cnn: share of the target that all classes get (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (label_smoothing),
     0,
     0.9},

    {{"loss", "dampening", N_ ("Weight of the distance of weights from their levels, against oscillations, such as 0.0001 (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalties.weights[TN_PENALTY_DAMPENING]),
     0,
     1000},
    {{"loss", "kurtosis", N_ ("Weight of the distance of the weights' kurtosis from kurtosis-target, such as 0.1 (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalties.weights[TN_PENALTY_KURTOSIS]),
     0,
     1000},
    {{"loss", "kurtosis-target", N_ ("Kurtosis that rounded weights are to have; 1.8 is that of an even distribution (1.8)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalties.kurtosis_target),
     1,
     100},
    {{"loss", "bins", N_ ("Weight of the mean squared distance of the weights of each level from it, such as 0.01 (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalties.weights[TN_PENALTY_BINS]),
     0,
     1000},
    {{"loss", "l2", N_ ("Weight of the sum of squares of rounded weights, such as 1e-5 (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalties.weights[TN_PENALTY_L2]),
     0,
     1000},
    {{"loss", "penalty-warmup", N_ ("Part of the steps in which these four set in, by the half of a cosine (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (penalty_warmup),
     0,
     1},

    {{"optimizer", "optimizer", N_ ("sgd, adam, adamw, adamw8 or muon (adamw)"), N_ ("NAME")},
     TN_OPTION_OWN,
     0,
     .set = set_method,
     .print = print_method},
    {{"optimizer", "momentum", N_ ("Of sgd and muon (0.9, 0.95)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (optimizer.momentum),
     0,
     0.9999},
    {{"optimizer", "nesterov", N_ ("Of sgd and muon (false, true)"), N_ ("SWITCH")}, TN_OPTION_SWITCH, AT (optimizer.nesterov)},
    {{"optimizer", "beta1", N_ ("Of adam and its kin (0.9)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (optimizer.beta1),
     0,
     0.999999},
    {{"optimizer", "beta2", N_ ("Of adam and its kin (0.95)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (optimizer.beta2),
     0,
     0.999999},
    {{"optimizer", "epsilon", N_ ("Of adam and its kin (1e-8)"), N_ ("NUMBER")}, TN_OPTION_NUMBER, AT (optimizer.epsilon), 0, 1},
    {{"optimizer", "weight-decay", N_ ("Of matrices and embeddings (adamw, adamw8, muon 0.1; else 0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (optimizer.weight_decay),
     0,
     10},
    {{"optimizer", "embeddings-8bit", N_ ("adamw8: moments of embeddings, too, are a byte each (false)"), N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (optimizer.embeddings_8bit)},
    {{"optimizer", "scale-rate", N_ ("Factor of the rate for scales of quantizers (1)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (optimizer.groups[TN_ROLE_SCALE].rate_factor),
     0,
     1000},
    {{"optimizer", "clip", N_ ("Of the gradients: none, norm or normalize (norm)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (clip.kind),
     .choices = clips},
    {{"optimizer", "clip-norm", N_ ("Norm of the gradients that is allowed (1)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (clip.limit),
     0,
     1e12,
     .open = TRUE},
    {{"optimizer", "clip-value", N_ ("Each element of a gradient is kept within this, 0 for no limit (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (clip_value),
     0,
     1e12},
    {{"optimizer", "latent-clip",
      N_ ("Rounded weights are kept within so many of their learned scales, or this itself; 0 for no limit (0)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (latent_limit),
     0,
     1e12},
    {{"optimizer", "release", N_ ("Change each weight as soon as its gradient is there, and keep none (false)"), N_ ("SWITCH")},
     TN_OPTION_SWITCH,
     AT (release)},

    {{"schedule", "rate", N_ ("Highest learning rate (0.001)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (schedule.rate),
     0,
     100,
     .open = TRUE},
    {{"schedule", "schedule",
      N_ ("constant, linear, exponential, step, cosine, warmup-cosine, warmup-stable-decay or two-stage (warmup-cosine)"),
      N_ ("NAME")},
     TN_OPTION_OWN,
     0,
     .set = set_schedule_kind,
     .print = print_schedule_kind},
    {{"schedule", "warmup-steps", N_ ("Steps in which the rate grows (a fiftieth)"), "N"}, TN_OPTION_OWN, 0, SCHEDULE},
    {{"schedule", "final-ratio", N_ ("Last rate over the highest (0)"), N_ ("NUMBER")}, TN_OPTION_OWN, 0, SCHEDULE},
    {{"schedule", "decay-factor", N_ ("exponential, step: what the rate is multiplied by (0.1)"), N_ ("NUMBER")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},
    {{"schedule", "decay-steps", N_ ("exponential, step: in so many steps (a third)"), "N"}, TN_OPTION_OWN, 0, SCHEDULE},
    {{"schedule", "decay-fraction", N_ ("warmup-stable-decay: part of the steps in which the rate falls (0.33)"), N_ ("NUMBER")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},
    {{"schedule", "decay-shape", N_ ("warmup-stable-decay: linear, cosine or sqrt (linear)"), N_ ("NAME")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},
    {{"schedule", "switch-at", N_ ("two-stage: part of the steps after which the rate drops (0.5)"), N_ ("NUMBER")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},
    {{"schedule", "second-ratio", N_ ("two-stage: rate of the second stage over the highest (2/3)"), N_ ("NUMBER")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},
    {{"schedule", "decay-until", N_ ("Part of the steps in which weights decay (1; two-stage 0.5)"), N_ ("NUMBER")},
     TN_OPTION_OWN,
     0,
     SCHEDULE},

    {{"run", "steps", N_ ("Steps of the whole run (1000)"), "N"}, TN_OPTION_COUNT64, AT (steps), 1, MOST_STEPS},
    {{"run", "seed"}, TN_OPTION_SEED, AT (seed)},
    {{"run", "checkpoint-every", N_ ("Steps between checkpoints, 0 for the end alone (100)"), "N"},
     TN_OPTION_COUNT,
     AT (checkpoint_every),
     0,
     1 << 30},
    {{"run", "keep-last", N_ ("Checkpoints that are kept, beside the best (2)"), "N"},
     TN_OPTION_COUNT,
     AT (keep_last),
     1,
     1 << 20},
    {{"run", "keep-every", N_ ("Keep those of every so many steps for good, 0 for none (0)"), "N"},
     TN_OPTION_COUNT,
     AT (keep_every),
     0,
     1 << 30},
    {{"run", "metrics-every", N_ ("Steps between what each layer reports, 0 for never (10)"), "N"},
     TN_OPTION_COUNT,
     AT (metrics_every),
     0,
     1 << 30},
    {{"run", "stop-loss", N_ ("Stop where the smoothed loss is above so many times its least, 0 for never (3)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (stop_loss),
     0,
     1e6},
    {{"run", "recompute", N_ ("Compute again for the backward pass instead of keeping: none or blocks (none)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (recompute),
     .choices = recomputes},
};

G_STATIC_ASSERT (G_N_ELEMENTS (entries) <= 64 * TN_OPTION_GIVEN_WORDS);

static const TnOptionTable table = {.entries = entries, .n = G_N_ELEMENTS (entries), .given_offset = AT (given)};

const TnOption *
tn_recipe_get_option (guint index)
{
  return tn_option_table_get (&table, index);
}

const TnOptionEntry *
tn_recipe_get_entry (guint index)
{
  return index < table.n ? &table.entries[index] : NULL;
}

/* "steps" is the run's, and "rate" is kept anyway. */
static gboolean
is_schedule_given (const TnRecipe *self, const char *field)
{
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    if (entries[i].set == set_schedule && strcmp (entries[i].option.name, field) == 0)
      return tn_recipe_is_given (self, field);
  return FALSE;
}

TnRecipe *
tn_recipe_copy (const TnRecipe *self)
{
  TnRecipe *copy = g_memdup2 (self, sizeof *self);

  tn_option_table_own_fields (&table, copy);
  return copy;
}

void
tn_recipe_free (TnRecipe *self)
{
  if (self == NULL)
    return;
  tn_option_table_free_fields (&table, self);
  g_free (self);
}

gboolean
tn_recipe_is_given (const TnRecipe *self, const char *name)
{
  return tn_option_table_is_given (&table, self, name);
}

gboolean
tn_recipe_set (TnRecipe *self, const char *origin, const char *name, const char *const *values, GError **error)
{
  return tn_option_table_set (&table, self, origin, name, values, error);
}

gboolean
tn_recipe_load (TnRecipe *self, const char *path, GError **error)
{
  return tn_option_table_load (&table, self, path, error);
}

gboolean
tn_recipe_load_text (TnRecipe *self, const char *origin, const char *text, gsize bytes, GError **error)
{
  return tn_option_table_load_text (&table, self, origin, text, bytes, error);
}

char *
tn_recipe_print (const TnRecipe *self)
{
  return tn_option_table_print (&table, self, NULL);
}

static gboolean
was_given (const TnOptionEntry *entry, gconstpointer recipe)
{
  return tn_recipe_is_given (recipe, entry->option.name);
}

char *
tn_recipe_print_given (const TnRecipe *self)
{
  return tn_option_table_print (&table, self, was_given);
}

char *
tn_recipe_print_value (const TnRecipe *self, const char *name)
{
  return tn_option_table_print_value (&table, self, name);
}
