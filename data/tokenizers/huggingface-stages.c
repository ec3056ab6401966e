/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/huggingface-stages.h"

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "engine/error.h"

#define LOWER_ONE_EIGHTH "\xe2\x96\x81"
#define MAX_SPLITS 16

static gboolean
unsupported (const char *name, const char *field, const char *what, GError **error)
{
  g_autofree char *quoted = tn_quote_string (what);

  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: %s of type %s is not supported"), name, field, quoted);
  return FALSE;
}

static gboolean
get_flag (const TnJsonNode *node, const char *member, gboolean otherwise)
{
  const TnJsonNode *flag = tn_json_find_typed (node, member, TN_JSON_BOOLEAN);

  return flag != NULL ? flag->value.boolean : otherwise;
}

/* The type of a stage that may be absent; "" when it is, NULL with an error when it is no object with a type. */
static const char *
get_type (const TnJsonNode *node, const char *name, const char *field, GError **error)
{
  const char *type;

  if (node == NULL || node->type == TN_JSON_NULL)
    return "";
  type = tn_json_find_text (node, "type");
  if (type == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s is %s, expected an object with a type"), name, field,
                 tn_json_type_describe (node->type));
  return type;
}

static gboolean read_pre_tokenizer (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner,
                                    GError **error);
static gboolean read_normalizer (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner,
                                 GError **error);
static gboolean read_post_processor (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner,
                                     GError **error);

typedef gboolean (*ReadStage) (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner,
                               GError **error);

