/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/byte-pair-model.h"
#include "data/tokenizers/huggingface-stages.h"
#include "data/tokenizers/piece-model.h"
#include "data/tokenizers/tokenizer-private.h"
#include "engine/error.h"

#define LOWER_ONE_EIGHTH "\xe2\x96\x81"

typedef struct
{
  const char *piece;
  gsize bytes;
  gboolean is_added;
} Token;

typedef struct
{
  const char *name;
  const TnJsonNode *model;
  TnHuggingfaceStages stages;
  Token *tokens; /* by id; piece NULL: a hole */
  guint n_tokens;
  TnVocabulary *vocabulary;
  TnAddedTokens *added;
  gint32 fallback[256];
} Parser;

static void
parser_clear (Parser *self)
{
  tn_huggingface_stages_clear (&self->stages);
  g_free (self->tokens);
  tn_vocabulary_free (self->vocabulary);
  tn_added_tokens_free (self->added);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parser, parser_clear)

static gboolean
format_error (const Parser *self, GError **error, const char *what, const char *detail)
{
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, "%s: %s: %s", self->name, what, detail);
  return FALSE;
}

static gboolean
check_model (const Parser *self, GError **error)
{
  static const char *const unwanted[] = {"continuing_subword_prefix", "end_of_word_suffix"};
  const char *type = tn_json_find_text (self->model, "type");
  const TnJsonNode *dropout = tn_json_find_typed (self->model, "dropout", TN_JSON_NUMBER);

  if (self->model == NULL)
    return format_error (self, error, "model", _ ("absent, expected an object"));
  /* Early files do not name the type; merges are what only this one has. */
  if (type == NULL && tn_json_find_typed (self->model, "merges", TN_JSON_ARRAY) != NULL)
    type = "BPE";
  if (g_strcmp0 (type, "BPE") != 0)
    {
      g_autofree char *quoted = tn_quote_string (type != NULL ? type : "");

      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: a tokenizer model of type %s is not supported, expected BPE"),
                   self->name, quoted);
      return FALSE;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (unwanted); i++)
    {
      const char *value = tn_json_find_text (self->model, unwanted[i]);

      if (value != NULL && value[0] != '\0')
        {
          g_autofree char *quoted = tn_quote_string (value);

          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: model.%s %s is not supported"), self->name, unwanted[i],
                       quoted);
          return FALSE;
        }
    }
  if (dropout != NULL && dropout->value.number.real > 0.0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: model.dropout is not supported"), self->name);
      return FALSE;
    }
  return TRUE;
}

/* An id that leaves few holes: at most as many as there are tokens, and some. */
static gboolean
get_id (const Parser *self, const TnJsonNode *node, const char *field, gsize n_entries, gint32 *id, GError **error)
{
  gint64 highest = (gint64) n_entries * 2 + 65536;

  if (node == NULL || !node->is_integer || node->value.number.integer < 0 || node->value.number.integer > highest)
    {
      g_autofree char *text = node != NULL ? tn_json_node_to_text (node, 1) : g_strdup ("null");
      g_autofree char *found = tn_quote_string (text);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s: the id is %s, expected a number from 0 to %" PRId64), self->name,
                   field, found, highest);
      return FALSE;
    }
  *id = (gint32) node->value.number.integer;
  return TRUE;
}

static void
place_token (Parser *self, gint32 id, const Token *token)
{
  if ((guint) id >= self->n_tokens)
    {
      guint n = MAX ((guint) id + 1, self->n_tokens + self->n_tokens / 2);

      self->tokens = g_renew (Token, self->tokens, n);
      memset (self->tokens + self->n_tokens, 0, (n - self->n_tokens) * sizeof (Token));
      self->n_tokens = n;
    }
  self->tokens[id] = *token;
}

