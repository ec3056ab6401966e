/* SPDX-License-Identifier: Apache-2.0 */
#include <cairo-pdf.h>
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"
#include "plots/figures/palette.h"
#include "plots/figures/text.h"
#include "plots/reports/report-private.h"

/* A4 in points, and what stays free around it. */
#define PAGE_WIDTH 595.0
#define PAGE_HEIGHT 842.0
#define MARGIN 54.0
#define WIDTH (PAGE_WIDTH - 2 * MARGIN)
#define BOTTOM (PAGE_HEIGHT - MARGIN)
#define TITLE_SIZE 20.0
#define HEADING_SIZE 14.0
#define TEXT_SIZE 10.0
#define CAPTION_SIZE 9.0
#define TABLE_SIZE 8.5
/* Of wide tables. */
#define LEAST_TABLE_SIZE 6.5
#define FOOT_SIZE 8.0
#define LEADING 1.4
#define COLUMN_GAP 7.0
/* Figures are laid out in pixels of 1/96 inch. */
#define POINTS_PER_PIXEL 0.75

typedef struct
{
  cairo_surface_t *surface;
  cairo_t *cr;
  TnText *text;
  double y;
  guint page;
  double table_size; /* of the type in the table at hand */
} Paper;

static void
set_ink (const Paper *self, guint ink)
{
  guint32 rgb = tn_palette_rgb (TN_FIGURE_LIGHT, ink);

  cairo_set_source_rgb (self->cr, (rgb >> 16) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0);
}

static void
end_page (Paper *self)
{
  g_autofree char *number = g_strdup_printf ("%u", self->page);

  set_ink (self, TN_INK_MUTED);
  tn_text_show (self->text, self->cr, number, FOOT_SIZE, FALSE,
                (PAGE_WIDTH - tn_text_width (self->text, number, FOOT_SIZE, FALSE)) / 2, PAGE_HEIGHT - MARGIN / 2);
  cairo_show_page (self->cr);
  self->page++;
  self->y = MARGIN;
}

/* Room for so much, on this page or the next. */
static void
need (Paper *self, double height)
{
  if (self->y + height > BOTTOM && self->y > MARGIN)
    end_page (self);
}

static void
write_lines (Paper *self, const char *string, double size, gboolean bold, guint ink)
{
  g_auto (GStrv) lines = tn_text_wrap (self->text, string, size, bold ? WIDTH * 0.94 : WIDTH);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      need (self, size * LEADING);
      self->y += size * LEADING;
      set_ink (self, ink);
      tn_text_show (self->text, self->cr, lines[i], size, bold, MARGIN, self->y - size * (LEADING - 1));
    }
}

/* Widths of the columns as their contents want them; returns their sum. */
static double
measure_columns (const Paper *self, const TnReportBlock *block, double *widths)
{
  double sum = 0;

  for (guint c = 0; c < block->n_columns; c++)
    {
      widths[c] = tn_text_width (self->text, block->headers[c], self->table_size, TRUE);
      for (guint row = 0; row < block->n_rows; row++)
        widths[c] = MAX (widths[c],
                         tn_text_width (self->text, block->cells[(gsize) row * block->n_columns + c], self->table_size, FALSE));
      sum += widths[c];
    }
  return sum;
}

/* Where all is too much, the type becomes smaller, and then the widest columns are cut to one level. */
static void
find_widths (Paper *self, const TnReportBlock *block, double *widths)
{
  double room = WIDTH - COLUMN_GAP * (block->n_columns - 1), low = 0, high = WIDTH;

  self->table_size = TABLE_SIZE;
  while (measure_columns (self, block, widths) > room)
    {
      if (self->table_size <= LEAST_TABLE_SIZE)
        break;
      self->table_size -= 0.5;
    }
  for (guint pass = 0; pass < 40; pass++)
    {
      double level = (low + high) / 2, sum = 0;

      for (guint c = 0; c < block->n_columns; c++)
        sum += MIN (widths[c], level);
      if (sum <= room)
        low = level;
      else
        high = level;
    }
  for (guint c = 0; c < block->n_columns; c++)
    widths[c] = MIN (widths[c], low);
}

static void
write_row (Paper *self, const TnReportBlock *block, const double *widths, char **cells, gboolean header)
{
  double x = MARGIN, line = self->table_size * 1.6;

  self->y += line;
  for (guint c = 0; c < block->n_columns; c++)
    {
      g_autofree char *text =
          tn_text_ellipsize (self->text, cells[c], self->table_size, header, widths[c] + 0.01, !header && !block->numeric[c]);
      double width = tn_text_width (self->text, text, self->table_size, header);

      set_ink (self, header ? TN_INK_MUTED : TN_INK_TEXT);
      tn_text_show (self->text, self->cr, text, self->table_size, header, block->numeric[c] ? x + widths[c] - width : x,
                    self->y - self->table_size * 0.5);
      x += widths[c] + COLUMN_GAP;
    }
  set_ink (self, header ? TN_INK_AXIS : TN_INK_GRID);
  cairo_rectangle (self->cr, MARGIN, self->y, WIDTH, header ? 1.0 : 0.5);
  cairo_fill (self->cr);
}

