/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/json-reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/mapped-file.h"
#include "data/files/quote.h"
#include "engine/error.h"
#include "engine/hash.h"

#define MAX_DEPTH 64
/* Nearly all numbers are no longer; an allocation each would take as long as reading them. */
#define MAX_SHORT_NUMBER 39
#define BLOCK_BYTES (64 * 1024)
#define MAX_BLOCK_BYTES (1024 * 1024)
/* Objects with more members get a hash table. */
#define MAX_LINEAR_NAMES 16

struct _TnJson
{
  const TnJsonNode *root;
  GPtrArray *blocks;
  GPtrArray *tables;
  guint8 *free_start;
  gsize free_bytes;
  gsize next_block_bytes;
  guint n_nodes;
};

typedef struct
{
  TnJson *document;
  const char *text;
  gsize bytes;
  gsize position;
  const char *file_name;
  guint64 base_offset;
  GString *scratch;
} Parser;

static gboolean parse_value (Parser *self, TnJsonNode *node, guint depth, GError **error);

static void *
document_alloc (TnJson *self, gsize bytes)
{
  void *start;

  bytes = (bytes + 7) & ~(gsize) 7;
  if (bytes > self->free_bytes)
    {
      gsize block_bytes = MAX (bytes, self->next_block_bytes);

      self->free_start = g_malloc (block_bytes);
      self->free_bytes = block_bytes;
      self->next_block_bytes = MIN (2 * self->next_block_bytes, (gsize) MAX_BLOCK_BYTES);
      g_ptr_array_add (self->blocks, self->free_start);
    }
  start = self->free_start;
  self->free_start += bytes;
  self->free_bytes -= bytes;
  return start;
}

static guint64
name_seed (void)
{
  static gsize initialized;
  static guint64 seed;

  /* Names chosen to collide must not make the table slow. */
  if (g_once_init_enter (&initialized))
    {
      seed = ((guint64) g_random_int () << 32) | g_random_int ();
      g_once_init_leave (&initialized, 1);
    }
  return seed;
}

static guint
name_hash (gconstpointer key)
{
  const TnJsonNode *node = key;

  return (guint) tn_hash_bytes (node->name, node->name_length, name_seed ());
}

static gboolean
name_equal (gconstpointer a, gconstpointer b)
{
  const TnJsonNode *first = a, *second = b;

  return first->name_length == second->name_length && memcmp (first->name, second->name, first->name_length) == 0;
}

static const TnJsonNode *
find_member (const TnJsonNode *object, const char *name, gsize length)
{
  TnJsonNode key = {.name = name, .name_length = length};

  if (object->value.list.by_name != NULL)
    return g_hash_table_lookup (object->value.list.by_name, &key);
  for (const TnJsonNode *node = object->value.list.first; node != NULL; node = node->next)
    if (name_equal (node, &key))
      return node;
  return NULL;
}

static gboolean
fail_at (Parser *self, gsize position, const char *expected, GError **error)
{
  g_autofree char *found = NULL;

  if (position >= self->bytes)
    found = g_strdup (_ ("the end of the text"));
  else
    found = tn_quote_bytes (self->text + position, MIN (self->bytes - position, 8));
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: JSON at byte %" PRIu64 ": found %s, expected %s"), self->file_name,
               self->base_offset + position, found, expected);
  return FALSE;
}

static void
skip_space (Parser *self)
{
  while (self->position < self->bytes && (self->text[self->position] == ' ' || self->text[self->position] == '\t' ||
                                          self->text[self->position] == '\n' || self->text[self->position] == '\r'))
    self->position++;
}

static gboolean
next_is (Parser *self, char c)
{
  return self->position < self->bytes && self->text[self->position] == c;
}

static gboolean
parse_word (Parser *self, const char *word, GError **error)
{
  gsize length = strlen (word);

  if (self->bytes - self->position < length || memcmp (self->text + self->position, word, length) != 0)
    return fail_at (self, self->position, word, error);
  self->position += length;
  return TRUE;
}

static gboolean
skip_digits (Parser *self, GError **error)
{
  gsize start = self->position;

  while (self->position < self->bytes && g_ascii_isdigit (self->text[self->position]))
    self->position++;
  return self->position > start || fail_at (self, self->position, _ ("a digit"), error);
}

