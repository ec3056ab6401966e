/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/gguf-form.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/mapped-file.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/byte-pair-model.h"
#include "data/tokenizers/gguf-form-private.h"
#include "data/tokenizers/piece-model.h"
#include "data/tokenizers/tokenizer-private.h"
#include "engine/error.h"

#define LOWER_ONE_EIGHTH "\xe2\x96\x81"
#define FIRST_BYTE_TOKEN 3

static void
free_token (gpointer data)
{
  g_string_free (data, TRUE);
}

static void
init (TnGgufTokenizer *self, const char *model)
{
  *self = (TnGgufTokenizer){.model = model, .bos = -1, .eos = -1, .unknown = -1};
  self->tokens = g_ptr_array_new_with_free_func (free_token);
  self->types = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->scores = g_array_new (FALSE, FALSE, sizeof (float));
  self->merges = g_ptr_array_new_with_free_func (g_free);
}

void
tn_gguf_tokenizer_clear (TnGgufTokenizer *self)
{
  g_clear_pointer (&self->tokens, g_ptr_array_unref);
  g_clear_pointer (&self->types, g_array_unref);
  g_clear_pointer (&self->scores, g_array_unref);
  g_clear_pointer (&self->merges, g_ptr_array_unref);
}

static void
add_token (TnGgufTokenizer *self, const char *text, gsize bytes, TnGgufTokenType type)
{
  gint32 number = (gint32) type;

  g_ptr_array_add (self->tokens, g_string_new_len (text, (gssize) bytes));
  g_array_append_val (self->types, number);
}

/* A place whose token does not exist, as llama.cpp's converter fills it. */
static void
add_unused (TnGgufTokenizer *self)
{
  g_autofree char *text = g_strdup_printf ("[PAD%u]", self->tokens->len);

  add_token (self, text, strlen (text), TN_GGUF_TOKEN_UNUSED);
}

static void
get_bytes_form (TnTokenizer *tokenizer, TnGgufTokenizer *self)
{
  init (self, "gpt2");
  self->pre = "gpt-2";
  for (guint byte = 0; byte < 256; byte++)
    {
      char text[6];

      add_token (self, text, (gsize) g_unichar_to_utf8 (tn_byte_level_character ((guint8) byte), text), TN_GGUF_TOKEN_NORMAL);
    }
  for (guint id = 256; id < tokenizer->size; id++)
    {
      const char *piece = tn_tokenizer_get_piece (tokenizer, (gint32) id);

      add_token (self, piece, strlen (piece), TN_GGUF_TOKEN_CONTROL);
    }
}

static guint32
read_u32 (const guint8 *data)
{
  guint32 value;

  memcpy (&value, data, sizeof value);
  return GUINT32_FROM_LE (value);
}

/* The tokenizer was read from these bytes, so that their lengths are right, unless somebody changed the file since. */
static void
read_llama2c (TnGgufTokenizer *self, const guint8 *data, gsize size)
{
  static const char *const specials[FIRST_BYTE_TOKEN] = {"<unk>", "<s>", "</s>"};

  for (gsize place = 4; place + 8 <= size && read_u32 (data + place + 4) <= size - place - 8;)
    {
      guint id = self->tokens->len;
      guint32 bits = read_u32 (data + place), length = read_u32 (data + place + 4);
      const char *piece = (const char *) data + place + 8;
      g_autoptr (GString) text = g_string_new_len (piece, (gssize) length);
      float score;

      memcpy (&score, &bits, sizeof score);
      g_array_append_val (self->scores, score);
      g_string_replace (text, " ", LOWER_ONE_EIGHTH, 0);
      if (id < FIRST_BYTE_TOKEN)
        add_token (self, specials[id], strlen (specials[id]), id == 0 ? TN_GGUF_TOKEN_UNKNOWN : TN_GGUF_TOKEN_CONTROL);
      else
        add_token (self, text->str, text->len,
                   tn_tokenizer_byte_of_piece (piece, length) >= 0 ? TN_GGUF_TOKEN_BYTE : TN_GGUF_TOKEN_NORMAL);
      place += 8 + length;
    }
}

