/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/carrier-text.h"

#include "app/tasks/token-text.h"

/* Tokens on either side, and of a sample. */
#define CONTEXT_TOKENS 8
#define SAMPLE_TOKENS 24

static char *
describe_token (const TnSequence *sequence, guint position, TnTokenizer *tokenizer)
{
  guint first = position > CONTEXT_TOKENS ? position - CONTEXT_TOKENS : 0,
        end = MIN (sequence->length, position + 1 + CONTEXT_TOKENS);
  g_autofree char *before = tn_token_text (tokenizer, sequence->tokens + first, position - first);
  g_autofree char *token = tn_token_text_one (tokenizer, sequence->tokens[position]);
  g_autofree char *after = tn_token_text (tokenizer, sequence->tokens + position + 1, end - position - 1);

  return g_strconcat (before, TN_CARRIER_TOKEN_OPEN, token, TN_CARRIER_TOKEN_CLOSE, after, NULL);
}

void
tn_carrier_text_set (TnAnalysis *analysis, const TnBatch *samples, TnTokenizer *tokenizer)
{
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      GArray *carriers = tn_analysis_get_layer (analysis, i)->carriers;

      for (guint j = 0; j < carriers->len; j++)
        {
          TnCarrier *carrier = &g_array_index (carriers, TnCarrier, j);
          const TnSequence *sequence;

          if ((carrier->kind != TN_CARRIER_TOKEN && carrier->kind != TN_CARRIER_SAMPLE) || carrier->index >= samples->n_sequences)
            continue;
          sequence = &samples->sequences[carrier->index];
          g_free (carrier->text);
          carrier->text = carrier->kind == TN_CARRIER_TOKEN
                              ? describe_token (sequence, carrier->position, tokenizer)
                              : tn_token_text (tokenizer, sequence->tokens, MIN (sequence->length, SAMPLE_TOKENS));
        }
    }
}
