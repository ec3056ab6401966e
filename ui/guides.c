/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/guides.h"

#include <gio/gio.h>
#include <string.h>

#include "ui/markdown.h"

static void
section_free (gpointer pointer)
{
  TnGuideSection *self = pointer;

  g_free (self->title);
  g_free (self->text);
  g_free (self);
}

static void
guide_free (gpointer pointer)
{
  TnGuide *self = pointer;

  g_free (self->name);
  g_free (self->title);
  g_ptr_array_unref (self->blocks);
  g_ptr_array_unref (self->sections);
  g_free (self);
}

static void
append_block (GString *text, const TnMarkdownBlock *block)
{
  g_autofree char *plain = block->text != NULL ? tn_markdown_to_plain (block->text) : g_strdup ("");

  g_string_append_printf (text, "%s\n", plain);
  for (guint r = 0; block->rows != NULL && r < block->rows->len; r++)
    {
      g_autofree char *row = g_strjoinv (" ", g_ptr_array_index (block->rows, r));
      g_autofree char *plain_row = tn_markdown_to_plain (row);

      g_string_append_printf (text, "%s\n", plain_row);
    }
}

static void
find_sections (TnGuide *self)
{
  GString *text = g_string_new (NULL);
  TnGuideSection *section = NULL;

  for (guint i = 0; i <= self->blocks->len; i++)
    {
      const TnMarkdownBlock *block = i < self->blocks->len ? g_ptr_array_index (self->blocks, i) : NULL;

      if (block == NULL || block->kind == TN_MARKDOWN_HEADING)
        {
          if (section != NULL)
            section->text = g_utf8_casefold (text->str, -1);
          g_string_truncate (text, 0);
        }
      if (block == NULL)
        break;
      if (block->kind == TN_MARKDOWN_HEADING)
        {
          section = g_new0 (TnGuideSection, 1);
          section->title = tn_markdown_to_plain (block->text);
          section->level = block->level;
          section->block = i;
          g_ptr_array_add (self->sections, section);
        }
      append_block (text, block);
    }
  g_string_free (text, TRUE);
}

static TnGuide *
guide_new (const char *name, const char *text)
{
  TnGuide *self = g_new0 (TnGuide, 1);

  self->name = g_strdup (name);
  self->blocks = tn_markdown_parse (text);
  self->sections = g_ptr_array_new_with_free_func (section_free);
  find_sections (self);
  self->title = g_strdup (self->sections->len > 0 ? ((TnGuideSection *) self->sections->pdata[0])->title : name);
  return self;
}

static int
compare_guides (gconstpointer a, gconstpointer b)
{
  return g_utf8_collate ((*(TnGuide *const *) a)->title, (*(TnGuide *const *) b)->title);
}

GPtrArray *
tn_guides_load (void)
{
  GPtrArray *guides = g_ptr_array_new_with_free_func (guide_free);
  g_auto (GStrv) names = g_resources_enumerate_children (TN_GUIDES_RESOURCE, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autofree char *path = g_strconcat (TN_GUIDES_RESOURCE, *name, NULL);
      g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
      g_autofree char *text = bytes != NULL ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes)) : NULL;

      if (text != NULL)
        g_ptr_array_add (guides, guide_new (*name, text));
    }
  g_ptr_array_sort (guides, compare_guides);
  return guides;
}

gboolean
tn_guide_section_matches (const TnGuideSection *self, const char *needle)
{
  g_auto (GStrv) words = g_strsplit_set (needle, " \t", -1);

  for (char **word = words; *word != NULL; word++)
    if (**word != '\0' && strstr (self->text, *word) == NULL)
      return FALSE;
  return TRUE;
}

/* As GitHub makes anchors of headings: lower case, spaces to hyphens, no other signs. */
static char *
make_anchor (const char *title)
{
  g_autofree char *lower = g_utf8_strdown (title, -1);
  GString *anchor = g_string_new (NULL);

  for (const char *p = lower; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == ' ')
        g_string_append_c (anchor, '-');
      else if (g_unichar_isalnum (c) || c == '-' || c == '_')
        g_string_append_unichar (anchor, c);
    }
  return g_string_free (anchor, FALSE);
}

gboolean
tn_guides_find (GPtrArray *guides, guint from, const char *address, guint *guide, guint *block)
{
  const char *hash = strchr (address, '#');
  g_autofree char *file = hash != NULL ? g_strndup (address, (gsize) (hash - address)) : g_strdup (address);
  const char *slash = strrchr (file, '/');
  const char *name = slash != NULL ? slash + 1 : file;

  for (guint i = 0; i < guides->len; i++)
    {
      const TnGuide *candidate = g_ptr_array_index (guides, i);

      if (*name != '\0' ? strcmp (candidate->name, name) != 0 : i != from)
        continue;
      if (hash == NULL)
        {
          *guide = i;
          *block = 0;
          return TRUE;
        }
      for (guint k = 0; k < candidate->sections->len; k++)
        {
          const TnGuideSection *section = g_ptr_array_index (candidate->sections, k);
          g_autofree char *anchor = make_anchor (section->title);

          if (strcmp (anchor, hash + 1) != 0)
            continue;
          *guide = i;
          *block = section->block;
          return TRUE;
        }
    }
  return FALSE;
}
