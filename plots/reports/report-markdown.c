/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plots/reports/report-private.h"

/* What Markdown takes for its own gets a backslash; line breaks would end a table's row. */
static void
append_text (GString *out, const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    {
      if (strchr ("\\`*_{}[]<>#|", *p) != NULL)
        g_string_append_c (out, '\\');
      g_string_append_c (out, g_ascii_iscntrl (*p) ? ' ' : *p);
    }
}

static void
append_table (GString *out, const TnReportBlock *block)
{
  for (guint row = 0; row <= block->n_rows; row++)
    {
      for (guint c = 0; c < block->n_columns; c++)
        {
          g_string_append (out, "| ");
          append_text (out, row == 0 ? block->headers[c] : block->cells[(gsize) (row - 1) * block->n_columns + c]);
          g_string_append_c (out, ' ');
        }
      g_string_append (out, "|\n");
      for (guint c = 0; row == 0 && c < block->n_columns; c++)
        g_string_append (out, block->numeric[c] ? "|---:" : "|---");
      if (row == 0)
        g_string_append (out, "|\n");
    }
  g_string_append_c (out, '\n');
}

static void
append_figure (GString *out, const TnReportBlock *block, const char *figure_path, guint number)
{
  g_autofree char *description = tn_figure_describe (block->figure);

  if (figure_path != NULL)
    {
      g_autofree char *path = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      path = g_strdup_printf (figure_path, number);
#pragma GCC diagnostic pop
      g_string_append (out, "![");
      append_text (out, description);
      g_string_append_printf (out, "](%s)\n\n", path);
    }
  if (block->text != NULL)
    {
      append_text (out, block->text);
      g_string_append (out, "\n\n");
    }
}

char *
tn_report_to_markdown (TnReport *self, const char *figure_path)
{
  GString *out = g_string_new ("# ");
  guint n_figures = 0;

  append_text (out, self->title);
  g_string_append (out, "\n\n");
  for (guint i = 0; i < self->blocks->len; i++)
    {
      const TnReportBlock *block = g_ptr_array_index (self->blocks, i);

      switch (block->kind)
        {
        case TN_BLOCK_HEADING:
        case TN_BLOCK_PARAGRAPH:
          if (block->kind == TN_BLOCK_HEADING)
            g_string_append (out, "## ");
          append_text (out, block->text);
          g_string_append (out, "\n\n");
          break;
        case TN_BLOCK_TABLE:
          append_table (out, block);
          break;
        case TN_BLOCK_FIGURE:
        default:
          append_figure (out, block, figure_path, ++n_figures);
        }
    }
  return g_string_free (out, FALSE);
}
