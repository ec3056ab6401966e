/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/generate.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/generate.h"
#include "engine/random.h"

typedef struct
{
  TnGenerator  *generator;
  const gint32 *tokens;
  guint         n;
  const float  *logits;
  GError       *error;
} PromptCall;

static void
run_on_compute_thread (gpointer user_data)
{
  PromptCall *call = user_data;

  call->logits = tn_generator_prompt (call->generator, call->tokens, call->n, &call->error);
}

gboolean
tn_generate (TnModel *model, TnTokenizer *tokenizer, const char *prompt, const TnGenerateOptions *options, GArray *ids, TnGenerateFunc func,
             gpointer user_data, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  g_autoptr (TnGenerator) generator = tn_generator_new (model, error);
  g_autoptr (GArray) sequence = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GString) piece = g_string_new (NULL);
  TnRandom random = tn_random_stream (options->seed, "generate");
  guint generated = 0;

  if (generator == NULL || !tn_tokenizer_encode (tokenizer, prompt, strlen (prompt), TRUE, sequence, error))
    return FALSE;
  if (sequence->len == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _("the prompt holds no token and the model has no beginning-of-sequence token: give a longer prompt"));
      return FALSE;
    }
  if (sequence->len >= config->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("the prompt has %u tokens; the model's context of %u leaves no room to go on"),
                   sequence->len, config->n_context);
      return FALSE;
    }
  for (guint done = 0; done < sequence->len && generated < options->tokens; done = sequence->len - 1)
    {
      PromptCall call = { .generator = generator, .tokens = &g_array_index (sequence, gint32, done), .n = sequence->len - done };
      gint32 next;

      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
        return FALSE;
      tn_compute_run (run_on_compute_thread, &call);
      if (call.logits == NULL)
        {
          g_propagate_error (error, call.error);
          return FALSE;
        }
      next = tn_sample_token (call.logits, config->n_vocab, options->temperature, options->top_p, tn_random_uniform (&random));
      generated++;
      g_array_append_val (sequence, next);
      tn_listener_progress (listener, generated, options->tokens, "tokens");
      if (next == tn_tokenizer_get_eos (tokenizer) || next == tn_tokenizer_get_bos (tokenizer))
        break;
      g_string_truncate (piece, 0);
      if (!tn_tokenizer_decode (tokenizer, next, piece, error))
        return FALSE;
      if (func != NULL)
        func (next, piece->str, piece->len, user_data);
      if (sequence->len >= config->n_context)
        break;
    }
  if (ids != NULL)
    g_array_append_vals (ids, sequence->data, sequence->len);
  return TRUE;
}
