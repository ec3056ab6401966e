/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-options.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/calibrate-checkpoint.h"
#include "app/tasks/option-values.h"
#include "engine/calibration/row-sample.h"
#include "engine/error.h"

#define MOST_REFERENCE 100000000
#define MAX_CONFIG_BYTES ((gsize) 1 << 20)

typedef enum
{
  TEXT,        /* char * */
  LIST,        /* char ** */
  COUNT,       /* guint */
  SEED,        /* guint64 */
  NUMBER,      /* double */
  SIZE,        /* guint64, bytes */
  DURATION,    /* double, seconds */
  CHOICE,      /* enumeration */
  NAME,        /* char *, one of the choices; NULL: AUTOMATIC */
  SHARD,       /* two guint */
  SITES,       /* TnSiteKind */
  PERCENTILES, /* GArray of double */
} Kind;

typedef struct
{
  TnCalibrateOption option;
  Kind kind;
  gsize offset;
  double least, most;
  gboolean open; /* NUMBER: without its ends */
  const char *const *choices;
} Entry;

#define AUTOMATIC "auto"

static const char *const formats[] = {AUTOMATIC, "text", "jsonl", "csv", "tokens", "npy", NULL};
static const char *const outlier_rules[] = {"all", "sigma", "iqr", "modified-z", "tail", NULL};
static const char *const range_choices[] = {"tensor", "channel", NULL};

#define AT(member) G_STRUCT_OFFSET (TnCalibrateOptions, member)