/* A Sequence: the stages of one of its members in order. Sequences inside are not asked for, so that no file leads far down. */
static gboolean
read_sequence (TnHuggingfaceStages *self, const TnJsonNode *node, const char *member, const char *name, const char *field,
               gboolean inner, ReadStage read, GError **error)
{
  const TnJsonNode *list = tn_json_find_typed (node, member, TN_JSON_ARRAY);

  if (inner)
    return unsupported (name, field, "Sequence in Sequence", error);
  if (list == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s is a Sequence without an array “%s”"), name, field, member);
      return FALSE;
    }
  for (const TnJsonNode *stage = list->value.list.first; stage != NULL; stage = stage->next)
    if (!read (self, stage, name, TRUE, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_normalizer (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner, GError **error)
{
  static const struct
  {
    const char *type;
    GNormalizeMode mode;
  } forms[] = {{"NFC", G_NORMALIZE_NFC}, {"NFD", G_NORMALIZE_NFD}, {"NFKC", G_NORMALIZE_NFKC}, {"NFKD", G_NORMALIZE_NFKD}};
  const char *type = get_type (node, name, "normalizer", error);

  if (type == NULL)
    return FALSE;
  if (type[0] == '\0')
    return TRUE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (self, node, "normalizers", name, "normalizer", inner, read_normalizer, error);
  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    if (g_str_equal (type, forms[i].type) && self->normal_form < 0)
      {
        self->normal_form = (int) forms[i].mode;
        return TRUE;
      }
  if (g_str_equal (type, "Prepend") && g_strcmp0 (tn_json_find_text (node, "prepend"), LOWER_ONE_EIGHTH) == 0 &&
      !self->prefix_space)
    {
      self->prefix_space = TRUE;
      return TRUE;
    }
  if (g_str_equal (type, "Replace") && g_strcmp0 (tn_json_find_text (node, "content"), LOWER_ONE_EIGHTH) == 0 &&
      g_strcmp0 (tn_json_find_text (tn_json_find (node, "pattern"), "String"), " ") == 0)
    {
      self->replace_space = TRUE;
      return TRUE;
    }
  return unsupported (name, "normalizer", type, error);
}

static gboolean
read_split (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, GError **error)
{
  const TnJsonNode *pattern = tn_json_find (node, "pattern");
  const char *regex = tn_json_find_text (pattern, "Regex");
  const char *literal = tn_json_find_text (pattern, "String");
  const char *behavior = tn_json_find_text (node, "behavior");
  g_autofree char *escaped = literal != NULL ? g_regex_escape_string (literal, -1) : NULL;
  g_autoptr (GError) failure = NULL;
  gboolean covers;

  if (regex == NULL && escaped == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: a Split of pre_tokenizer has no pattern"), name);
      return FALSE;
    }
  /* What the known expressions leave between two matches is nothing: they cover every text. */
  covers = regex != NULL && tn_text_splitter_knows (regex) && get_flag (node, "invert", FALSE);
  if (g_strcmp0 (behavior, "Isolated") != 0 && !(covers && g_strcmp0 (behavior, "Removed") == 0))
    {
      g_autofree char *what = g_strdup_printf ("Split, %s", behavior != NULL ? behavior : "?");

      return unsupported (name, "pre_tokenizer", what, error);
    }
  if (tn_text_splitter_add_regex (self->splitter, regex != NULL ? regex : escaped, &failure))
    return TRUE;
  g_set_error (error, TN_ERROR, failure->code, _ ("%s: pre_tokenizer: %s"), name, failure->message);
  return FALSE;
}

static gboolean
read_byte_level (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, GError **error)
{
  gboolean prefix = get_flag (node, "add_prefix_space", TRUE);

  if (self->byte_level)
    return unsupported (name, "pre_tokenizer", "ByteLevel + ByteLevel", error);
  if (prefix && tn_text_splitter_n_links (self->splitter) > 0)
    return unsupported (name, "pre_tokenizer", "ByteLevel, add_prefix_space", error);
  self->byte_level = TRUE;
  self->prefix_space = self->only_if_none = prefix;
  if (get_flag (node, "use_regex", TRUE))
    tn_text_splitter_add_rule (self->splitter, TN_SPLIT_GPT2);
  return TRUE;
}

static gboolean
read_metaspace (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, GError **error)
{
  const char *scheme = tn_json_find_text (node, "prepend_scheme");

  if (g_strcmp0 (tn_json_find_text (node, "replacement"), LOWER_ONE_EIGHTH) != 0 || self->prefix_space)
    return unsupported (name, "pre_tokenizer", "Metaspace, replacement", error);
  self->prefix_space = scheme != NULL ? !g_str_equal (scheme, "never") : get_flag (node, "add_prefix_space", TRUE);
  self->only_first = g_strcmp0 (scheme, "first") == 0;
  self->only_if_none = TRUE;
  self->replace_space = TRUE;
  self->split_words = get_flag (node, "split", TRUE);
  return TRUE;
}

static gboolean
read_pre_tokenizer (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner, GError **error)
{
  const char *type = get_type (node, name, "pre_tokenizer", error);

  if (type == NULL)
    return FALSE;
  if (type[0] == '\0')
    return TRUE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (self, node, "pretokenizers", name, "pre_tokenizer", inner, read_pre_tokenizer, error);
  if (tn_text_splitter_n_links (self->splitter) >= MAX_SPLITS)
    return unsupported (name, "pre_tokenizer", "Sequence, long", error);
  if (g_str_equal (type, "ByteLevel"))
    return read_byte_level (self, node, name, error);
  if (g_str_equal (type, "Metaspace"))
    return read_metaspace (self, node, name, error);
  /* Behind the change to byte characters, classes of characters mean something else. */
  if (self->byte_level)
    return unsupported (name, "pre_tokenizer behind ByteLevel", type, error);
  if (g_str_equal (type, "Split"))
    return read_split (self, node, name, error);
  if (g_str_equal (type, "Digits"))
    {
      tn_text_splitter_add_rule (self->splitter, get_flag (node, "individual_digits", FALSE) ? TN_SPLIT_DIGIT : TN_SPLIT_DIGITS);
      return TRUE;
    }
  return unsupported (name, "pre_tokenizer", type, error);
}

/* The id of the special token that an element of a template stands for; -1: it stands for the text. */
static gint32
get_template_token (const TnJsonNode *processor, const TnJsonNode *element)
{
  const char *token = tn_json_find_text (tn_json_find (element, "SpecialToken"), "id");
  const TnJsonNode *special = token != NULL ? tn_json_find (tn_json_find (processor, "special_tokens"), token) : NULL;
  const TnJsonNode *ids = tn_json_find_typed (special, "ids", TN_JSON_ARRAY);
  const TnJsonNode *id = ids != NULL ? ids->value.list.first : NULL;

  return id != NULL && id->is_integer && id->value.number.integer >= 0 && id->value.number.integer < G_MAXINT32
             ? (gint32) id->value.number.integer
             : -1;
}

static gboolean
read_post_processor (TnHuggingfaceStages *self, const TnJsonNode *node, const char *name, gboolean inner, GError **error)
{
  const char *type = get_type (node, name, "post_processor", error);
  const TnJsonNode *single;
  gboolean behind = FALSE;

  if (type == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (self, node, "processors", name, "post_processor", inner, read_post_processor, error);
  if (type[0] == '\0' || g_str_equal (type, "ByteLevel"))
    return TRUE;
  if (!g_str_equal (type, "TemplateProcessing"))
    return unsupported (name, "post_processor", type, error);
  single = tn_json_find_typed (node, "single", TN_JSON_ARRAY);
  for (const TnJsonNode *element = single != NULL ? single->value.list.first : NULL; element != NULL; element = element->next)
    {
      gint32 id = get_template_token (node, element);

      if (tn_json_find (element, "Sequence") != NULL)
        behind = TRUE;
      else if (!behind && self->bos < 0)
        self->bos = id;
      else if (behind && self->eos < 0)
        self->eos = id;
    }
  return TRUE;
}

void
tn_huggingface_stages_clear (TnHuggingfaceStages *self)
{
  g_clear_pointer (&self->splitter, tn_text_splitter_free);
}

gboolean
tn_huggingface_stages_read (TnHuggingfaceStages *self, const TnJsonNode *root, const char *name, GError **error)
{
  *self = (TnHuggingfaceStages){.splitter = tn_text_splitter_new (), .normal_form = -1, .bos = -1, .eos = -1};
  if (!read_normalizer (self, tn_json_find (root, "normalizer"), name, FALSE, error) ||
      !read_pre_tokenizer (self, tn_json_find (root, "pre_tokenizer"), name, FALSE, error) ||
      !read_post_processor (self, tn_json_find (root, "post_processor"), name, FALSE, error))
    return FALSE;
  if (self->byte_level && self->replace_space)
    return unsupported (name, "pre_tokenizer", "ByteLevel + " LOWER_ONE_EIGHTH, error);
  if (!self->byte_level && (self->normal_form >= 0 || tn_text_splitter_n_links (self->splitter) > 0))
    return unsupported (name, "pre_tokenizer", "no ByteLevel", error);
  if (!self->byte_level && !self->replace_space)
    return unsupported (name, "pre_tokenizer", "none", error);
  return TRUE;
}
