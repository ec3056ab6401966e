/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/byte-pair-model.h"
#include "data/tokenizers/piece-model.h"
#include "data/tokenizers/tokenizer-private.h"
#include "engine/error.h"

#define LOWER_ONE_EIGHTH "\xe2\x96\x81"

typedef enum
{
  TOKEN_NORMAL = 1,
  TOKEN_UNKNOWN = 2,
  TOKEN_CONTROL = 3,
  TOKEN_USER_DEFINED = 4,
  TOKEN_UNUSED = 5,
  TOKEN_BYTE = 6,
} TokenType;

typedef struct
{
  const char *name;
  TnGguf *file;
  TnGgufString *pieces;
  gint32 *types;
  guint size;
  TnVocabulary *vocabulary;
  TnAddedTokens *added;
} Parser;

static void
parser_clear (Parser *self)
{
  g_free (self->pieces);
  g_free (self->types);
  tn_vocabulary_free (self->vocabulary);
  tn_added_tokens_free (self->added);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parser, parser_clear)

static gboolean
read_pieces (Parser *self, GError **error)
{
  gsize n = 0, n_types = 0;

  self->pieces = tn_gguf_dup_strings (self->file, "tokenizer.ggml.tokens", &n);
  if (self->pieces == NULL || n == 0 || n > G_MAXINT32)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: tokenizer.ggml.tokens: expected an array of texts that is not empty"), self->name);
      return FALSE;
    }
  self->size = (guint) n;
  self->types = tn_gguf_dup_i32_array (self->file, "tokenizer.ggml.token_type", &n_types);
  if (tn_gguf_find_value (self->file, "tokenizer.ggml.token_type") != NULL && (self->types == NULL || n_types != n))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.token_type: expected an array of %u numbers"),
                   self->name, self->size);
      return FALSE;
    }
  return TRUE;
}

static TokenType
get_type (const Parser *self, guint id)
{
  if (self->types != NULL)
    return (TokenType) self->types[id];
  return tn_tokenizer_byte_of_piece (self->pieces[id].text, self->pieces[id].length) >= 0 ? TOKEN_BYTE : TOKEN_NORMAL;
}

/* decode: turns a piece into the text it stands for; FALSE when it is not spelled that way. */
static gboolean
fill_vocabulary (Parser *self, gboolean (*decode) (const char *piece, gsize bytes, GString *text), gint32 *fallback,
                 GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint id = 0; id < self->size; id++)
    {
      const TnGgufString *piece = &self->pieces[id];
      TokenType type = get_type (self, id);
      gint byte = type == TOKEN_BYTE ? tn_tokenizer_byte_of_piece (piece->text, piece->length) : -1;
      gboolean findable = type == TOKEN_NORMAL;
      gint32 added;

      g_string_truncate (text, 0);
      if (byte >= 0)
        g_string_append_c (text, (char) byte);
      else if (type == TOKEN_NORMAL && !decode (piece->text, piece->length, text))
        findable = FALSE;
      if (text->len == 0 && type != TOKEN_CONTROL)
        g_string_append_len (text, piece->text, (gssize) piece->length);
      if (byte >= 0 && fallback != NULL && fallback[byte] < 0)
        fallback[byte] = (gint32) id;
      if (type == TOKEN_USER_DEFINED)
        g_string_replace (text, LOWER_ONE_EIGHTH, " ", 0);
      added = tn_vocabulary_add (self->vocabulary, piece->text, piece->length, text->str, text->len);
      if (added < 0 || (type == TOKEN_USER_DEFINED &&
                        !tn_added_tokens_add (self->added, text->str, text->len, (gint32) id, TN_ADDED_TOKEN_PLAIN)))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.tokens[%u] is too long, or there are too many"),
                       self->name, id);
          return FALSE;
        }
      if (findable && text->len > 0)
        tn_vocabulary_index (self->vocabulary, added);
    }
  return TRUE;
}