static const Entry entries[] = {
    {{"model", "model", .path = TRUE}, TEXT, AT (model_path)},
    {{"model", "tokenizer", .path = TRUE}, TEXT, AT (tokenizer_path)},
    {{"model", "sites", N_ ("What to observe: in, out, residual, logits (in)"), N_ ("LIST")}, SITES, AT (kinds)},

    {{"data", "data", N_ ("Text, JSON lines, CSV, tokens (.bin, npy, npz): file, directory, pattern or - for standard input; may be repeated"), N_ ("PATH"), .list = TRUE, .path = TRUE},
     LIST,
     AT (data_paths)},
    {{"data", "tensors", N_ ("Recorded activations instead of a model: npy, npz, safetensors, IDX or CSV; may be repeated"), N_ ("PATH"),
      .list = TRUE, .path = TRUE},
     LIST,
     AT (tensor_paths)},
    {{"data", "data-format", N_ ("auto, text, jsonl, csv, tokens or npy (auto: by name and content)"), N_ ("NAME")},
     NAME,
     AT (data.format),
     .choices = formats},
    {{"data", "field", N_ ("Field of JSON lines or column of CSV that holds the text (text)"), N_ ("NAME")}, TEXT, AT (data.field)},
    {{"data", "label", N_ ("Field or column that holds the label of a document"), N_ ("NAME")}, TEXT, AT (data.label)},
    {{"data", "workers", N_ ("Batches that are read ahead (2)"), "N"}, COUNT, AT (workers), 0, 64},

    {{"sample", "sampler", N_ ("random, systematic, stratified, importance, reservoir or indices (random)"), N_ ("NAME")},
     CHOICE,
     AT (sampling.sampler),
     .choices = tn_sampler_names},
    {{"sample", "samples", N_ ("Sequences to draw, 0 for all (128)"), "N"}, COUNT, AT (sampling.n_samples), 0, 100000000},
    {{"sample", "seq-len", N_ ("Longest sequence in tokens (512 or the model's context)"), "N"},
     COUNT,
     AT (sampling.seq_len),
     0,
     1 << 20},
    {{"sample", "seed"}, SEED, AT (sampling.seed)},
    {{"sample", "shard", N_ ("Only part I of N of the drawn sequences"), "I/N"}, SHARD, AT (sampling.shard)},
    {{"sample", "strata", N_ ("Strata of --sampler stratified: length, label (of --label) or file (length)"), N_ ("NAME")},
     CHOICE,
     AT (sampling.strata),
     .choices = tn_strata_names},
    {{"sample", "indices", N_ ("Take the records that this file lists, one number a line, the first record is 0"), N_ ("FILE"), .path = TRUE},
     TEXT,
     AT (indices_path)},
    {{"sample", "weights", N_ ("Sizes for --sampler importance, one number a line for each record (the model's loss)"), N_ ("FILE"), .path = TRUE},
     TEXT,
     AT (weights_path)},
    {{"sample", "candidates", N_ ("Records that --sampler importance asks the model about (4 times the samples)"), "N"},
     COUNT,
     AT (candidates),
     0,
     100000000},
    {{"sample", "reference", N_ ("Say how far the sample is from this: N other sequences, or a statistics file"), N_ ("N|STATS"), .path = TRUE},
     TEXT,
     AT (reference)},

    {{"statistics", "percentiles", N_ ("Percentages to report, such as 1,50,99.9"), N_ ("LIST")}, PERCENTILES, AT (percentiles)},
    {{"statistics", "outlier-rule", N_ ("What counts as an outlier: all, sigma, iqr, modified-z or tail (all)"), N_ ("NAME")},
     NAME,
     AT (outlier_rule),
     .choices = outlier_rules},
    {{"statistics", "ranges", N_ ("Ranges a tensor or a channel: tensor or channel (tensor)"), N_ ("NAME")},
     CHOICE,
     AT (ranges),
     .choices = range_choices},
    {{"statistics", "ema-decay", N_ ("Keep moving ranges, which do not merge: how much each sequence leaves of them, such as 0.99 (none are kept)"), N_ ("NUMBER")},
     NUMBER,
     AT (ema_decay),
     0,
     1,
     .open = TRUE},
    {{"statistics", "channel-histograms", N_ ("Keep a histogram of every channel of these sites, with commas between, or all"), N_ ("SITE,…")},
     TEXT,
     AT (channel_histograms)},
    {{"statistics", "gram", N_ ("Keep XᵀX of the inputs of these sites, for --method output: names, patterns or all"), N_ ("LIST")},
     TEXT,
     AT (gram)},
    {{"statistics", "rows", N_ ("Keep so many rows of the inputs of every site, for --method output (0)"), "N"},
     COUNT,
     AT (rows),
     0,
     TN_ROW_SAMPLE_MOST},

    {{"run", "out", N_ ("Statistics file to write (beside the workspace)"), N_ ("FILE"), .path = TRUE}, TEXT, AT (out_path)},
    {{"run", "batch-size", N_ ("Sequences that go through the model together (8)"), "N"}, COUNT, AT (sampling.batch_size), 1, 65536},
    {{"run", "memory-limit"}, SIZE, AT (memory_limit)},
    {{"run", "time-limit", N_ ("Stop after this long, such as 90s or 15min, and keep what was seen"), N_ ("TIME")}, DURATION, AT (time_limit)},
    {{"run", "checkpoint-every", N_ ("How often what was seen is kept for --resume, 0 never (20s)"), N_ ("TIME")},
     DURATION,
     AT (checkpoint_seconds)},
    {{"run", "stop-when-stable", N_ ("Stop when the ranges of every site are known to this part of their value (5%)"), N_ ("[TOLERANCE]")},
     NUMBER,
     AT (tolerance),
     0,
     1},
    {{"run", "confidence", N_ ("Of the intervals that --stop-when-stable looks at (95%)"), N_ ("NUMBER")},
     NUMBER,
     AT (confidence),
     0,
     1,
     .open = TRUE},
};

G_STATIC_ASSERT (G_N_ELEMENTS (entries) <= 64);

static gpointer
field_of (const TnCalibrateOptions *self, const Entry *entry)
{
  return G_STRUCT_MEMBER_P (self, entry->offset);
}

static const Entry *
find_entry (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    if (strcmp (entries[i].option.name, name) == 0)
      return &entries[i];
  return NULL;
}

