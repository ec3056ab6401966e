/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/token-text.h"

char *
tn_token_text (TnTokenizer *tokenizer, const gint32 *tokens, guint n)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    if (tokenizer == NULL)
      g_string_append_printf (text, "%d ", tokens[i]);
    else if (!tn_tokenizer_decode (tokenizer, tokens[i], text, NULL))
      g_string_append_printf (text, "<%d>", tokens[i]);
  return g_utf8_make_valid (text->str, (gssize) text->len);
}

char *
tn_token_text_one (TnTokenizer *tokenizer, gint32 token)
{
  g_autofree char *text = tn_token_text (tokenizer, &token, 1);

  if (*text != '\0' || tokenizer == NULL)
    return g_steal_pointer (&text);
  return g_utf8_make_valid (tn_tokenizer_get_piece (tokenizer, token), -1);
}
