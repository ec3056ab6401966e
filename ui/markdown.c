/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/markdown.h"

#include <string.h>

#define CODE_INDENT "    "

static void
block_free (gpointer pointer)
{
  TnMarkdownBlock *self = pointer;

  g_free (self->text);
  g_free (self->bullet);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_free (self);
}

static TnMarkdownBlock *
add_block (GPtrArray *blocks, TnMarkdownKind kind, const char *text)
{
  TnMarkdownBlock *self = g_new0 (TnMarkdownBlock, 1);

  self->kind = kind;
  self->text = g_strdup (text);
  g_ptr_array_add (blocks, self);
  return self;
}

static gboolean
is_blank (const char *line)
{
  return line[strspn (line, " \t\r")] == '\0';
}

static guint
heading_level (const char *line)
{
  gsize level = strspn (line, "#");

  return level >= 1 && level <= 6 && line[level] == ' ' ? (guint) level : 0;
}

/* Bytes of "- ", "* " or "12. "; 0 when the line begins no item. */
static gsize
bullet_length (const char *line)
{
  gsize indent = strspn (line, " "), digits = strspn (line + indent, "0123456789");

  if (indent > 3)
    return 0;
  if ((line[indent] == '-' || line[indent] == '*') && line[indent + 1] == ' ')
    return indent + 2;
  if (digits > 0 && line[indent + digits] == '.' && line[indent + digits + 1] == ' ')
    return indent + digits + 2;
  return 0;
}

static gboolean
begins_block (const char *line)
{
  return is_blank (line) || heading_level (line) > 0 || bullet_length (line) > 0 || *line == '|' || g_str_has_prefix (line, "```");
}

/* Joins the lines of a paragraph or item, which goes on until something else begins. */
static char *
join_text (char **lines, gsize *i, const char *first)
{
  GString *text = g_string_new (NULL);
  g_autofree char *start = g_strstrip (g_strdup (first));

  g_string_append (text, start);
  for ((*i)++; lines[*i] != NULL && !begins_block (lines[*i]); (*i)++)
    {
      g_autofree char *line = g_strstrip (g_strdup (lines[*i]));

      g_string_append_printf (text, " %s", line);
    }
  return g_string_free (text, FALSE);
}

static void
parse_indented_code (GPtrArray *blocks, char **lines, gsize *i)
{
  GString *code = g_string_new (NULL);
  gsize end = *i;

  /* Blank lines belong to the code only when more of it follows. */
  for (gsize k = *i; lines[k] != NULL && (is_blank (lines[k]) || g_str_has_prefix (lines[k], CODE_INDENT)); k++)
    if (!is_blank (lines[k]))
      end = k + 1;
  for (; *i < end; (*i)++)
    {
      const char *line = lines[*i];

      g_string_append_printf (code, "%s%s", code->len > 0 ? "\n" : "",
                              g_str_has_prefix (line, CODE_INDENT) ? line + strlen (CODE_INDENT) : "");
    }
  add_block (blocks, TN_MARKDOWN_CODE, code->str);
  g_string_free (code, TRUE);
}

static void
parse_fenced_code (GPtrArray *blocks, char **lines, gsize *i)
{
  GString *code = g_string_new (NULL);

  for ((*i)++; lines[*i] != NULL && !g_str_has_prefix (lines[*i], "```"); (*i)++)
    g_string_append_printf (code, "%s%s", code->len > 0 ? "\n" : "", lines[*i]);
  if (lines[*i] != NULL)
    (*i)++;
  add_block (blocks, TN_MARKDOWN_CODE, code->str);
  g_string_free (code, TRUE);
}

/* Bars inside of `code` or behind a backslash divide nothing. */
static GPtrArray *
split_row (const char *line)
{
  GPtrArray *cells = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) cell = g_string_new (NULL);
  gboolean code = FALSE;
  gsize length = strlen (line);

  while (length > 0 && strchr (" \t\r", line[length - 1]) != NULL)
    length--;
  for (gsize k = 1; k < length; k++)
    {
      if (line[k] == '`')
        code = !code;
      if (line[k] == '\\' && k + 1 < length && line[k + 1] == '|')
        g_string_append_c (cell, line[++k]);
      else if (line[k] == '|' && !code)
        {
          g_ptr_array_add (cells, g_strstrip (g_strdup (cell->str)));
          g_string_truncate (cell, 0);
        }
      else
        g_string_append_c (cell, line[k]);
    }
  if (cell->len > 0)
    g_ptr_array_add (cells, g_strstrip (g_strdup (cell->str)));
  return cells;
}

static gboolean
is_ruler (const char *line)
{
  return line[strspn (line, "|-: \t\r")] == '\0' && strchr (line, '-') != NULL;
}

static void
parse_table (GPtrArray *blocks, char **lines, gsize *i)
{
  TnMarkdownBlock *table = add_block (blocks, TN_MARKDOWN_TABLE, NULL);

  table->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  for (; lines[*i] != NULL && *lines[*i] == '|'; (*i)++)
    {
      g_autoptr (GPtrArray) cells = NULL;
      char **row;

      if (is_ruler (lines[*i]))
        continue;
      cells = split_row (lines[*i]);
      if (table->rows->len == 0)
        table->n_columns = cells->len;
      row = g_new0 (char *, table->n_columns + 1);
      for (guint k = 0; k < table->n_columns; k++)
        row[k] = g_strdup (k < cells->len ? g_ptr_array_index (cells, k) : "");
      g_ptr_array_add (table->rows, row);
    }
}