const TnCalibrateOption *
tn_calibrate_option_get (guint index)
{
  return index < G_N_ELEMENTS (entries) ? &entries[index].option : NULL;
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
  TnCalibrateOptions *copy = g_new0 (TnCalibrateOptions, 1);

  *copy = *self;
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      gpointer to = field_of (copy, &entries[i]);

      if (entries[i].kind == TEXT || entries[i].kind == NAME)
        *(char **) to = g_strdup (*(char **) to);
      else if (entries[i].kind == LIST)
        *(char ***) to = g_strdupv (*(char ***) to);
      else if (entries[i].kind == PERCENTILES)
        *(GArray **) to = g_array_copy (*(GArray **) to);
    }
  return copy;
}

void
tn_calibrate_options_free (TnCalibrateOptions *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      gpointer field = field_of (self, &entries[i]);

      if (entries[i].kind == TEXT || entries[i].kind == NAME)
        g_free (*(char **) field);
      else if (entries[i].kind == LIST)
        g_strfreev (*(char ***) field);
      else if (entries[i].kind == PERCENTILES)
        g_array_unref (*(GArray **) field);
    }
  g_free (self);
}

static gboolean
set_text (char **field, const char *origin, const char *text, GError **error)
{
  if (text[0] == '\0')
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: the value is empty"), origin);
      return FALSE;
    }
  g_free (*field);
  *field = g_strdup (text);
  return TRUE;
}

static gboolean
set_list (char ***field, const char *origin, const char *const *values, GError **error)
{
  gboolean empty = values[0] == NULL;

  for (guint i = 0; values[i] != NULL; i++)
    empty |= values[i][0] == '\0';
  if (empty)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: the value is empty"), origin);
      return FALSE;
    }
  g_strfreev (*field);
  *field = g_strdupv ((char **) values);
  return TRUE;
}

static gboolean
set_field (gpointer field, const Entry *entry, const char *origin, const char *const *values, GError **error)
{
  const char *text = values[0];
  guint64 number = 0;
  guint choice = 0;

  switch (entry->kind)
    {
    case TEXT:
      return set_text (field, origin, text, error);
    case LIST:
      return set_list (field, origin, values, error);
    case COUNT:
      if (!tn_option_parse_count (origin, text, (guint64) entry->least, (guint64) entry->most, &number, error))
        return FALSE;
      *(guint *) field = (guint) number;
      return TRUE;
    case SEED:
      return tn_option_parse_seed (origin, text, field, error);
    case NUMBER:
      return tn_option_parse_number (origin, text, entry->least, entry->most, entry->open, field, error);
    case SIZE:
      return tn_option_parse_size (origin, text, field, error);
    case DURATION:
      return tn_option_parse_duration (origin, text, field, error);
    case CHOICE:
      if (!tn_option_parse_choice (origin, text, entry->choices, &choice, error))
        return FALSE;
      *(int *) field = (int) choice;
      return TRUE;
    case NAME:
      if (!tn_option_parse_choice (origin, text, entry->choices, &choice, error))
        return FALSE;
      g_clear_pointer ((char **) field, g_free);
      *(char **) field = strcmp (text, AUTOMATIC) != 0 ? g_strdup (text) : NULL;
      return TRUE;
    case SHARD:
      return tn_option_parse_shard (origin, text, (guint *) field, (guint *) field + 1, error);
    case SITES:
      if (tn_site_kinds_parse (text, field, error))
        return TRUE;
      g_prefix_error (error, "%s: ", origin);
      return FALSE;
    case PERCENTILES:
    default:
      return tn_option_parse_percentiles (origin, text, field, error);
    }
}

static guint64
bit_of (const char *name)
{
  return G_GUINT64_CONSTANT (1) << (find_entry (name) - entries);
}

gboolean
tn_calibrate_options_is_given (const TnCalibrateOptions *self, const char *name)
{
  return (self->given & bit_of (name)) != 0;
}