static TnAddedTokenFlags
read_added_flags (const TnJsonNode *node)
{
  static const struct
  {
    const char *name;
    TnAddedTokenFlags flag;
  } flags[] = {{"lstrip", TN_ADDED_TOKEN_STRIP_LEFT},
               {"rstrip", TN_ADDED_TOKEN_STRIP_RIGHT},
               {"single_word", TN_ADDED_TOKEN_SINGLE_WORD}};
  TnAddedTokenFlags found = TN_ADDED_TOKEN_PLAIN;

  for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      const TnJsonNode *value = tn_json_find_typed (node, flags[i].name, TN_JSON_BOOLEAN);

      if (value != NULL && value->value.boolean)
        found |= flags[i].flag;
    }
  return found;
}

static gboolean
read_tokens (Parser *self, const TnJsonNode *root, GError **error)
{
  const TnJsonNode *vocabulary = tn_json_find_typed (self->model, "vocab", TN_JSON_OBJECT);
  const TnJsonNode *added = tn_json_find_typed (root, "added_tokens", TN_JSON_ARRAY);
  gsize n_entries;
  guint size = 0;
  gint32 id;

  if (vocabulary == NULL)
    return format_error (self, error, "model.vocab", _ ("absent, expected an object"));
  n_entries = vocabulary->n_children + (added != NULL ? added->n_children : 0);
  for (const TnJsonNode *node = vocabulary->value.list.first; node != NULL; node = node->next)
    {
      Token token = {.piece = node->name, .bytes = node->name_length};

      if (!get_id (self, node, "model.vocab", n_entries, &id, error))
        return FALSE;
      if ((guint) id < size && self->tokens[id].piece != NULL)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: model.vocab: two tokens have the id %d"), self->name, id);
          return FALSE;
        }
      place_token (self, id, &token);
      size = MAX (size, (guint) id + 1);
    }
  for (const TnJsonNode *node = added != NULL ? added->value.list.first : NULL; node != NULL; node = node->next)
    {
      const TnJsonNode *content = tn_json_find_typed (node, "content", TN_JSON_STRING);
      Token token = {.is_added = TRUE};

      if (content == NULL)
        return format_error (self, error, "added_tokens", _ ("an entry without content"));
      if (!get_id (self, tn_json_find (node, "id"), "added_tokens", n_entries, &id, error))
        return FALSE;
      token.piece = content->value.string.text;
      token.bytes = content->value.string.length;
      if (!tn_added_tokens_add (self->added, token.piece, token.bytes, id, read_added_flags (node)))
        return format_error (self, error, "added_tokens", _ ("an entry is too long"));
      place_token (self, id, &token);
      size = MAX (size, (guint) id + 1);
    }
  self->n_tokens = size;
  if (size == 0)
    return format_error (self, error, "model.vocab", _ ("no tokens"));
  return TRUE;
}

/* The text that a piece of the model stands for. FALSE: none, it is not spelled the model's way. */
static gboolean
decode_piece (const Parser *self, const char *piece, gsize bytes, GString *text)
{
  g_string_truncate (text, 0);
  if (self->stages.byte_level)
    return tn_byte_level_decode (piece, bytes, text);
  if (memchr (piece, ' ', bytes) != NULL)
    return FALSE;
  g_string_append_len (text, piece, (gssize) bytes);
  g_string_replace (text, LOWER_ONE_EIGHTH, " ", 0);
  return TRUE;
}

static gboolean
fill_vocabulary (Parser *self, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint id = 0; id < self->n_tokens; id++)
    {
      const Token *token = &self->tokens[id];
      const char *piece = token->piece != NULL ? token->piece : "";
      gsize bytes = token->piece != NULL ? token->bytes : 0;
      gint byte = self->stages.byte_level ? -1 : tn_tokenizer_byte_of_piece (piece, bytes);
      gboolean spelled = decode_piece (self, piece, bytes, text);
      gint32 added;

      if (byte >= 0)
        {
          char raw = (char) byte;

          self->fallback[byte] = (gint32) id;
          added = tn_vocabulary_add (self->vocabulary, piece, bytes, &raw, 1);
        }
      else if (token->is_added || !spelled)
        added = tn_vocabulary_add (self->vocabulary, piece, bytes, piece, bytes);
      else
        added = tn_vocabulary_add (self->vocabulary, piece, bytes, text->str, text->len);
      if (added < 0)
        return format_error (self, error, "model.vocab", _ ("a token is too long, or there are too many"));
      /* An added token's own text differs from what merges make only where it cannot be made. */
      if (byte < 0 && spelled && bytes > 0)
        {
          gsize own_bytes;
          const char *own = tn_vocabulary_get_text (self->vocabulary, added, &own_bytes);

          if (own_bytes == text->len && memcmp (own, text->str, own_bytes) == 0)
            tn_vocabulary_index (self->vocabulary, added);
        }
    }
  return TRUE;
}

