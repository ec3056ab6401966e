/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-provenance.h"

#include <inttypes.h>

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

static void
add_sites (GString *text, TnSiteKind kinds)
{
  static const struct
  {
    TnSiteKind kind;
    const char *name;
  } names[] = {{TN_SITE_INPUT, "in"}, {TN_SITE_OUTPUT, "out"}, {TN_SITE_RESIDUAL, "residual"}, {TN_SITE_LOGITS, "logits"}};
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (kinds & names[i].kind)
      g_string_append_printf (list, "%s%s", list->len > 0 ? "," : "", names[i].name);
  tn_provenance_add (text, "--sites", "%s", list->str);
}

static void
add_sampling (GString *text, const TnSamplingOptions *sampling)
{
  tn_provenance_add (text, "--sampler", "%s", sampling->sampler == TN_SAMPLER_RANDOM ? "random" : "systematic");
  tn_provenance_add (text, "--samples", "%u", sampling->n_samples);
  tn_provenance_add (text, "--seq-len", "%u", sampling->seq_len);
  tn_provenance_add (text, "--seed", "%" PRIu64, sampling->seed);
  tn_provenance_add (text, "--shard", "%u/%u", sampling->shard, sampling->n_shards);
}

char *
tn_calibrate_provenance (const TnCalibrateOptions *options, TnModelFile *model, TnDataset *dataset, TnTokenizer *tokenizer, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *backend = tn_linear_backend ();
  GError *local = NULL;

  if (!tn_provenance_add_files (text, "model file", tn_model_file_get_files (model), &local) ||
      !tn_provenance_add_files (text, "data file", tn_dataset_get_files (dataset), &local))
    {
      if (g_error_matches (local, TN_ERROR, TN_ERROR_UNSUPPORTED))
        g_error_free (local);
      else
        g_propagate_error (error, local);
      return NULL;
    }
  if (tokenizer != NULL)
    add_tokenizer (text, tokenizer);
  add_sampling (text, &options->sampling);
  add_sites (text, options->kinds);
  tn_provenance_add (text, "the back end", "%s", backend);
  return g_string_free (g_steal_pointer (&text), FALSE);
}