static gboolean
parse_number (Parser *self, TnJsonNode *node, GError **error)
{
  gsize start = self->position, length;
  g_autofree char *allocated = NULL;
  char buffer[MAX_SHORT_NUMBER + 1], *digits = buffer;
  gboolean whole = TRUE;

  if (next_is (self, '-'))
    self->position++;
  if (next_is (self, '0'))
    self->position++;
  else if (!skip_digits (self, error))
    return FALSE;
  if (next_is (self, '.'))
    {
      whole = FALSE;
      self->position++;
      if (!skip_digits (self, error))
        return FALSE;
    }
  if (next_is (self, 'e') || next_is (self, 'E'))
    {
      whole = FALSE;
      self->position++;
      if (next_is (self, '+') || next_is (self, '-'))
        self->position++;
      if (!skip_digits (self, error))
        return FALSE;
    }

  length = self->position - start;
  if (length > MAX_SHORT_NUMBER)
    digits = allocated = g_malloc (length + 1);
  memcpy (digits, self->text + start, length);
  digits[length] = '\0';
  node->type = TN_JSON_NUMBER;
  node->value.number.real = g_ascii_strtod (digits, NULL);
  if (!isfinite (node->value.number.real))
    return fail_at (self, start, _ ("a number in the range of double precision"), error);
  node->is_integer = whole && g_ascii_string_to_signed (digits, 10, G_MININT64, G_MAXINT64, &node->value.number.integer, NULL);
  return TRUE;
}

static gboolean
parse_hex (Parser *self, guint *value, GError **error)
{
  *value = 0;
  for (guint i = 0; i < 4; i++)
    {
      if (self->position >= self->bytes || !g_ascii_isxdigit (self->text[self->position]))
        return fail_at (self, self->position, _ ("a hexadecimal digit"), error);
      *value = *value * 16 + (guint) g_ascii_xdigit_value (self->text[self->position]);
      self->position++;
    }
  return TRUE;
}