/* "left right", or ["left", "right"]. */
static gboolean
get_merge_parts (const TnJsonNode *node, const char *parts[2], gsize bytes[2])
{
  const TnJsonNode *left, *right;
  const char *space;

  if (node->type == TN_JSON_STRING)
    {
      gsize length = node->value.string.length;

      parts[0] = node->value.string.text;
      space = memchr (parts[0], ' ', length);
      if (space == NULL)
        return FALSE;
      bytes[0] = (gsize) (space - parts[0]);
      parts[1] = space + 1;
      bytes[1] = length - bytes[0] - 1;
      return memchr (parts[1], ' ', bytes[1]) == NULL;
    }
  if (node->type != TN_JSON_ARRAY || node->n_children != 2)
    return FALSE;
  left = node->value.list.first;
  right = left->next;
  if (left->type != TN_JSON_STRING || right->type != TN_JSON_STRING)
    return FALSE;
  parts[0] = left->value.string.text;
  bytes[0] = left->value.string.length;
  parts[1] = right->value.string.text;
  bytes[1] = right->value.string.length;
  return TRUE;
}

static gboolean
read_merges (Parser *self, TnMergeTable *merges, GError **error)
{
  const TnJsonNode *list = tn_json_find_typed (self->model, "merges", TN_JSON_ARRAY);
  g_autoptr (GString) left = g_string_new (NULL);
  g_autoptr (GString) right = g_string_new (NULL);
  guint32 rank = 0;

  if (list == NULL)
    return format_error (self, error, "model.merges", _ ("absent, expected an array"));
  for (const TnJsonNode *node = list->value.list.first; node != NULL; node = node->next, rank++)
    {
      const char *parts[2];
      gsize bytes[2];
      guint missing = 0;

      if (!get_merge_parts (node, parts, bytes))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: model.merges[%u]: expected two pieces"), self->name, rank);
          return FALSE;
        }
      if (!decode_piece (self, parts[0], bytes[0], left) || !decode_piece (self, parts[1], bytes[1], right) ||
          !tn_byte_pair_add_merge (merges, self->vocabulary, left->str, left->len, right->str, right->len, rank, FALSE, &missing))
        {
          g_autofree char *both = g_strdup_printf ("%.*s%.*s", missing == 1 ? 0 : (int) bytes[0], parts[0],
                                                   missing == 0 ? 0 : (int) bytes[1], parts[1]);
          g_autofree char *quoted = tn_quote_string (both);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: model.merges[%u]: %s is not in the vocabulary"), self->name,
                       rank, quoted);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
get_unknown (const Parser *self, gint32 *unknown, gboolean *fuse, GError **error)
{
  const TnJsonNode *flag = tn_json_find_typed (self->model, "fuse_unk", TN_JSON_BOOLEAN);
  const char *token = tn_json_find_text (self->model, "unk_token");
  const TnJsonNode *id = token != NULL ? tn_json_find (tn_json_find (self->model, "vocab"), token) : NULL;

  *unknown = -1;
  *fuse = flag != NULL && flag->value.boolean;
  if (token == NULL)
    return TRUE;
  for (guint i = 0; id == NULL && i < self->n_tokens && *unknown < 0; i++)
    if (self->tokens[i].piece != NULL && self->tokens[i].is_added && g_str_equal (self->tokens[i].piece, token))
      *unknown = (gint32) i;
  if (id != NULL)
    *unknown = (gint32) id->value.number.integer;
  if (*unknown < 0)
    return format_error (self, error, "model.unk_token", _ ("is not in the vocabulary"));
  return TRUE;
}

static gboolean
get_model_flag (const Parser *self, const char *member)
{
  const TnJsonNode *flag = tn_json_find_typed (self->model, member, TN_JSON_BOOLEAN);

  return flag != NULL && flag->value.boolean;
}

static TnTokenizer *
build_byte_level (Parser *self, GError **error)
{
  g_autoptr (TnBytePairModel) model = tn_byte_pair_model_new ();

  if (!read_merges (self, model->merges, error) || !get_unknown (self, &model->unknown, &model->fuse_unknown, error))
    return NULL;
  model->ignore_merges = get_model_flag (self, "ignore_merges");
  model->prefix_space = self->stages.prefix_space;
  model->normal_form = self->stages.normal_form;
  tn_text_splitter_free (model->splitter);
  model->splitter = g_steal_pointer (&self->stages.splitter);
  tn_byte_pair_model_finish (model, self->vocabulary);
  return tn_tokenizer_new_take (&tn_byte_pair_class, g_steal_pointer (&model), g_steal_pointer (&self->vocabulary),
                                self->n_tokens);
}

static TnTokenizer *
build_pieces (Parser *self, GError **error)
{
  g_autoptr (TnPieceModel) model = tn_piece_model_new ();

  if (get_model_flag (self, "ignore_merges"))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: model.ignore_merges is not supported without ByteLevel"),
                   self->name);
      return NULL;
    }
  if (!read_merges (self, model->merges, error) || !get_unknown (self, &model->unknown, &model->fuse_unknown, error))
    return NULL;
  if (get_model_flag (self, "byte_fallback"))
    memcpy (model->fallback, self->fallback, sizeof model->fallback);
  model->prefix_space = self->stages.prefix_space;
  model->only_if_none = self->stages.only_if_none;
  model->only_first = self->stages.only_first;
  model->split_words = self->stages.split_words;
  model->escape = TRUE;
  tn_piece_model_finish (model, self->vocabulary);
  return tn_tokenizer_new_take (&tn_piece_class_merges, g_steal_pointer (&model), g_steal_pointer (&self->vocabulary),
                                self->n_tokens);
}

