/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-provenance.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/data-files.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/nn/linear.h"

static void
add_tokenizer (GString *text, TnTokenizer *tokenizer)
{
  guint n = tn_tokenizer_get_size (tokenizer);
  guint64 hash = n;

  for (guint i = 0; i < n; i++)
    hash = tn_hash_combine (hash, tn_hash_string (tn_tokenizer_get_piece (tokenizer, (gint32) i), i));
  tn_provenance_add (text, "the tokenizer", "%s of %u pieces (%016" PRIx64 ", BOS %d)", tn_tokenizer_get_kind (tokenizer), n, hash,
                     tn_tokenizer_get_bos (tokenizer));
}

/* Options that change no statistics; all others count, also those that are yet to come. */
static const char *const without_effect[] = {
    "model", "tokenizer", "data", "tensors", "workers", "reference", "out", "batch-size", "memory-limit", "time-limit", "checkpoint-every", NULL,
};

static gboolean
add_option (GString *text, const TnCalibrateOptions *options, const TnOption *option, GKeyFile *values, GError **error)
{
  g_autofree char *value = g_key_file_get_string (values, option->group, option->name, NULL);
  g_autofree char *name = g_strconcat ("--", option->name, NULL);
  g_autoptr (GPtrArray) files = g_ptr_array_new ();

  if (value == NULL || g_strv_contains (without_effect, option->name))
    return TRUE;
  /* Of recordings all sequences are taken unless it is said how many. */
  if (options->tensor_paths != NULL && strcmp (option->name, "samples") == 0 && !tn_calibrate_options_is_given (options, "samples"))
    {
      tn_provenance_add (text, name, "0");
      return TRUE;
    }
  if (!option->path)
    {
      tn_provenance_add (text, name, "%s", value);
      return TRUE;
    }
  g_ptr_array_add (files, value);
  return tn_provenance_add_files (text, name, files, error);
}

static gboolean
add_options (GString *text, const TnCalibrateOptions *options, GError **error)
{
  g_autofree char *printed = tn_calibrate_options_print (options);
  g_autoptr (GKeyFile) values = g_key_file_new ();
  const TnOption *option;

  if (!g_key_file_load_from_data (values, printed, (gsize) -1, G_KEY_FILE_NONE, error))
    return FALSE;
  for (guint i = 0; (option = tn_calibrate_option_get (i)) != NULL; i++)
    if (!add_option (text, options, option, values, error))
      return FALSE;
  /* Kept when asked for, whatever the number. */
  tn_provenance_add (text, "moving ranges", "%s", tn_calibrate_options_is_given (options, "ema-decay") ? "kept" : "none");
  return TRUE;
}

/* Standard input has no content that could be looked at first. */
static gboolean
add_data (GString *text, TnDataset *dataset, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new ();

  for (guint i = 0; i < tn_dataset_n_files (dataset); i++)
    {
      const char *path = tn_dataset_get_file (dataset, i);

      if (strcmp (path, "-") == 0)
        {
          g_set_error_literal (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("standard input cannot be read twice"));
          return FALSE;
        }
      g_ptr_array_add (files, (gpointer) path);
    }
  return tn_provenance_add_files (text, "data file", files, error);
}

char *
tn_calibrate_tensors_provenance (const TnCalibrateOptions *options, GError **error)
{
  g_autoptr (GPtrArray) files = tn_data_files_find ((const char *const *) options->tensor_paths, NULL, error);
  g_autoptr (GString) text = g_string_new (NULL);

  if (files == NULL || !tn_provenance_add_files (text, "tensor file", files, error) || !add_options (text, options, error))
    return NULL;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
tn_calibrate_provenance (const TnCalibrateOptions *options, TnModelFile *model, TnDataset *dataset, TnTokenizer *tokenizer, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *backend = tn_linear_backend ();
  GError *local = NULL;

  if (!tn_provenance_add_files (text, "model file", tn_model_file_get_files (model), &local) || !add_data (text, dataset, &local) ||
      !add_options (text, options, &local))
    {
      if (g_error_matches (local, TN_ERROR, TN_ERROR_UNSUPPORTED))
        g_error_free (local);
      else
        g_propagate_error (error, local);
      return NULL;
    }
  if (tokenizer != NULL)
    add_tokenizer (text, tokenizer);
  /* A run that goes on has to meet the same sequences in the same order. */
  tn_provenance_add (text, "the order of sequences (random with --time-limit and --stop-when-stable)", "%s", options->sampling.shuffled ? "random" : "as they lie");
  tn_provenance_add (text, "the back end", "%s", backend);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