/* After "\u". Characters beyond the basic plane come as two surrogates. */
static gboolean
parse_unicode_escape (Parser *self, GError **error)
{
  gsize start = self->position - 2;
  guint value, low;
  gunichar character;

  if (!parse_hex (self, &value, error))
    return FALSE;
  character = value;
  if (value >= 0xdc00 && value < 0xe000)
    return fail_at (self, start, _ ("no lone surrogate"), error);
  if (value >= 0xd800 && value < 0xdc00)
    {
      if (self->bytes - self->position < 2 || memcmp (self->text + self->position, "\\u", 2) != 0)
        return fail_at (self, start, _ ("no lone surrogate"), error);
      self->position += 2;
      if (!parse_hex (self, &low, error))
        return FALSE;
      if (low < 0xdc00 || low >= 0xe000)
        return fail_at (self, start, _ ("no lone surrogate"), error);
      character = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
  if (character == 0)
    g_string_append_c (self->scratch, '\0');
  else
    g_string_append_unichar (self->scratch, character);
  return TRUE;
}

static gboolean
parse_escape (Parser *self, GError **error)
{
  static const char letters[] = "\"\\/bfnrt";
  static const char meanings[] = "\"\\/\b\f\n\r\t";
  const char *letter;
  char c;

  if (self->position + 1 >= self->bytes)
    return fail_at (self, self->bytes, _ ("an escape sequence"), error);
  c = self->text[self->position + 1];
  self->position += 2;
  if (c == 'u')
    return parse_unicode_escape (self, error);
  letter = c != '\0' ? strchr (letters, c) : NULL;
  if (letter == NULL)
    return fail_at (self, self->position - 2, _ ("an escape sequence"), error);
  g_string_append_c (self->scratch, meanings[letter - letters]);
  return TRUE;
}

static gboolean
parse_string (Parser *self, const char **text, gsize *length, GError **error)
{
  gsize start = self->position;
  char *copy;

  if (!next_is (self, '"'))
    return fail_at (self, self->position, _ ("a string"), error);
  self->position++;
  g_string_truncate (self->scratch, 0);
  while (!next_is (self, '"'))
    {
      gsize run = self->position;

      while (self->position < self->bytes && self->text[self->position] != '"' && self->text[self->position] != '\\' &&
             (guint8) self->text[self->position] >= 0x20)
        self->position++;
      if (self->position > run)
        {
          const char *end;

          if (!g_utf8_validate_len (self->text + run, self->position - run, &end))
            return fail_at (self, (gsize) (end - self->text), _ ("UTF-8"), error);
          g_string_append_len (self->scratch, self->text + run, (gssize) (self->position - run));
        }
      if (self->position >= self->bytes)
        return fail_at (self, self->position, _ ("the end of the string"), error);
      if (self->text[self->position] == '\\')
        {
          if (!parse_escape (self, error))
            return FALSE;
        }
      else if (self->text[self->position] != '"')
        return fail_at (self, self->position, _ ("no control character in a string"), error);
    }
  self->position++;
  if (self->scratch->len > G_MAXINT)
    return fail_at (self, start, _ ("a shorter string"), error);

  copy = document_alloc (self->document, self->scratch->len + 1);
  memcpy (copy, self->scratch->str, self->scratch->len + 1);
  *text = copy;
  *length = self->scratch->len;
  return TRUE;
}

static TnJsonNode *
new_node (Parser *self, GError **error)
{
  TnJsonNode *node;

  if (self->document->n_nodes == TN_JSON_MAX_VALUES)
    {
      fail_at (self, self->position, _ ("at most 4 million values"), error);
      return NULL;
    }
  self->document->n_nodes++;
  node = document_alloc (self->document, sizeof *node);
  memset (node, 0, sizeof *node);
  return node;
}

static void
index_members (Parser *self, TnJsonNode *object)
{
  object->value.list.by_name = g_hash_table_new (name_hash, name_equal);
  g_ptr_array_add (self->document->tables, object->value.list.by_name);
  for (const TnJsonNode *node = object->value.list.first; node != NULL; node = node->next)
    g_hash_table_add (object->value.list.by_name, (gpointer) node);
}

static gboolean
parse_name (Parser *self, TnJsonNode *object, TnJsonNode *member, GError **error)
{
  gsize start = self->position;

  if (!parse_string (self, &member->name, &member->name_length, error))
    return FALSE;
  if (find_member (object, member->name, member->name_length) != NULL)
    return fail_at (self, start, _ ("every name once in an object"), error);
  skip_space (self);
  if (!next_is (self, ':'))
    return fail_at (self, self->position, "':'", error);
  self->position++;
  skip_space (self);
  return TRUE;
}

static gboolean
parse_list (Parser *self, TnJsonNode *list, guint depth, GError **error)
{
  char close = list->type == TN_JSON_OBJECT ? '}' : ']';
  TnJsonNode *last = NULL;

  if (depth == MAX_DEPTH)
    return fail_at (self, self->position, _ ("at most 64 levels of nesting"), error);
  self->position++;
  skip_space (self);
  if (next_is (self, close))
    {
      self->position++;
      return TRUE;
    }
  for (;;)
    {
      TnJsonNode *node = new_node (self, error);

      if (node == NULL || (list->type == TN_JSON_OBJECT && !parse_name (self, list, node, error)) ||
          !parse_value (self, node, depth + 1, error))
        return FALSE;
      if (last == NULL)
        list->value.list.first = node;
      else
        last->next = node;
      last = node;
      list->n_children++;
      if (list->value.list.by_name != NULL)
        g_hash_table_add (list->value.list.by_name, node);
      else if (list->type == TN_JSON_OBJECT && list->n_children == MAX_LINEAR_NAMES)
        index_members (self, list);

      skip_space (self);
      if (next_is (self, close))
        {
          self->position++;
          return TRUE;
        }
      if (!next_is (self, ','))
        return fail_at (self, self->position, close == '}' ? _ ("',' or '}'") : _ ("',' or ']'"), error);
      self->position++;
      skip_space (self);
    }
}

static gboolean
parse_value (Parser *self, TnJsonNode *node, guint depth, GError **error)
{
  char first = self->position < self->bytes ? self->text[self->position] : '\0';

  node->offset = self->position;
  switch (first)
    {
    case '{':
    case '[':
      node->type = first == '{' ? TN_JSON_OBJECT : TN_JSON_ARRAY;
      return parse_list (self, node, depth, error);
    case '"':
      node->type = TN_JSON_STRING;
      return parse_string (self, &node->value.string.text, &node->value.string.length, error);
    case 'n':
      node->type = TN_JSON_NULL;
      return parse_word (self, "null", error);
    case 't':
    case 'f':
      node->type = TN_JSON_BOOLEAN;
      node->value.boolean = first == 't';
      return parse_word (self, first == 't' ? "true" : "false", error);
    default:
      if (first == '-' || g_ascii_isdigit (first))
        return parse_number (self, node, error);
      return fail_at (self, self->position, _ ("a JSON value"), error);
    }
}

TnJson *
tn_json_parse (const char *text, gsize bytes, const char *file_name, guint64 base_offset, GError **error)
{
  g_autoptr (TnJson) document = g_new0 (TnJson, 1);
  g_autoptr (GString) scratch = g_string_new (NULL);
  Parser parser = {.document = document,
                   .text = text,
                   .bytes = bytes,
                   .file_name = file_name,
                   .base_offset = base_offset,
                   .scratch = scratch};
  TnJsonNode *root;

  document->blocks = g_ptr_array_new_with_free_func (g_free);
  document->tables = g_ptr_array_new_with_free_func ((GDestroyNotify) g_hash_table_unref);
  document->next_block_bytes = BLOCK_BYTES;
  root = new_node (&parser, error);
  skip_space (&parser);
  if (!parse_value (&parser, root, 0, error))
    return NULL;
  skip_space (&parser);
  if (parser.position < bytes)
    {
      fail_at (&parser, parser.position, _ ("the end of the text"), error);
      return NULL;
    }
  document->root = root;
  return g_steal_pointer (&document);
}

TnJson *
tn_json_parse_file (const char *path, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);

  if (file == NULL)
    return NULL;
  return tn_json_parse ((const char *) tn_mapped_file_get_data (file), tn_mapped_file_get_size (file), path, 0, error);
}