gboolean
tn_calibrate_options_set (TnCalibrateOptions *self, const char *origin, const char *name, const char *const *values,
                          GError **error)
{
  const Entry *entry = find_entry (name);

  g_return_val_if_fail (entry != NULL, FALSE);
  if (!set_field (field_of (self, entry), entry, origin, values, error))
    return FALSE;
  self->given |= bit_of (name);
  /* A list says which sampler it is for. */
  if (strcmp (name, "indices") == 0 && !tn_calibrate_options_is_given (self, "sampler"))
    self->sampling.sampler = TN_SAMPLER_INDICES;
  if (strcmp (name, "weights") == 0 && !tn_calibrate_options_is_given (self, "sampler"))
    self->sampling.sampler = TN_SAMPLER_IMPORTANCE;
  return TRUE;
}

/* A line of a key file as GKeyFile understands it, which does not tell where it found what. */
static gboolean
read_line (TnCalibrateOptions *self, GKeyFile *file, const char *place, char *line, char **group, GHashTable *seen, GError **error)
{
  g_auto (GStrv) values = NULL;
  g_autofree char *origin = NULL;
  char *equals = strchr (line, '=');
  const Entry *entry = NULL;
  gboolean known = FALSE;
  GError *local = NULL;
  gsize length = strlen (line);

  if (line[0] == '[' && line[length - 1] == ']')
    {
      g_free (*group);
      *group = g_strndup (line + 1, length - 2);
      for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
        known |= strcmp (entries[i].option.group, *group) == 0;
      if (!known)
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: there is no group [%s]; expected [model], [data], [sample], [statistics] or [run]"),
                     place, *group);
      return known;
    }
  if (equals == NULL || *group == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   equals == NULL ? _ ("%s: “%s” is neither a [group], a key = value nor a # comment") : _ ("%s: “%s” stands in front of the first [group]"),
                   place, line);
      return FALSE;
    }
  *equals = '\0';
  g_strchomp (line);
  entry = find_entry (line);
  if (entry == NULL || strcmp (entry->option.group, *group) != 0)
    {
      if (entry == NULL)
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [%s] has no key “%s”"), place, *group, line);
      else
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: key “%s” stands in group [%s]; it belongs into [%s]"), place, line, *group,
                     entry->option.group);
      return FALSE;
    }
  if (!g_hash_table_add (seen, (gpointer) entry))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: key “%s” is there twice"), place, line);
      return FALSE;
    }
  origin = g_strdup_printf ("%s: %s", place, line);
  if (entry->option.list)
    values = g_key_file_get_string_list (file, *group, line, NULL, &local);
  else
    {
      values = g_new0 (char *, 2);
      values[0] = g_key_file_get_string (file, *group, line, &local);
    }
  if (local != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%s: %s", origin, local->message);
      g_error_free (local);
      return FALSE;
    }
  return tn_calibrate_options_set (self, origin, line, (const char *const *) values, error);
}

gboolean
tn_calibrate_options_load (TnCalibrateOptions *self, const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autofree char *text = NULL;
  g_autofree char *group = NULL;
  g_auto (GStrv) lines = NULL;
  GError *local = NULL;
  gsize bytes;

  if (!g_file_get_contents (path, &text, &bytes, error))
    return FALSE;
  if (bytes > MAX_CONFIG_BYTES || memchr (text, '\0', bytes) != NULL || !g_utf8_validate (text, (gssize) bytes, NULL))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: is no configuration: expected a key file in UTF-8 of at most 1 MiB"), path);
      return FALSE;
    }
  /* The lines are looked at first: they can say where something is wrong. What they let through, such as a group's name with a control character, is
   * refused by GKeyFile. */
  g_key_file_load_from_data (file, text, bytes, G_KEY_FILE_NONE, &local);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *place = g_strdup_printf ("%s:%u", path, i + 1);

      g_strstrip (lines[i]);
      if (lines[i][0] != '\0' && lines[i][0] != '#' && !read_line (self, file, place, lines[i], &group, seen, error))
        {
          g_clear_error (&local);
          return FALSE;
        }
    }
  if (local == NULL)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "%s: %s", path, local->message);
  g_error_free (local);
  return FALSE;
}