static gboolean
decode_space (const char *piece, gsize bytes, GString *text)
{
  g_string_append_len (text, piece, (gssize) bytes);
  g_string_replace (text, LOWER_ONE_EIGHTH, " ", 0);
  /* Text has its spaces escaped before it is looked at: a piece that spells one plainly is never met. */
  return memchr (piece, ' ', bytes) == NULL;
}

/* otherwise: when the key is absent. */
static gboolean
get_special (const Parser *self, const char *key, gint32 otherwise, gint32 *id, GError **error)
{
  guint32 value;

  *id = (guint) otherwise < self->size ? otherwise : -1;
  if (!tn_gguf_get_u32 (self->file, key, &value))
    return TRUE;
  if (value != G_MAXUINT32 && value >= self->size)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s is %u, expected a number below %u, the size of the vocabulary"),
                   self->name, key, value, self->size);
      return FALSE;
    }
  *id = value == G_MAXUINT32 ? -1 : (gint32) value;
  return TRUE;
}

static TnTokenizer *
build_scores (Parser *self, GError **error)
{
  g_autoptr (TnPieceModel) model = tn_piece_model_new ();
  g_autofree float *scores = NULL;
  gboolean prefix = TRUE;
  gsize n = 0;

  scores = tn_gguf_dup_f32_array (self->file, "tokenizer.ggml.scores", &n);
  if (scores == NULL || n != self->size)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.scores: expected an array of %u numbers"), self->name,
                   self->size);
      return NULL;
    }
  for (guint id = 0; id < self->size; id++)
    if (isnan (scores[id]))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.scores[%u] is not a number"), self->name, id);
        return NULL;
      }
  if (!fill_vocabulary (self, decode_space, model->fallback, error) ||
      !get_special (self, "tokenizer.ggml.unknown_token_id", 0, &model->unknown, error))
    return NULL;
  if (!tn_piece_model_add_characters (self->vocabulary))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.tokens: too many tokens"), self->name);
      return NULL;
    }
  tn_gguf_get_bool (self->file, "tokenizer.ggml.add_space_prefix", &prefix);
  model->prefix_space = prefix;
  model->escape = TRUE;
  tn_piece_model_add_scores (model, self->vocabulary, scores, self->size, -INFINITY);
  tn_piece_model_finish (model, self->vocabulary);
  return tn_tokenizer_new_take (&tn_piece_class_scores, g_steal_pointer (&model), g_steal_pointer (&self->vocabulary),
                                self->size);
}

static gboolean
choose_splitter (const Parser *self, TnBytePairModel *model, gboolean *add_bos, GError **error)
{
  /* Names that stand for the same expressions. The byte-level models from before the key was there split as GPT-2 does. */
  static const struct
  {
    const char *name;
    gint first; /* a rule in front, or -1 */
    TnSplitRule rule;
  } known[] = {
      {"gpt-2", -1, TN_SPLIT_GPT2},
      {"default", -1, TN_SPLIT_GPT2},
      {"phi-2", -1, TN_SPLIT_GPT2},
      {"mpt", -1, TN_SPLIT_GPT2},
      {"olmo", -1, TN_SPLIT_GPT2},
      {"roberta-bpe", -1, TN_SPLIT_GPT2},
      {"llama-bpe", -1, TN_SPLIT_LLAMA3},
      {"llama3", -1, TN_SPLIT_LLAMA3},
      {"llama-v3", -1, TN_SPLIT_LLAMA3},
      {"qwen2", -1, TN_SPLIT_QWEN2},
      {"stablelm2", -1, TN_SPLIT_QWEN2},
      {"deepseek-r1-qwen", -1, TN_SPLIT_QWEN2},
      {"smollm", TN_SPLIT_DIGIT, TN_SPLIT_GPT2},
  };
  g_autofree char *stated = tn_gguf_dup_string (self->file, "tokenizer.ggml.pre");
  g_autofree char *pre = stated != NULL ? g_steal_pointer (&stated) : g_strdup ("default");
  g_autofree char *quoted = tn_quote_string (pre);

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (pre, known[i].name))
      {
        if (known[i].first >= 0)
          tn_text_splitter_add_rule (model->splitter, (TnSplitRule) known[i].first);
        tn_text_splitter_add_rule (model->splitter, known[i].rule);
        model->ignore_merges = *add_bos = known[i].rule == TN_SPLIT_LLAMA3;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
               _ ("%s: tokenizer.ggml.pre %s is not supported, expected gpt-2, llama-bpe, qwen2 or smollm"), self->name, quoted);
  return FALSE;
}