void
tn_json_free (TnJson *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->tables);
  g_ptr_array_unref (self->blocks);
  g_free (self);
}

const TnJsonNode *
tn_json_get_root (const TnJson *self)
{
  return self->root;
}

const TnJsonNode *
tn_json_find (const TnJsonNode *object, const char *name)
{
  if (object == NULL || object->type != TN_JSON_OBJECT)
    return NULL;
  return find_member (object, name, strlen (name));
}

const TnJsonNode *
tn_json_find_typed (const TnJsonNode *object, const char *name, TnJsonType type)
{
  const TnJsonNode *node = tn_json_find (object, name);

  return node != NULL && node->type == type ? node : NULL;
}

const char *
tn_json_find_text (const TnJsonNode *object, const char *name)
{
  const TnJsonNode *node = tn_json_find_typed (object, name, TN_JSON_STRING);

  return node != NULL && strlen (node->value.string.text) == node->value.string.length ? node->value.string.text : NULL;
}

const char *
tn_json_type_describe (TnJsonType type)
{
  static const char *const names[] = {
      [TN_JSON_NULL] = "null",
      [TN_JSON_BOOLEAN] = N_ ("true or false"),
      [TN_JSON_NUMBER] = N_ ("a number"),
      [TN_JSON_STRING] = N_ ("a string"),
      [TN_JSON_ARRAY] = N_ ("an array"),
      [TN_JSON_OBJECT] = N_ ("an object"),
  };

  return _ (names[type]);
}

static void
append_text (GString *out, const TnJsonNode *node, guint max_children, gboolean quote)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  gboolean is_object = node->type == TN_JSON_OBJECT;
  guint n = 0;

  switch (node->type)
    {
    case TN_JSON_NULL:
      g_string_append (out, "null");
      break;
    case TN_JSON_BOOLEAN:
      g_string_append (out, node->value.boolean ? "true" : "false");
      break;
    case TN_JSON_NUMBER:
      if (node->is_integer)
        g_string_append_printf (out, "%" G_GINT64_FORMAT, node->value.number.integer);
      else
        g_string_append (out, g_ascii_dtostr (buffer, sizeof buffer, node->value.number.real));
      break;
    case TN_JSON_STRING:
      if (quote)
        {
          g_autofree char *quoted = tn_quote_bytes (node->value.string.text, node->value.string.length);

          g_string_append (out, quoted);
        }
      else
        g_string_append (out, node->value.string.text);
      break;
    case TN_JSON_ARRAY:
    case TN_JSON_OBJECT:
      g_string_append_c (out, is_object ? '{' : '[');
      for (const TnJsonNode *child = node->value.list.first; child != NULL && n < max_children; child = child->next, n++)
        {
          if (n > 0)
            g_string_append (out, ", ");
          if (is_object)
            {
              g_autofree char *name = tn_quote_bytes (child->name, child->name_length);

              g_string_append_printf (out, "%s: ", name);
            }
          append_text (out, child, max_children, TRUE);
        }
      if (node->n_children > n)
        g_string_append_printf (out, ", … (%u)", node->n_children);
      g_string_append_c (out, is_object ? '}' : ']');
      break;
    }
}

char *
tn_json_node_to_text (const TnJsonNode *node, guint max_children)
{
  GString *out = g_string_new (NULL);

  append_text (out, node, max_children, FALSE);
  return g_string_free (out, FALSE);
}
