/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/text-splitter.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/tokenizers/utf8.h"
#include "engine/error.h"

typedef enum
{
  OTHER,
  LETTER,
  NUMBER,
  SPACE,
  END, /* behind the text */
} CharClass;

typedef struct
{
  TnSplitRule rule;
  GRegex *regex; /* NULL: rule */
} Link;

struct _TnTextSplitter
{
  GArray *links;
};

static const struct
{
  const char *regex;
  TnSplitRule rule;
} known_expressions[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", TN_SPLIT_GPT2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     TN_SPLIT_LLAMA3},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     TN_SPLIT_QWEN2},
};

static CharClass
classify (gunichar c)
{
  /* The White_Space property; GLib's own test leaves out some of it. */
  if ((c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
      c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000)
    return SPACE;
  switch (g_unichar_type (c))
    {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
      return LETTER;
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      return NUMBER;
    default:
      return OTHER;
    }
}

static const guint8 *
get_ascii_classes (void)
{
  static guint8 classes[128];
  static gsize ready;

  if (g_once_init_enter (&ready))
    {
      for (guint c = 0; c < 128; c++)
        classes[c] = (guint8) classify (c);
      g_once_init_leave (&ready, 1);
    }
  return classes;
}

typedef struct
{
  const char *text;
  gsize bytes;
  const guint8 *ascii;
} Reader;

/* The class of the character at place i, and its length. */
static inline CharClass
class_at (const Reader *reader, gsize i, guint *length)
{
  guint8 first;

  *length = 1;
  if (i >= reader->bytes)
    return END;
  first = (guint8) reader->text[i];
  if (first < 0x80)
    return reader->ascii[first];
  *length = tn_utf8_length (first);
  return classify (g_utf8_get_char (reader->text + i));
}

static gsize
skip_class (const Reader *reader, gsize i, CharClass wanted)
{
  guint length;

  while (class_at (reader, i, &length) == wanted)
    i += length;
  return i;
}

/* The end of 's 't 're 've 'm 'll 'd at place i, or i. */
static gsize
contraction_end (const Reader *reader, gsize i, gboolean any_case)
{
  const char *s = reader->text + i;
  gsize left = reader->bytes - i;
  char c, d;

  if (left < 2 || s[0] != '\'')
    return i;
  c = any_case ? g_ascii_tolower (s[1]) : s[1];
  if (c == 's' || c == 't' || c == 'm' || c == 'd')
    return i + 2;
  if (left < 3)
    return i;
  /* Without regard to case, the long s is an s. */
  if (any_case && s[1] == '\xc5' && s[2] == '\xbf')
    return i + 3;
  d = any_case ? g_ascii_tolower (s[2]) : s[2];
  return (c == 'r' && d == 'e') || (c == 'v' && d == 'e') || (c == 'l' && d == 'l') ? i + 3 : i;
}

/* \s+(?!\S)|\s+ : white space but the last of it before something else, which is left to what follows. */
static gsize
space_end (const Reader *reader, gsize i)
{
  gsize last = i;
  guint length;

  for (gsize k = i;; k += length)
    {
      CharClass class = class_at (reader, k, &length);

      if (class == END)
        return k;
      if (class != SPACE)
        return last > i ? last : k;
      last = k;
    }
}

static gsize
gpt2_end (const Reader *reader, gsize i)
{
  guint length, ahead;
  CharClass class = class_at (reader, i, &length);
  gsize end = contraction_end (reader, i, FALSE);

  if (end > i)
    return end;
  if (class == SPACE)
    {
      if (reader->text[i] != ' ')
        return space_end (reader, i);
      class = class_at (reader, i + 1, &ahead);
      if (class == SPACE || class == END)
        return space_end (reader, i);
      length = 1 + ahead;
    }
  return skip_class (reader, i + length, class);
}

static gsize
number_end (const Reader *reader, gsize i, guint most)
{
  guint length;

  for (guint k = 0; k < most && class_at (reader, i, &length) == NUMBER; k++)
    i += length;
  return i;
}

static gsize
llama3_end (const Reader *reader, gsize i, guint digits)
{
  guint length, ahead;
  CharClass class = class_at (reader, i, &length);
  CharClass next = class_at (reader, i + length, &ahead);
  gsize end = contraction_end (reader, i, TRUE);
  char c = reader->text[i];

  if (end > i)
    return end;
  if (class == LETTER || (class != NUMBER && c != '\r' && c != '\n' && next == LETTER))
    return skip_class (reader, i + length, LETTER);
  if (class == NUMBER)
    return number_end (reader, i, digits);
  if (class == OTHER || (c == ' ' && next == OTHER))
    {
      end = skip_class (reader, i + (class == OTHER ? 0 : 1), OTHER);
      while (end < reader->bytes && (reader->text[end] == '\r' || reader->text[end] == '\n'))
        end++;
      return end;
    }
  end = i;
  for (gsize k = i; class_at (reader, k, &length) == SPACE; k += length)
    if (reader->text[k] == '\r' || reader->text[k] == '\n')
      end = k + 1;
  return end > i ? end : space_end (reader, i);
}

static gsize
digits_end (const Reader *reader, gsize i, gboolean single)
{
  guint length;

  if (class_at (reader, i, &length) == NUMBER)
    return single ? i + length : skip_class (reader, i, NUMBER);
  for (CharClass class = OTHER; class != NUMBER && class != END; class = class_at (reader, i, &length))
    i += length;
  return i;
}

static gsize
rule_end (TnSplitRule rule, const Reader *reader, gsize i)
{
  switch (rule)
    {
    case TN_SPLIT_GPT2:
      return gpt2_end (reader, i);
    case TN_SPLIT_LLAMA3:
      return llama3_end (reader, i, 3);
    case TN_SPLIT_QWEN2:
      return llama3_end (reader, i, 1);
    case TN_SPLIT_DIGIT:
      return digits_end (reader, i, TRUE);
    case TN_SPLIT_DIGITS:
      return digits_end (reader, i, FALSE);
    default:
      g_assert_not_reached ();
    }
}

static gboolean run_links (const TnTextSplitter *self, guint link, const char *text, gsize bytes, TnWordFunc word,
                           gpointer user_data, GError **error);

static gboolean
run_regex (const TnTextSplitter *self, guint link, const char *text, gsize bytes, TnWordFunc word, gpointer user_data,
           GError **error)
{
  const GRegex *regex = g_array_index (self->links, Link, link).regex;
  g_autoptr (GMatchInfo) match = NULL;
  g_autoptr (GError) failure = NULL;
  gsize done = 0;

  g_regex_match_full (regex, text, (gssize) bytes, 0, 0, &match, &failure);
  while (failure == NULL && g_match_info_matches (match))
    {
      gint start, end;

      g_match_info_fetch_pos (match, 0, &start, &end);
      if (start > (gint) done && !run_links (self, link + 1, text + done, (gsize) start - done, word, user_data, error))
        return FALSE;
      if (end > start && !run_links (self, link + 1, text + start, (gsize) (end - start), word, user_data, error))
        return FALSE;
      done = (gsize) end;
      g_match_info_next (match, &failure);
    }
  if (failure != NULL)
    {
      g_autofree char *quoted = tn_quote_string (g_regex_get_pattern (regex));

      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("the tokenizer's regular expression %s gave up on the text"), quoted);
      return FALSE;
    }
  return done == bytes || run_links (self, link + 1, text + done, bytes - done, word, user_data, error);
}