static gboolean
read_merges (Parser *self, TnMergeTable *merges, GError **error)
{
  g_autoptr (GString) left = g_string_new (NULL);
  g_autoptr (GString) right = g_string_new (NULL);
  g_autofree TnGgufString *list = NULL;
  gsize n = 0;

  list = tn_gguf_dup_strings (self->file, "tokenizer.ggml.merges", &n);
  if (list == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: tokenizer.ggml.merges: expected an array of texts"), self->name);
      return FALSE;
    }
  for (gsize rank = 0; rank < n; rank++)
    {
      const char *space = list[rank].length > 1 ? memchr (list[rank].text + 1, ' ', list[rank].length - 1) : NULL;
      gsize place = space != NULL ? (gsize) (space - list[rank].text) : 0;
      guint missing;

      g_string_truncate (left, 0);
      g_string_truncate (right, 0);
      if (space == NULL || !tn_byte_level_decode (list[rank].text, place, left) ||
          !tn_byte_level_decode (space + 1, list[rank].length - place - 1, right) ||
          !tn_byte_pair_add_merge (merges, self->vocabulary, left->str, left->len, right->str, right->len, (guint32) rank, TRUE,
                                   &missing))
        {
          g_autofree char *found = tn_quote_bytes (list[rank].text, list[rank].length);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: tokenizer.ggml.merges[%zu] is %s, expected two pieces"), self->name, rank, found);
          return FALSE;
        }
    }
  return TRUE;
}

static TnTokenizer *
build_byte_pairs (Parser *self, gboolean *add_bos, GError **error)
{
  g_autoptr (TnBytePairModel) model = tn_byte_pair_model_new ();

  if (!choose_splitter (self, model, add_bos, error) || !fill_vocabulary (self, tn_byte_level_decode, NULL, error) ||
      !read_merges (self, model->merges, error) ||
      !get_special (self, "tokenizer.ggml.unknown_token_id", -1, &model->unknown, error))
    return NULL;
  tn_byte_pair_model_finish (model, self->vocabulary);
  return tn_tokenizer_new_take (&tn_byte_pair_class, g_steal_pointer (&model), g_steal_pointer (&self->vocabulary), self->size);
}

TnTokenizer *
tn_tokenizer_parse_gguf (const char *name, TnGguf *file, GError **error)
{
  g_auto (Parser) parser = {.name = name, .file = file, .vocabulary = tn_vocabulary_new (), .added = tn_added_tokens_new ()};
  g_autofree char *kind = tn_gguf_dup_string (file, "tokenizer.ggml.model");
  g_autofree char *quoted = tn_quote_string (kind != NULL ? kind : "");
  gboolean scores = g_strcmp0 (kind, "llama") == 0, add_bos = scores;
  g_autoptr (TnTokenizer) self = NULL;
  gint32 bos, eos;

  if (!scores && g_strcmp0 (kind, "gpt2") != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: tokenizer.ggml.model %s is not supported, expected llama or gpt2"), name, quoted);
      return NULL;
    }
  if (!read_pieces (&parser, error) || !get_special (&parser, "tokenizer.ggml.bos_token_id", scores ? 1 : -1, &bos, error) ||
      !get_special (&parser, "tokenizer.ggml.eos_token_id", scores ? 2 : -1, &eos, error))
    return NULL;
  self = scores ? build_scores (&parser, error) : build_byte_pairs (&parser, &add_bos, error);
  if (self == NULL)
    return NULL;
  tn_gguf_get_bool (file, "tokenizer.ggml.add_bos_token", &add_bos);
  self->bos = add_bos ? bos : -1;
  self->eos = eos;
  self->added = g_steal_pointer (&parser.added);
  return g_steal_pointer (&self);
}
