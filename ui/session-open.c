/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/session-open.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/tokenizers/tokenizer.h"
#include "ui/numbers.h"

#define MAX_RECENT 8

static char *
describe_tokenizer (TnTokenizer *tokenizer)
{
  g_autofree char *size = tn_format_tokens (tn_tokenizer_get_size (tokenizer));

  /* Translators: the kind of a tokenizer and the size of its vocabulary, as in "bpe, 512 tokens" */
  return g_strdup_printf (_ ("%s, %s"), tn_tokenizer_get_kind (tokenizer), size);
}

/* Whoever reads this knows which model it is about. */
static char *
without_path (const char *message, const char *path)
{
  gsize length = strlen (path);

  return g_strdup (g_str_has_prefix (message, path) && g_str_has_prefix (message + length, ": ") ? message + length + 2
                                                                                                 : message);
}

TnModelFacts *
tn_model_facts_read (TnModelFile *file)
{
  TnModelFacts *self = g_new0 (TnModelFacts, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = tn_model_file_load (file, &error);
  g_autoptr (TnTokenizer) tokenizer = NULL;

  if (model == NULL)
    {
      self->unfit = without_path (error->message, tn_model_file_get_path (file));
      return self;
    }
  self->n_context = tn_model_get_config (model)->n_context;
  tokenizer = tn_tokenizer_find (NULL, file, &error);
  if (tokenizer != NULL)
    self->tokenizer = describe_tokenizer (tokenizer);
  else
    self->tokenizer_error = without_path (error->message, tn_model_file_get_path (file));
  return self;
}

void
tn_model_facts_free (TnModelFacts *self)
{
  if (self == NULL)
    return;
  g_free (self->unfit);
  g_free (self->tokenizer);
  g_free (self->tokenizer_error);
  g_free (self);
}

char **
tn_recent_models_read (TnWorkspace *workspace)
{
  g_autoptr (GPtrArray) models = workspace != NULL ? tn_workspace_list_models (workspace, NULL) : NULL;
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  guint n_paths = 0;

  for (guint i = 0; models != NULL && i < models->len && n_paths < MAX_RECENT; i++)
    {
      const TnModelRow *model = g_ptr_array_index (models, i);

      if (!g_file_test (model->path, G_FILE_TEST_EXISTS))
        continue;
      g_strv_builder_add (paths, model->path);
      n_paths++;
    }
  return g_strv_builder_end (paths);
}