static gboolean
get_llama2c_form (TnTokenizer *tokenizer, TnGgufTokenizer *self, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (tokenizer->path, error);

  if (file == NULL)
    return FALSE;
  init (self, "llama");
  self->unknown = 0;
  read_llama2c (self, tn_mapped_file_get_data (file), tn_mapped_file_get_size (file));
  return TRUE;
}

static gboolean
unsupported (GError **error, const char *path, const char *what)
{
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: GGUF's keys cannot express %s"), path, what);
  return FALSE;
}

/* tokenizer.ggml.pre that stands for the rules of this splitter, with what it says of merges. */
static const char *
find_pre (const TnBytePairModel *model)
{
  guint n = tn_text_splitter_n_links (model->splitter);
  int first = tn_text_splitter_get_rule (model->splitter, 0),
      second = n > 1 ? tn_text_splitter_get_rule (model->splitter, 1) : -1;

  if (n == 1 && first == TN_SPLIT_LLAMA3 && model->ignore_merges)
    return "llama-bpe";
  if (model->ignore_merges)
    return NULL;
  if (n == 1 && first == TN_SPLIT_GPT2)
    return "gpt-2";
  if (n == 1 && first == TN_SPLIT_QWEN2)
    return "qwen2";
  return n == 2 && first == TN_SPLIT_DIGIT && second == TN_SPLIT_GPT2 ? "smollm" : NULL;
}

static void
add_added_token (GHashTable *types, const TnJsonNode *node)
{
  const TnJsonNode *id = tn_json_find_typed (node, "id", TN_JSON_NUMBER);
  const TnJsonNode *special = tn_json_find_typed (node, "special", TN_JSON_BOOLEAN);
  TnGgufTokenType type = special != NULL && !special->value.boolean ? TN_GGUF_TOKEN_USER_DEFINED : TN_GGUF_TOKEN_CONTROL;

  if (id != NULL)
    g_hash_table_insert (types, GINT_TO_POINTER ((gint) id->value.number.integer), GINT_TO_POINTER (type));
}

/* Pieces of the vocabulary by id; NULL where there is none. The reader has checked the ids. */
static void
add_pieces (TnTokenizer *tokenizer, const TnJsonNode *root, TnGgufTokenizer *self)
{
  const TnJsonNode *added = tn_json_find_typed (root, "added_tokens", TN_JSON_ARRAY);
  g_autoptr (GHashTable) types = g_hash_table_new (NULL, NULL);

  for (const TnJsonNode *node = added != NULL ? added->value.list.first : NULL; node != NULL; node = node->next)
    add_added_token (types, node);
  for (guint id = 0; id < tokenizer->size; id++)
    {
      const char *piece = tn_tokenizer_get_piece (tokenizer, (gint32) id);
      gpointer type = g_hash_table_lookup (types, GINT_TO_POINTER ((gint) id));

      if (piece[0] == '\0')
        add_unused (self);
      else
        add_token (self, piece, strlen (piece), type != NULL ? (TnGgufTokenType) GPOINTER_TO_INT (type) : TN_GGUF_TOKEN_NORMAL);
    }
}

gboolean
tn_gguf_form_get_merge (const TnJsonNode *merge, char **left, char **right)
{
  if (merge->type == TN_JSON_STRING)
    {
      const char *text = merge->value.string.text, *space = text[0] != '\0' ? strchr (text + 1, ' ') : NULL;

      *left = space != NULL ? g_strndup (text, (gsize) (space - text)) : NULL;
      *right = space != NULL ? g_strdup (space + 1) : NULL;
      return space != NULL;
    }
  *left = *right = NULL;
  if (merge->type != TN_JSON_ARRAY || merge->n_children != 2)
    return FALSE;
  *left = tn_json_node_to_text (merge->value.list.first, 0);
  *right = tn_json_node_to_text (merge->value.list.first->next, 0);
  return TRUE;
}

static void
add_merges (const TnJsonNode *merges, TnGgufTokenizer *self)
{
  for (const TnJsonNode *node = merges->value.list.first; node != NULL; node = node->next)
    {
      g_autofree char *left = NULL, *right = NULL;

      if (tn_gguf_form_get_merge (node, &left, &right))
        g_ptr_array_add (self->merges, g_strconcat (left, " ", right, NULL));
    }
}

