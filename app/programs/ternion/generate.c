/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/generate.h"

static void
print_piece (gint32 id, const char *piece, gsize bytes, gpointer user_data)
{
  fwrite (piece, 1, bytes, stdout);
  fflush (stdout);
}

static gboolean
print_json (TnTokenizer *tokenizer, const GArray *ids, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *valid = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "ids");
  json_builder_begin_array (builder);
  for (guint i = 0; i < ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      json_builder_add_int_value (builder, id);
      if (id != tn_tokenizer_get_bos (tokenizer) && !tn_tokenizer_decode (tokenizer, id, text, error))
        return FALSE;
    }
  json_builder_end_array (builder);
  valid = g_utf8_make_valid (text->str, (gssize) text->len);
  tn_json_add_string (builder, "text", valid);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

TnExitStatus
tn_verb_generate (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_autofree char *prompt = NULL;
  int tokens = 200;
  double temperature = 0.8, top_p = 0.95;
  gboolean greedy = FALSE, parsed;
  const GOptionEntry entries[] = {
    { "prompt", 0, 0, G_OPTION_ARG_STRING, &prompt, N_("Text to go on from (empty)"), N_("TEXT") },
    { "tokens", 0, 0, G_OPTION_ARG_INT, &tokens, N_("Tokens to generate (200)"), "N" },
    { "greedy", 0, 0, G_OPTION_ARG_NONE, &greedy, N_("Always take the most likely token"), NULL },
    { "temperature", 0, 0, G_OPTION_ARG_DOUBLE, &temperature, N_("Randomness, 0 is greedy (0.8)"), "X" },
    { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &top_p, N_("Draw among the likeliest tokens with this total probability (0.95)"), "X" },
    { NULL },
  };
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  TnGenerateOptions options;
  TnExitStatus status;
  GError *error = NULL;

  parsed = tn_command_parse (&command, argc, argv, "generate", _("MODEL --prompt TEXT"), _("let a model go on from a prompt"), entries, 1, 1, &status);
  if (!parsed)
    return status;
  if (tokens < 1)
    return tn_command_usage_error (&command, _("--tokens: %d is less than 1"), tokens);
  if (!(temperature >= 0.0) || !(top_p > 0.0 && top_p <= 1.0))
    return tn_command_usage_error (&command, _("--temperature must not be negative and --top-p must lie between 0 and 1"));
  if ((file = tn_model_file_open (command.arguments[0], &error)) == NULL || (model = tn_model_file_load (file, &error)) == NULL ||
      (tokenizer = tn_tokenizer_find (command.tokenizer, file, &error)) == NULL)
    return tn_command_fail (&command, error);
  options = (TnGenerateOptions) { .tokens = (guint) tokens, .temperature = greedy ? 0.0 : temperature, .top_p = top_p, .seed = (guint64) command.seed };
  if (!command.json && prompt != NULL)
    print_piece (0, prompt, strlen (prompt), NULL);
  command.listener.progress = NULL;
  if (!tn_generate (model, tokenizer, prompt != NULL ? prompt : "", &options, ids, command.json ? NULL : print_piece, NULL, &command.listener,
                    command.cancellable, &error) ||
      !tn_model_file_check (file, &error))
    return tn_command_fail (&command, error);
  if (!command.json)
    g_print ("\n");
  else if (!print_json (tokenizer, ids, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
