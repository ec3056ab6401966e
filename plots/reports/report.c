/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "data/files/csv-row.h"
#include "engine/error.h"
#include "plots/reports/html-report.h"
#include "plots/reports/report-private.h"

static void
block_free (gpointer data)
{
  TnReportBlock *block = data;

  g_free (block->text);
  g_strfreev (block->headers);
  g_strfreev (block->cells);
  g_free (block->numeric);
  tn_figure_free (block->figure);
  g_free (block);
}

TnReport *
tn_report_new (const char *title, const char *language)
{
  TnReport *self = g_new0 (TnReport, 1);

  self->title = g_strdup (title != NULL ? title : "");
  self->language = g_strdup (language);
  self->blocks = g_ptr_array_new_with_free_func (block_free);
  return self;
}

void
tn_report_free (TnReport *self)
{
  if (self == NULL)
    return;
  g_free (self->title);
  g_free (self->language);
  g_ptr_array_unref (self->blocks);
  g_free (self);
}

static TnReportBlock *
add_block (TnReport *self, TnReportBlockKind kind, const char *text)
{
  TnReportBlock *block = g_new0 (TnReportBlock, 1);

  block->kind = kind;
  block->text = text != NULL ? g_utf8_make_valid (text, -1) : NULL;
  g_ptr_array_add (self->blocks, block);
  return block;
}

void
tn_report_heading (TnReport *self, const char *text)
{
  add_block (self, TN_BLOCK_HEADING, text);
}

void
tn_report_paragraph (TnReport *self, const char *text)
{
  add_block (self, TN_BLOCK_PARAGRAPH, text);
}

static char **
copy_strings (const char *const *strings, gsize n)
{
  char **copy = g_new0 (char *, n + 1);

  for (gsize i = 0; i < n; i++)
    copy[i] = g_utf8_make_valid (strings[i] != NULL ? strings[i] : "", -1);
  return copy;
}

void
tn_report_table (TnReport *self, guint n_columns, const char *const *headers, const gboolean *numeric, guint n_rows,
                 const char *const *cells)
{
  TnReportBlock *block = add_block (self, TN_BLOCK_TABLE, NULL);

  block->n_columns = n_columns;
  block->n_rows = n_rows;
  block->headers = copy_strings (headers, n_columns);
  block->numeric = g_memdup2 (numeric, n_columns * sizeof *numeric);
  block->cells = copy_strings (cells, (gsize) n_rows * n_columns);
}

void
tn_report_figure (TnReport *self, TnFigure *figure, double width, double height, const char *caption)
{
  TnReportBlock *block = add_block (self, TN_BLOCK_FIGURE, caption);

  block->figure = figure;
  block->width = width;
  block->height = height;
}

const char *
tn_report_get_title (TnReport *self)
{
  return self->title;
}

guint
tn_report_n_blocks (TnReport *self)
{
  return self->blocks->len;
}

const TnReportBlock *
tn_report_get_block (TnReport *self, guint index)
{
  return g_ptr_array_index (self->blocks, index);
}

TnFigure *
tn_report_take_figure (TnReport *self, guint index)
{
  return g_steal_pointer (&((TnReportBlock *) g_ptr_array_index (self->blocks, index))->figure);
}

char *
tn_report_to_html (TnReport *self, GError **error)
{
  g_autoptr (TnHtmlReport) page = tn_html_report_new (self->title, self->language);

  for (guint i = 0; i < self->blocks->len; i++)
    {
      TnReportBlock *block = g_ptr_array_index (self->blocks, i);

      switch (block->kind)
        {
        case TN_BLOCK_HEADING:
          tn_html_report_heading (page, block->text);
          break;
        case TN_BLOCK_PARAGRAPH:
          tn_html_report_paragraph (page, block->text);
          break;
        case TN_BLOCK_TABLE:
          tn_html_report_table (page, block->n_columns, (const char *const *) block->headers, block->numeric, block->n_rows,
                                (const char *const *) block->cells);
          break;
        case TN_BLOCK_FIGURE:
        default:
          if (!tn_html_report_figure (page, block->figure, block->width, block->height, block->text, error))
            return NULL;
        }
    }
  return tn_html_report_to_string (page);
}

char *
tn_report_to_csv (TnReport *self)
{
  const TnReportBlock *longest = NULL;
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < self->blocks->len; i++)
    {
      const TnReportBlock *block = g_ptr_array_index (self->blocks, i);

      if (block->kind == TN_BLOCK_TABLE && (longest == NULL || block->n_rows > longest->n_rows))
        longest = block;
    }
  for (guint row = 0; longest != NULL && row <= longest->n_rows; row++)
    {
      for (guint c = 0; c < longest->n_columns; c++)
        {
          if (c > 0)
            g_string_append_c (out, ',');
          tn_csv_append_field (out, row == 0 ? longest->headers[c] : longest->cells[(gsize) (row - 1) * longest->n_columns + c]);
        }
      g_string_append_c (out, '\n');
    }
  return g_string_free (out, FALSE);
}

static gboolean
save_text (const char *path, const char *text, GError **error)
{
  return text != NULL && tn_atomic_file_set_contents (path, text, strlen (text), error);
}

/* The figures first: a text that names them is there only when they are. */
static gboolean
save_markdown (TnReport *self, const char *path, GError **error)
{
  g_autofree char *stem = g_strndup (path, strlen (path) - strlen (".md")), *folder = g_strconcat (stem, "-figures", NULL);
  g_autofree char *base = g_path_get_basename (folder), *escaped = NULL, *format = NULL, *text = NULL;
  g_auto (GStrv) parts = NULL;
  guint n = 0;

  for (guint i = 0; i < self->blocks->len; i++)
    {
      TnReportBlock *block = g_ptr_array_index (self->blocks, i);
      g_autofree char *name = NULL, *file = NULL;

      if (block->kind != TN_BLOCK_FIGURE)
        continue;
      if (n == 0 && g_mkdir (folder, 0777) != 0 && errno != EEXIST)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: the folder for figures could not be made: %s"), folder,
                       g_strerror (errno));
          return FALSE;
        }
      name = g_strdup_printf ("%u.svg", ++n);
      file = g_build_filename (folder, name, NULL);
      if (!tn_figure_save (block->figure, file, block->width, block->height, TN_FIGURE_LIGHT, error))
        return FALSE;
    }
  escaped = g_uri_escape_string (base, NULL, FALSE);
  /* It goes through printf. */
  parts = g_strsplit (escaped, "%", -1);
  g_free (escaped);
  escaped = g_strjoinv ("%%", parts);
  format = g_strconcat (escaped, "/%u.svg", NULL);
  text = tn_report_to_markdown (self, format);
  return save_text (path, text, error);
}

gboolean
tn_report_save (TnReport *self, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (g_str_has_suffix (path, ".html") || g_str_has_suffix (path, ".htm"))
    {
      text = tn_report_to_html (self, error);
      return save_text (path, text, error);
    }
  if (g_str_has_suffix (path, ".pdf"))
    {
      bytes = tn_report_to_pdf (self, error);
      return bytes != NULL && tn_atomic_file_set_contents (path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), error);
    }
  if (g_str_has_suffix (path, ".md"))
    return save_markdown (self, path, error);
  if (g_str_has_suffix (path, ".csv"))
    {
      text = tn_report_to_csv (self);
      return save_text (path, text, error);
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a report is written as .html, .pdf, .md or .csv"), path);
  return FALSE;
}