TnTokenizer *
tn_tokenizer_parse_huggingface (const char *name, const char *text, gsize size, GError **error)
{
  g_autoptr (TnJson) json = tn_json_parse (text, size, name, 0, error);
  g_auto (Parser) parser = {.name = name, .vocabulary = tn_vocabulary_new (), .added = tn_added_tokens_new ()};
  const TnJsonNode *root;
  TnTokenizer *self;

  if (json == NULL)
    return NULL;
  root = tn_json_get_root (json);
  parser.model = tn_json_find_typed (root, "model", TN_JSON_OBJECT);
  memset (parser.fallback, 0xff, sizeof parser.fallback);
  if (!check_model (&parser, error) || !tn_huggingface_stages_read (&parser.stages, root, name, error) ||
      !read_tokens (&parser, root, error) || !fill_vocabulary (&parser, error))
    return NULL;
  self = parser.stages.byte_level ? build_byte_level (&parser, error) : build_pieces (&parser, error);
  if (self == NULL)
    return NULL;
  self->added = g_steal_pointer (&parser.added);
  if ((parser.stages.bos >= 0 && (guint) parser.stages.bos >= self->size) ||
      (parser.stages.eos >= 0 && (guint) parser.stages.eos >= self->size))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: post_processor: the id of a special token is not below %u, the size of the vocabulary"), name,
                   self->size);
      tn_tokenizer_unref (self);
      return NULL;
    }
  self->bos = parser.stages.bos;
  self->eos = parser.stages.eos;
  return self;
}