static void
print_number (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  /* The shortest that reads back as the same number. */
  for (int digits = 6; digits <= 17; digits++)
    {
      g_autofree char *format = g_strdup_printf ("%%.%dg", digits);

      g_ascii_formatd (buffer, sizeof buffer, format, value);
      if (g_ascii_strtod (buffer, NULL) == value)
        break;
    }
  g_string_append (text, buffer);
}

static void
print_sites (GString *text, TnSiteKind kinds)
{
  static const char *const names[] = {"in", "out", "residual", "logits"};
  gsize first = text->len;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (kinds & (TnSiteKind) (1U << i))
      g_string_append_printf (text, "%s%s", text->len > first ? "," : "", names[i]);
}

/* The value as set_field() reads it; nothing for what is not set. */
static void
print_field (GString *text, gconstpointer field, const Entry *entry)
{
  switch (entry->kind)
    {
    case TEXT:
    case NAME:
      g_string_append (text, *(char *const *) field != NULL ? *(char *const *) field : "");
      break;
    case COUNT:
      g_string_append_printf (text, "%u", *(const guint *) field);
      break;
    case SEED:
      g_string_append_printf (text, "%" PRIu64, *(const guint64 *) field);
      break;
    case SIZE:
      if (*(const guint64 *) field > 0)
        g_string_append_printf (text, "%" PRIu64, *(const guint64 *) field);
      break;
    case NUMBER:
    case DURATION:
      print_number (text, *(const double *) field);
      break;
    case CHOICE:
      g_string_append (text, entry->choices[*(const int *) field]);
      break;
    case SHARD:
      g_string_append_printf (text, "%u/%u", ((const guint *) field)[0], ((const guint *) field)[1]);
      break;
    case SITES:
      print_sites (text, *(const TnSiteKind *) field);
      break;
    case PERCENTILES:
      {
        const GArray *percentiles = *(GArray *const *) field;

        for (guint i = 0; i < percentiles->len; i++)
          {
            g_string_append (text, i > 0 ? "," : "");
            print_number (text, g_array_index (percentiles, double, i));
          }
        break;
      }
    case LIST:
    default:
      break;
    }
}

/* FALSE: that it was not given is what counts, not its value. */
static gboolean
is_in_force (const TnCalibrateOptions *self, const Entry *entry)
{
  const char *name = entry->option.name;
  gboolean by_being_given = strcmp (name, "ema-decay") == 0 ||
                            (self->tensor_paths != NULL && (strcmp (name, "samples") == 0 || strcmp (name, "batch-size") == 0));

  return !by_being_given || tn_calibrate_options_is_given (self, name);
}

char *
tn_calibrate_options_print (const TnCalibrateOptions *self)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    {
      const Entry *entry = &entries[i];
      gconstpointer field = field_of (self, entry);

      if (!is_in_force (self, entry))
        continue;
      if (entry->kind == LIST)
        {
          char **list = *(char **const *) field;

          if (list != NULL)
            g_key_file_set_string_list (file, entry->option.group, entry->option.name, (const char *const *) list, g_strv_length (list));
        }
      else
        {
          g_autoptr (GString) text = g_string_new (NULL);

          print_field (text, field, entry);
          if (text->len > 0)
            g_key_file_set_string (file, entry->option.group, entry->option.name, text->str);
        }
    }
  return g_key_file_to_data (file, NULL, NULL);
}

guint
tn_calibrate_options_get_reference_count (const TnCalibrateOptions *self)
{
  guint64 count = 0;

  return self->reference != NULL && g_ascii_string_to_unsigned (self->reference, 10, 1, MOST_REFERENCE, &count, NULL) ? (guint) count : 0;
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
    return _ ("a run that may stop early sees sequences in random order and needs a drawn sample: set --samples to the most that may be taken");
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