static gboolean
get_byte_level_form (TnTokenizer *tokenizer, const TnJsonNode *root, const TnJsonNode *merges, TnGgufTokenizer *self,
                     GError **error)
{
  const TnBytePairModel *model = tokenizer->model;

  if (model->normal_form >= 0)
    return unsupported (error, tokenizer->path, _ ("a normalizer"));
  if (model->prefix_space)
    return unsupported (error, tokenizer->path, _ ("a space in front of the text"));
  if (find_pre (model) == NULL)
    return unsupported (error, tokenizer->path, _ ("its way to cut text into words"));
  init (self, "gpt2");
  self->pre = find_pre (model);
  self->unknown = model->unknown;
  add_pieces (tokenizer, root, self);
  add_merges (merges, self);
  return TRUE;
}

static gboolean
get_piece_form (TnTokenizer *tokenizer, const TnJsonNode *root, const TnJsonNode *merges, TnGgufTokenizer *self, GError **error)
{
  const TnPieceModel *model = tokenizer->model;

  if (model->split_words || (model->prefix_space && (model->only_if_none || model->only_first)))
    return unsupported (error, tokenizer->path, _ ("its way to cut text into words"));
  init (self, "llama");
  self->unknown = model->unknown;
  self->no_space_prefix = !model->prefix_space;
  add_pieces (tokenizer, root, self);
  for (guint id = 0; id < self->tokens->len; id++)
    {
      const GString *token = g_ptr_array_index (self->tokens, id);
      gint byte = tn_tokenizer_byte_of_piece (token->str, token->len);

      if ((gint32) id == model->unknown)
        g_array_index (self->types, gint32, id) = TN_GGUF_TOKEN_UNKNOWN;
      else if (byte >= 0 && model->fallback[byte] == (gint32) id)
        g_array_index (self->types, gint32, id) = TN_GGUF_TOKEN_BYTE;
    }
  return tn_gguf_form_score_merges (self, merges) ||
         unsupported (error, tokenizer->path, _ ("merges that no scores of pieces stand for"));
}

static gboolean
get_json_form (TnTokenizer *tokenizer, TnGgufTokenizer *self, GError **error)
{
  g_autoptr (TnJson) json = tn_json_parse_file (tokenizer->path, error);
  const TnJsonNode *root, *merges;

  if (json == NULL)
    return FALSE;
  root = tn_json_get_root (json);
  merges = tn_json_find_typed (tn_json_find (root, "model"), "merges", TN_JSON_ARRAY);
  if (merges == NULL)
    return unsupported (error, tokenizer->path, _ ("a model without merges"));
  return tokenizer->klass == &tn_byte_pair_class ? get_byte_level_form (tokenizer, root, merges, self, error)
                                                 : get_piece_form (tokenizer, root, merges, self, error);
}

gboolean
tn_tokenizer_get_gguf_form (TnTokenizer *tokenizer, guint n_vocab, TnGgufTokenizer *self, GError **error)
{
  float none = 0.0f;

  *self = (TnGgufTokenizer){NULL};
  switch (tokenizer->source)
    {
    case TN_TOKENIZER_BYTES:
      get_bytes_form (tokenizer, self);
      break;
    case TN_TOKENIZER_LLAMA2C:
      if (!get_llama2c_form (tokenizer, self, error))
        return FALSE;
      break;
    case TN_TOKENIZER_HUGGINGFACE:
      if (!get_json_form (tokenizer, self, error))
        return FALSE;
      break;
    case TN_TOKENIZER_GGUF:
    default:
      g_return_val_if_reached (FALSE);
    }
  while (self->tokens->len < n_vocab)
    add_unused (self);
  while (self->scores->len > 0 && self->scores->len < self->tokens->len)
    g_array_append_val (self->scores, none);
  self->bos = tokenizer->bos;
  self->eos = tokenizer->eos;
  self->add_bos = tokenizer->bos >= 0;
  return TRUE;
}

const char *
tn_tokenizer_get_path (TnTokenizer *self)
{
  return self->path;
}

const char *
tn_tokenizer_get_json_path (TnTokenizer *self)
{
  return self->source == TN_TOKENIZER_HUGGINGFACE ? self->path : NULL;
}

const char *
tn_tokenizer_get_gguf_path (TnTokenizer *self)
{
  return self->source == TN_TOKENIZER_GGUF ? self->path : NULL;
}
