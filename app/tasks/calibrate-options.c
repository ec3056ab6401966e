/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-options.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/calibrate-checkpoint.h"
#include "app/tasks/option-values.h"
#include "engine/calibration/row-sample.h"
#include "engine/error.h"

#define MOST_REFERENCE 100000000

static const char *const formats[] = {TN_OPTION_AUTOMATIC, "text", "jsonl", "csv", "tokens", "npy", NULL};
static const char *const outlier_rules[] = {"all", "sigma", "iqr", "modified-z", "tail", NULL};
static const char *const range_choices[] = {"tensor", "channel", NULL};

#define AT(member) G_STRUCT_OFFSET (TnCalibrateOptions, member)

static const TnOptionEntry entries[] = {
    {{"model", "model", .path = TRUE}, TN_OPTION_TEXT, AT (model_path)},
    {{"model", "tokenizer", .path = TRUE}, TN_OPTION_TEXT, AT (tokenizer_path)},
    {{"model", "sites", N_ ("What to observe: in, out, residual, logits (in)"), N_ ("LIST")}, TN_OPTION_SITES, AT (kinds)},

    {{"data", "data",
      N_ ("Text, JSON lines, CSV, tokens (.bin, npy, npz): file, directory, pattern or - for standard input; may be repeated"),
      N_ ("PATH"), .list = TRUE, .path = TRUE},
     TN_OPTION_LIST,
     AT (data_paths)},
    {{"data", "tensors", N_ ("Recorded activations instead of a model: npy, npz, safetensors, IDX or CSV; may be repeated"),
      N_ ("PATH"), .list = TRUE, .path = TRUE},
     TN_OPTION_LIST,
     AT (tensor_paths)},
    {{"data", "data-format", N_ ("auto, text, jsonl, csv, tokens or npy (auto: by name and content)"), N_ ("NAME")},
     TN_OPTION_NAME,
     AT (data.format),
     .choices = formats},
    {{"data", "field", N_ ("Field of JSON lines or column of CSV that holds the text (text)"), N_ ("NAME")},
     TN_OPTION_TEXT,
     AT (data.field)},
    {{"data", "label", N_ ("Field or column that holds the label of a document"), N_ ("NAME")}, TN_OPTION_TEXT, AT (data.label)},
    {{"data", "workers", N_ ("Batches that are read ahead (2)"), "N"}, TN_OPTION_COUNT, AT (workers), 0, 64},

    {{"sample", "sampler", N_ ("random, systematic, stratified, importance, reservoir or indices (random)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (sampling.sampler),
     .choices = tn_sampler_names},
    {{"sample", "samples", N_ ("Sequences to draw, 0 for all (128)"), "N"},
     TN_OPTION_COUNT,
     AT (sampling.n_samples),
     0,
     100000000},
    {{"sample", "seq-len", N_ ("Longest sequence in tokens (512 or the model's context)"), "N"},
     TN_OPTION_COUNT,
     AT (sampling.seq_len),
     0,
     1 << 20},
    {{"sample", "seed"}, TN_OPTION_SEED, AT (sampling.seed)},
    {{"sample", "shard", N_ ("Only part I of N of the drawn sequences"), "I/N"}, TN_OPTION_SHARD, AT (sampling.shard)},
    {{"sample", "strata", N_ ("Strata of --sampler stratified: length, label (of --label) or file (length)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (sampling.strata),
     .choices = tn_strata_names},
    {{"sample", "indices", N_ ("Take the records that this file lists, one number a line, the first record is 0"), N_ ("FILE"),
      .path = TRUE},
     TN_OPTION_TEXT,
     AT (indices_path)},
    {{"sample", "weights", N_ ("Sizes for --sampler importance, one number a line for each record (the model's loss)"),
      N_ ("FILE"), .path = TRUE},
     TN_OPTION_TEXT,
     AT (weights_path)},
    {{"sample", "candidates", N_ ("Records that --sampler importance asks the model about (4 times the samples)"), "N"},
     TN_OPTION_COUNT,
     AT (candidates),
     0,
     100000000},
    {{"sample", "reference", N_ ("Say how far the sample is from this: N other sequences, or a statistics file"), N_ ("N|STATS"),
      .path = TRUE},
     TN_OPTION_TEXT,
     AT (reference)},

    {{"statistics", "percentiles", N_ ("Percentages to report, such as 1,50,99.9"), N_ ("LIST")},
     TN_OPTION_PERCENTILES,
     AT (percentiles)},
    {{"statistics", "outlier-rule", N_ ("What counts as an outlier: all, sigma, iqr, modified-z or tail (all)"), N_ ("NAME")},
     TN_OPTION_NAME,
     AT (outlier_rule),
     .choices = outlier_rules},
    {{"statistics", "ranges", N_ ("Ranges a tensor or a channel: tensor or channel (tensor)"), N_ ("NAME")},
     TN_OPTION_CHOICE,
     AT (ranges),
     .choices = range_choices},
    {{"statistics", "ema-decay",
      N_ ("Keep moving ranges, which do not merge: how much each sequence leaves of them, such as 0.99 (none are kept)"),
      N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (ema_decay),
     0,
     1,
     .open = TRUE},
    {{"statistics", "channel-histograms", N_ ("Keep a histogram of every channel of these sites, with commas between, or all"),
      N_ ("SITE,…")},
     TN_OPTION_TEXT,
     AT (channel_histograms)},
    {{"statistics", "gram", N_ ("Keep XᵀX of the inputs of these sites, for --method output: names, patterns or all"),
      N_ ("LIST")},
     TN_OPTION_TEXT,
     AT (gram)},
    {{"statistics", "rows", N_ ("Keep so many rows of the inputs of every site, for --method output (0)"), "N"},
     TN_OPTION_COUNT,
     AT (rows),
     0,
     TN_ROW_SAMPLE_MOST},

    {{"run", "out", N_ ("Statistics file to write (beside the workspace)"), N_ ("FILE"), .path = TRUE},
     TN_OPTION_TEXT,
     AT (out_path)},
    {{"run", "batch-size", N_ ("Sequences that go through the model together (8)"), "N"},
     TN_OPTION_COUNT,
     AT (sampling.batch_size),
     1,
     65536},
    {{"run", "memory-limit"}, TN_OPTION_SIZE, AT (memory_limit)},
    {{"run", "time-limit", N_ ("Stop after this long, such as 90s or 15min, and keep what was seen"), N_ ("TIME")},
     TN_OPTION_DURATION,
     AT (time_limit)},
    {{"run", "checkpoint-every", N_ ("How often what was seen is kept for --resume, 0 never (20s)"), N_ ("TIME")},
     TN_OPTION_DURATION,
     AT (checkpoint_seconds)},
    {{"run", "stop-when-stable", N_ ("Stop when the ranges of every site are known to this part of their value (5%)"),
      N_ ("[TOLERANCE]")},
     TN_OPTION_NUMBER,
     AT (tolerance),
     0,
     1},
    {{"run", "confidence", N_ ("Of the intervals that --stop-when-stable looks at (95%)"), N_ ("NUMBER")},
     TN_OPTION_NUMBER,
     AT (confidence),
     0,
     1,
     .open = TRUE},
};

/* A list says which sampler it is for. */
static void
was_set (gpointer options, const char *name)
{
  TnCalibrateOptions *self = options;

  if (strcmp (name, "indices") == 0 && !tn_calibrate_options_is_given (self, "sampler"))
    self->sampling.sampler = TN_SAMPLER_INDICES;
  if (strcmp (name, "weights") == 0 && !tn_calibrate_options_is_given (self, "sampler"))
    self->sampling.sampler = TN_SAMPLER_IMPORTANCE;
}

static const TnOptionTable table = {.entries = entries,
                                    .n = G_N_ELEMENTS (entries),
                                    .given_offset = AT (given),
                                    .was_set = was_set};

const TnOption *
tn_calibrate_option_get (guint index)
{
  return tn_option_table_get (&table, index);
}

TnCalibrateOptions *
tn_calibrate_options_new (void)
{
  static const double percentiles[] = {0.1, 1, 5, 25, 50, 75, 95, 99, 99.9};
  TnCalibrateOptions *self = g_new0 (TnCalibrateOptions, 1);

  self->kinds = TN_SITE_INPUT;
  self->workers = 2;
  self->sampling = (TnSamplingOptions){.n_samples = 128, .batch_size = 8, .shard = 1, .n_shards = 1};
  self->percentiles = g_array_new (FALSE, FALSE, sizeof (double));
  g_array_append_vals (self->percentiles, percentiles, G_N_ELEMENTS (percentiles));
  self->outlier_rule = g_strdup ("all");
  self->ema_decay = 0.99;
  self->confidence = 0.95;
  self->checkpoint_seconds = TN_CHECKPOINT_SECONDS;
  return self;
}

TnCalibrateOptions *
tn_calibrate_options_copy (const TnCalibrateOptions *self)
{
  TnCalibrateOptions *copy = g_memdup2 (self, sizeof *self);

  tn_option_table_own_fields (&table, copy);
  return copy;
}

void
tn_calibrate_options_free (TnCalibrateOptions *self)
{
  if (self == NULL)
    return;
  tn_option_table_free_fields (&table, self);
  g_free (self);
}

gboolean
tn_calibrate_options_is_given (const TnCalibrateOptions *self, const char *name)
{
  return tn_option_table_is_given (&table, self, name);
}

gboolean
tn_calibrate_options_set (TnCalibrateOptions *self, const char *origin, const char *name, const char *const *values,
                          GError **error)
{
  return tn_option_table_set (&table, self, origin, name, values, error);
}

gboolean
tn_calibrate_options_load (TnCalibrateOptions *self, const char *path, GError **error)
{
  return tn_option_table_load (&table, self, path, error);
}

/* FALSE: that it was not given is what counts, not its value. */
static gboolean
is_in_force (const TnOptionEntry *entry, gconstpointer options)
{
  const TnCalibrateOptions *self = options;
  const char *name = entry->option.name;
  gboolean by_being_given = strcmp (name, "ema-decay") == 0 ||
                            (self->tensor_paths != NULL && (strcmp (name, "samples") == 0 || strcmp (name, "batch-size") == 0));

  return !by_being_given || tn_calibrate_options_is_given (self, name);
}

char *
tn_calibrate_options_print (const TnCalibrateOptions *self)
{
  return tn_option_table_print (&table, self, is_in_force);
}

guint
tn_calibrate_options_get_reference_count (const TnCalibrateOptions *self)
{
  guint64 count = 0;

  return self->reference != NULL && g_ascii_string_to_unsigned (self->reference, 10, 1, MOST_REFERENCE, &count, NULL)
             ? (guint) count
             : 0;
}

double
tn_calibrate_options_get_settled_tolerance (const TnCalibrateOptions *self)
{
  return self != NULL && self->tolerance > 0.0 ? self->tolerance : TN_DEFAULT_TOLERANCE_PERCENT / 100.0;
}

/* What is wrong with how the sample is to be drawn, or NULL. */
static const char *
find_sampling_problem (const TnCalibrateOptions *self)
{
  const TnSamplingOptions *sampling = &self->sampling;

  if ((sampling->sampler == TN_SAMPLER_INDICES) != (self->indices_path != NULL))
    return _ ("--indices FILE and --sampler indices go together, and with no other sampler");
  if (self->weights_path != NULL && sampling->sampler != TN_SAMPLER_IMPORTANCE)
    return _ ("--weights goes with --sampler importance only");
  if (self->candidates > 0 && (sampling->sampler != TN_SAMPLER_IMPORTANCE || self->weights_path != NULL))
    return _ ("--candidates goes with --sampler importance without --weights only");
  if (sampling->strata != TN_STRATA_LENGTH && sampling->sampler != TN_SAMPLER_STRATIFIED)
    return _ ("--strata goes with --sampler stratified only");
  if (sampling->sampler == TN_SAMPLER_STRATIFIED && sampling->strata == TN_STRATA_LABEL && self->data.label == NULL)
    return _ ("--strata label needs --label, the field or column that holds it");
  if (sampling->n_samples == 0 && (sampling->sampler == TN_SAMPLER_STRATIFIED || sampling->sampler == TN_SAMPLER_IMPORTANCE))
    return _ ("this --sampler draws: --samples must be more than 0");
  if (sampling->n_samples == 0 && sampling->sampler != TN_SAMPLER_INDICES && (self->tolerance > 0.0 || self->time_limit > 0.0))
    return _ ("a run that may stop early sees sequences in random order and needs a drawn sample: set --samples to the most that "
              "may be taken");
  if (self->tolerance > 0.0 && sampling->n_shards > 1)
    return _ ("--stop-when-stable and --shard do not go together: a shard cannot tell when all of them have seen enough");
  return NULL;
}

gboolean
tn_calibrate_options_check (const TnCalibrateOptions *self, GError **error)
{
  const char *problem = NULL;

  if (self->tensor_paths != NULL && (self->model_path != NULL || self->data_paths != NULL))
    problem = _ ("--tensors stands instead of MODEL and --data");
  else if (self->tensor_paths != NULL && g_strv_contains ((const char *const *) self->tensor_paths, "-"))
    problem = _ ("--tensors: recorded activations are read from files, not from standard input");
  else if (self->tensor_paths != NULL && self->tolerance > 0.0)
    problem = _ ("--tensors and --stop-when-stable do not go together: sites are read one after the other");
  else if (self->tensor_paths != NULL && self->sampling.sampler == TN_SAMPLER_IMPORTANCE && self->weights_path == NULL)
    problem = _ ("--tensors and --sampler importance need --weights FILE: there is no model to ask");
  else if (self->tensor_paths == NULL && self->model_path == NULL)
    problem = _ ("MODEL is missing");
  else if (self->tensor_paths == NULL && self->data_paths == NULL)
    problem = _ ("--data PATH is missing");
  else
    problem = find_sampling_problem (self);
  if (problem == NULL)
    return TRUE;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, problem);
  return FALSE;
}
