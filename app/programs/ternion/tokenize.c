/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "data/files/mapped-file.h"
#include "data/tokenizers/tokenizer.h"

/* The argument names a model, or a file that is a tokenizer itself. */
static TnTokenizer *
open_tokenizer (const TnCommand *command, GError **error)
{
  g_autoptr (GError) no_model = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (command->arguments[0], &no_model);
  TnTokenizer *tokenizer;

  if (file != NULL)
    return tn_tokenizer_find (command->tokenizer, file, error);
  if (command->tokenizer != NULL)
    return tn_tokenizer_open (command->tokenizer, error);
  tokenizer = tn_tokenizer_open (command->arguments[0], NULL);
  if (tokenizer == NULL)
    g_propagate_error (error, g_steal_pointer (&no_model));
  return tokenizer;
}

static gboolean
print_json (TnTokenizer *tokenizer, const GArray *ids, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "ids");
  json_builder_begin_array (builder);
  for (guint i = 0; i < ids->len; i++)
    json_builder_add_int_value (builder, g_array_index (ids, gint32, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "tokens");
  json_builder_begin_array (builder);
  for (guint i = 0; i < ids->len; i++)
    {
      const char *piece = tn_tokenizer_get_piece (tokenizer, g_array_index (ids, gint32, i));
      g_autofree char *valid = piece != NULL ? g_utf8_make_valid (piece, -1) : NULL;

      tn_json_add_string (builder, NULL, valid);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

TnExitStatus
tn_verb_tokenize (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_autofree char *text = NULL, *path = NULL;
  g_autoptr (TnMappedFile) contents = NULL;
  gboolean no_bos = FALSE;
  const GOptionEntry entries[] = {
    { "text", 0, 0, G_OPTION_ARG_STRING, &text, N_("Text to tokenize"), N_("TEXT") },
    { "file", 0, 0, G_OPTION_ARG_FILENAME, &path, N_("File to tokenize"), N_("FILE") },
    { "no-bos", 0, 0, G_OPTION_ARG_NONE, &no_bos, N_("No beginning-of-sequence token in front"), NULL },
    { NULL },
  };
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  TnExitStatus status;
  GError *error = NULL;
  const char *data;
  gsize bytes;

  if (!tn_command_parse (&command, argc, argv, "tokenize", _("MODEL (--text TEXT | --file FILE)"), _("text to token ids"), entries, 1, 1, &status))
    return status;
  if ((text == NULL) == (path == NULL))
    return tn_command_usage_error (&command, _("give either --text TEXT or --file FILE"));
  if (path != NULL && (contents = tn_mapped_file_open (path, &error)) == NULL)
    return tn_command_fail (&command, error);
  bytes = contents != NULL ? tn_mapped_file_get_size (contents) : strlen (text);
  data = bytes == 0 ? "" : contents != NULL ? (const char *) tn_mapped_file_get_data (contents) : text;
  if ((tokenizer = open_tokenizer (&command, &error)) == NULL)
    return tn_command_fail (&command, error);
  if (!tn_tokenizer_encode (tokenizer, data, bytes, !no_bos, ids, &error))
    {
      g_prefix_error (&error, "%s: ", path != NULL ? path : "--text");
      return tn_command_fail (&command, error);
    }
  if (command.json)
    {
      if (!print_json (tokenizer, ids, &error))
        return tn_command_fail (&command, error);
    }
  else
    {
      for (guint i = 0; i < ids->len; i++)
        g_print ("%s%d", i > 0 ? " " : "", g_array_index (ids, gint32, i));
      g_print ("\n");
    }
  return tn_command_finish (&command);
}