static gboolean
run_links (const TnTextSplitter *self, guint link, const char *text, gsize bytes, TnWordFunc word, gpointer user_data,
           GError **error)
{
  Reader reader = {.text = text, .bytes = bytes, .ascii = get_ascii_classes ()};
  gboolean is_last = link + 1 >= self->links->len;
  const Link *current;

  if (link == self->links->len)
    {
      word (text, bytes, user_data);
      return TRUE;
    }
  current = &g_array_index (self->links, Link, link);
  if (current->regex != NULL)
    return run_regex (self, link, text, bytes, word, user_data, error);
  for (gsize i = 0, end; i < bytes; i = end)
    {
      end = rule_end (current->rule, &reader, i);
      if (is_last)
        word (text + i, end - i, user_data);
      else if (!run_links (self, link + 1, text + i, end - i, word, user_data, error))
        return FALSE;
    }
  return TRUE;
}

static gint
find_known (const char *regex)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known_expressions); i++)
    if (g_str_equal (regex, known_expressions[i].regex))
      return (gint) i;
  return -1;
}

static void
clear_link (gpointer data)
{
  g_clear_pointer (&((Link *) data)->regex, g_regex_unref);
}

TnTextSplitter *
tn_text_splitter_new (void)
{
  TnTextSplitter *self = g_new0 (TnTextSplitter, 1);

  self->links = g_array_new (FALSE, TRUE, sizeof (Link));
  g_array_set_clear_func (self->links, clear_link);
  return self;
}

void
tn_text_splitter_free (TnTextSplitter *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->links);
  g_free (self);
}

void
tn_text_splitter_add_rule (TnTextSplitter *self, TnSplitRule rule)
{
  Link link = {.rule = rule};

  g_array_append_val (self->links, link);
}

gboolean
tn_text_splitter_add_regex (TnTextSplitter *self, const char *regex, GError **error)
{
  Link link = {0};

  gint known = find_known (regex);

  if (known >= 0)
    {
      tn_text_splitter_add_rule (self, known_expressions[known].rule);
      return TRUE;
    }
  link.regex = g_regex_new (regex, G_REGEX_OPTIMIZE, 0, NULL);
  if (link.regex == NULL)
    {
      g_autofree char *quoted = tn_quote_string (regex);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s is not a usable regular expression"), quoted);
      return FALSE;
    }
  g_array_append_val (self->links, link);
  return TRUE;
}

gboolean
tn_text_splitter_knows (const char *regex)
{
  return find_known (regex) >= 0;
}

int
tn_text_splitter_get_rule (const TnTextSplitter *self, guint link)
{
  const Link *found = &g_array_index (self->links, Link, link);

  g_return_val_if_fail (link < self->links->len, -1);

  return found->regex == NULL ? (int) found->rule : -1;
}

guint
tn_text_splitter_n_links (const TnTextSplitter *self)
{
  return self->links->len;
}

gboolean
tn_text_splitter_run (const TnTextSplitter *self, const char *text, gsize bytes, TnWordFunc word, gpointer user_data,
                      GError **error)
{
  return bytes == 0 || run_links (self, 0, text, bytes, word, user_data, error);
}