static void
parse_item (GPtrArray *blocks, char **lines, gsize *i)
{
  gsize length = bullet_length (lines[*i]);
  g_autofree char *sign = g_strstrip (g_strndup (lines[*i], length));
  g_autofree char *text = join_text (lines, i, lines[*i] + length);
  TnMarkdownBlock *item = add_block (blocks, TN_MARKDOWN_ITEM, text);

  item->bullet = g_strdup (g_ascii_isdigit (*sign) ? sign : "•");
}

GPtrArray *
tn_markdown_parse (const char *text)
{
  GPtrArray *blocks = g_ptr_array_new_with_free_func (block_free);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (gsize i = 0; lines[i] != NULL;)
    {
      guint level = heading_level (lines[i]);

      if (is_blank (lines[i]))
        i++;
      else if (level > 0)
        {
          g_autofree char *title = g_strstrip (g_strdup (lines[i] + level));

          add_block (blocks, TN_MARKDOWN_HEADING, title)->level = level;
          i++;
        }
      else if (g_str_has_prefix (lines[i], "```"))
        parse_fenced_code (blocks, lines, &i);
      else if (g_str_has_prefix (lines[i], CODE_INDENT))
        parse_indented_code (blocks, lines, &i);
      else if (*lines[i] == '|')
        parse_table (blocks, lines, &i);
      else if (bullet_length (lines[i]) > 0)
        parse_item (blocks, lines, &i);
      else
        {
          g_autofree char *paragraph = join_text (lines, &i, lines[i]);

          add_block (blocks, TN_MARKDOWN_PARAGRAPH, paragraph);
        }
    }
  return blocks;
}

/* --- inside of text ---------------------------------------------------- */

static void
append_escaped (GString *out, const char *text, gsize length, gboolean markup)
{
  g_autofree char *escaped = markup ? g_markup_escape_text (text, (gssize) length) : g_strndup (text, length);

  g_string_append (out, escaped);
}

static void append_inline (GString *out, const char *text, gsize length, gboolean markup);

/* text begins with mark; what lies up to the next mark is put between tags. Returns the bytes used, 0 when there is no such mark. */
static gsize
append_span (GString *out, const char *text, gsize length, const char *mark, const char *tag, gboolean markup)
{
  gsize size = strlen (mark);
  const char *end = length > 2 * size ? g_strstr_len (text + size, (gssize) (length - size), mark) : NULL;
  gsize inside;

  /* "2 * 3" is no emphasis. */
  if (end == NULL || end == text + size || text[size] == ' ' || end[-1] == ' ')
    return 0;
  inside = (gsize) (end - text) - size;
  if (markup)
    g_string_append_printf (out, "<%s>", tag);
  if (*mark == '`')
    append_escaped (out, text + size, inside, markup);
  else
    append_inline (out, text + size, inside, markup);
  if (markup)
    g_string_append_printf (out, "</%s>", tag);
  return inside + 2 * size;
}

static gsize
append_link (GString *out, const char *text, gsize length, gboolean markup)
{
  const char *middle = g_strstr_len (text, (gssize) length, "](");
  const char *end = middle != NULL ? memchr (middle, ')', length - (gsize) (middle - text)) : NULL;
  g_autofree char *address = NULL;

  if (end == NULL || memchr (text + 1, '[', (gsize) (middle - text - 1)) != NULL)
    return 0;
  address = g_markup_escape_text (middle + 2, end - middle - 2);
  if (markup)
    g_string_append_printf (out, "<a href=\"%s\">", address);
  append_inline (out, text + 1, (gsize) (middle - text) - 1, markup);
  if (markup)
    g_string_append (out, "</a>");
  return (gsize) (end - text) + 1;
}

static void
append_inline (GString *out, const char *text, gsize length, gboolean markup)
{
  for (gsize i = 0; i < length;)
    {
      const char *rest = text + i;
      gsize left = length - i, used = 0;

      if (*rest == '`')
        used = append_span (out, rest, left, "`", "tt", markup);
      else if (left > 1 && rest[0] == '*' && rest[1] == '*')
        used = append_span (out, rest, left, "**", "b", markup);
      else if (*rest == '*')
        used = append_span (out, rest, left, "*", "i", markup);
      else if (*rest == '[')
        used = append_link (out, rest, left, markup);
      if (used == 0)
        {
          used = 1 + strcspn (rest + 1, "`*[");
          used = MIN (used, left);
          append_escaped (out, rest, used, markup);
        }
      i += used;
    }
}

char *
tn_markdown_to_markup (const char *text)
{
  GString *out = g_string_new (NULL);

  append_inline (out, text, strlen (text), TRUE);
  return g_string_free (out, FALSE);
}

char *
tn_markdown_to_plain (const char *text)
{
  GString *out = g_string_new (NULL);

  append_inline (out, text, strlen (text), FALSE);
  return g_string_free (out, FALSE);
}
