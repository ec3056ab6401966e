/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/trace-extreme.h"

#include "app/tasks/token-text.h"
#include "data/datasets/find-sequence.h"
#include "data/models/model-file.h"
#include "data/tokenizers/tokenizer.h"

void
tn_traced_extreme_free (TnTracedExtreme *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->before);
  g_free (self->token);
  g_free (self->after);
  g_free (self);
}

static TnTracedExtreme *
describe (const TnExtreme *extreme, GPtrArray *sequences, TnTokenizer *tokenizer, gboolean in_tokens, guint context)
{
  TnTracedExtreme *self = g_new0 (TnTracedExtreme, 1);

  self->extreme = *extreme;
  self->in_tokens = in_tokens;
  for (guint i = 0; i < sequences->len; i++)
    {
      const TnFoundSequence *sequence = g_ptr_array_index (sequences, i);
      const gint32 *tokens = (const gint32 *) (gpointer) sequence->tokens->data;
      guint place = extreme->token, n = sequence->tokens->len, first = place > context ? place - context : 0;

      if (sequence->hash != extreme->sample || place >= n)
        continue;
      self->found = TRUE;
      self->path = g_strdup (sequence->path);
      self->offset = sequence->offset;
      self->before = tn_token_text (tokenizer, tokens + first, place - first);
      self->token = tn_token_text_one (tokenizer, tokens[place]);
      self->after = tn_token_text (tokenizer, tokens + place + 1, MIN (n - place - 1, context));
      break;
    }
  return self;
}

GPtrArray *
tn_trace_extremes (const TnCalibrateOptions *options, const TnExtreme *extremes, guint n, guint context, const TnListener *listener,
                   GCancellable *cancellable, GError **error)
{
  g_autoptr (TnModelFile) file = tn_model_file_open (options->model_path, error);
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (GPtrArray) sequences = NULL;
  g_autofree guint64 *hashes = g_new (guint64, n);
  gboolean in_tokens;
  GPtrArray *traced;

  if (file == NULL)
    return NULL;
  in_tokens = !tn_dataset_needs_tokenizer ((const char *const *) options->data_paths, &options->data);
  /* Tokens can be told by their numbers; text cannot be cut without its tokenizer. */
  tokenizer = tn_tokenizer_find (options->tokenizer_path, file, in_tokens && options->tokenizer_path == NULL ? NULL : error);
  if (tokenizer == NULL && (!in_tokens || options->tokenizer_path != NULL))
    return NULL;
  dataset = tn_dataset_open ((const char *const *) options->data_paths, &options->data, tokenizer, G_MAXINT32, listener, error);
  if (dataset == NULL)
    return NULL;
  for (guint i = 0; i < n; i++)
    hashes[i] = extremes[i].sample;
  sequences = tn_dataset_find_sequences (dataset, options->sampling.seq_len, hashes, n, listener, cancellable, error);
  if (sequences == NULL)
    return NULL;
  traced = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_traced_extreme_free);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (traced, describe (&extremes[i], sequences, tokenizer, in_tokens, context));
  return traced;
}