static void
write_table (Paper *self, const TnReportBlock *block)
{
  g_autofree double *widths = g_new (double, MAX (block->n_columns, 1));
  double line;

  find_widths (self, block, widths);
  line = self->table_size * 1.6;
  self->y += 4;
  need (self, 3 * line);
  write_row (self, block, widths, block->headers, TRUE);
  for (guint row = 0; row < block->n_rows; row++)
    {
      if (self->y + line > BOTTOM)
        {
          end_page (self);
          write_row (self, block, widths, block->headers, TRUE);
        }
      write_row (self, block, widths, block->cells + (gsize) row * block->n_columns, FALSE);
    }
  self->y += 8;
}

static double
get_caption_height (const TnReportBlock *block)
{
  return block->text != NULL ? CAPTION_SIZE * LEADING * 2 : 0;
}

/* As wide as the page at most, and as high, with a heading over it. */
static double
get_scale (const TnReportBlock *block)
{
  double height = BOTTOM - MARGIN - get_caption_height (block) - 2 * HEADING_SIZE * LEADING;

  return MIN (POINTS_PER_PIXEL, MIN (WIDTH / block->width, height / block->height));
}

static void
write_figure (Paper *self, const TnReportBlock *block)
{
  double scale = get_scale (block);

  self->y += 6;
  need (self, block->height * scale + get_caption_height (block));
  cairo_save (self->cr);
  cairo_translate (self->cr, MARGIN, self->y);
  cairo_scale (self->cr, scale, scale);
  tn_figure_draw (block->figure, self->cr, block->width, block->height, TN_FIGURE_LIGHT);
  cairo_restore (self->cr);
  self->y += block->height * scale;
  if (block->text != NULL)
    write_lines (self, block->text, CAPTION_SIZE, FALSE, TN_INK_MUTED);
  self->y += 8;
}

/* What has to stand on the page of a heading: the beginning of what follows. */
static double
get_least_height (const TnReportBlock *next)
{
  if (next != NULL && next->kind == TN_BLOCK_FIGURE)
    return 6 + next->height * get_scale (next) + get_caption_height (next);
  return 4 * TEXT_SIZE * LEADING;
}

/* next: may be NULL. */
static void
write_block (Paper *self, const TnReportBlock *block, const TnReportBlock *next)
{
  switch (block->kind)
    {
    case TN_BLOCK_HEADING:
      need (self, HEADING_SIZE * LEADING + 14 + get_least_height (next));
      self->y += self->y > MARGIN ? 12 : 0;
      write_lines (self, block->text, HEADING_SIZE, TRUE, TN_INK_TEXT);
      self->y += 2;
      break;
    case TN_BLOCK_PARAGRAPH:
      write_lines (self, block->text, TEXT_SIZE, FALSE, TN_INK_TEXT);
      self->y += 5;
      break;
    case TN_BLOCK_TABLE:
      write_table (self, block);
      break;
    case TN_BLOCK_FIGURE:
    default:
      write_figure (self, block);
    }
}

static cairo_status_t
append_bytes (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

GBytes *
tn_report_to_pdf (TnReport *self, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (TnText) text = tn_text_new ("Sans");
  Paper paper = {.text = text, .y = MARGIN, .page = 1};
  cairo_status_t status;

  paper.surface = cairo_pdf_surface_create_for_stream (append_bytes, bytes, PAGE_WIDTH, PAGE_HEIGHT);
  cairo_pdf_surface_set_metadata (paper.surface, CAIRO_PDF_METADATA_TITLE, self->title);
  paper.cr = cairo_create (paper.surface);
  write_lines (&paper, self->title, TITLE_SIZE, TRUE, TN_INK_TEXT);
  paper.y += 8;
  for (guint i = 0; i < self->blocks->len; i++)
    write_block (&paper, g_ptr_array_index (self->blocks, i),
                 i + 1 < self->blocks->len ? g_ptr_array_index (self->blocks, i + 1) : NULL);
  end_page (&paper);
  status = cairo_status (paper.cr);
  cairo_destroy (paper.cr);
  cairo_surface_finish (paper.surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (paper.surface);
  cairo_surface_destroy (paper.surface);
  if (status == CAIRO_STATUS_SUCCESS)
    return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("the report could not be drawn: %s"), cairo_status_to_string (status));
  return NULL;
}
