/* SPDX-License-Identifier: Apache-2.0 */
#include <cairo-pdf.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "plots/figures/figure-private.h"

#define PNG_SCALE 2
/* Cairo's limit for image surfaces. */
#define LARGEST_SIDE 32767
/* PDF counts in points of 1/72 inch, figures in pixels of 1/96. */
#define POINTS_PER_PIXEL 0.75
#define PDF_DENSITY 4

static cairo_status_t
append_bytes (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

static gboolean
check_status (cairo_status_t status, GError **error)
{
  if (status == CAIRO_STATUS_SUCCESS)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("the figure could not be drawn: %s"), cairo_status_to_string (status));
  return FALSE;
}

static GByteArray *
to_png (TnFigure *self, double width, double height, TnFigureStyle style, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  cairo_surface_t *surface =
      cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int) ceil (width * PNG_SCALE), (int) ceil (height * PNG_SCALE));
  cairo_t *cr = cairo_create (surface);
  cairo_status_t status;

  cairo_scale (cr, PNG_SCALE, PNG_SCALE);
  tn_figure_draw (self, cr, width, height, style);
  status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream (surface, append_bytes, bytes);
  cairo_surface_destroy (surface);
  return check_status (status, error) ? g_steal_pointer (&bytes) : NULL;
}

static GByteArray *
to_pdf (TnFigure *self, double width, double height, TnFigureStyle style, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  cairo_surface_t *surface =
      cairo_pdf_surface_create_for_stream (append_bytes, bytes, width * POINTS_PER_PIXEL, height * POINTS_PER_PIXEL);
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  cairo_t *cr = cairo_create (surface);
  cairo_status_t status;
  TnCairoCanvas canvas;

  if (*self->title != '\0')
    cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_TITLE, self->title);
  cairo_scale (cr, POINTS_PER_PIXEL, POINTS_PER_PIXEL);
  tn_cairo_canvas_init (&canvas, cr, layout->text, style, PDF_DENSITY);
  tn_figure_draw_on (self, &canvas.canvas, width, height);
  status = cairo_status (cr);
  cairo_destroy (cr);
  cairo_surface_finish (surface);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  return check_status (status, error) ? g_steal_pointer (&bytes) : NULL;
}

static char *
to_svg (TnFigure *self, double width, double height, TnFigureStyle style, gboolean classes)
{
  GString *out = g_string_new (NULL);
  g_autofree char *label = tn_figure_describe (self);
  TnSvgCanvas canvas;

  tn_svg_canvas_init (&canvas, out, style, classes);
  tn_svg_canvas_open (&canvas, width, height, self->family, label);
  tn_figure_draw_on (self, &canvas.canvas, width, height);
  tn_svg_canvas_close (&canvas);
  return g_string_free (out, FALSE);
}

static gboolean
check_size (double width, double height, GError **error)
{
  if (width >= 1 && height >= 1 && width * PNG_SCALE <= LARGEST_SIDE && height * PNG_SCALE <= LARGEST_SIDE)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _ ("a figure of %g × %g pixels cannot be drawn; each side must be 1 to %d"), width, height,
               LARGEST_SIDE / PNG_SCALE);
  return FALSE;
}

char *
tn_figure_to_svg (TnFigure *self, double width, double height, TnFigureStyle style, GError **error)
{
  if (!check_size (width, height, error))
    return NULL;
  return to_svg (self, width, height, style, TRUE);
}

static gboolean
has_ending (const char *path, const char *ending)
{
  gsize length = strlen (path), ending_length = strlen (ending);

  return length > ending_length && g_ascii_strcasecmp (path + length - ending_length, ending) == 0;
}

gboolean
tn_figure_save (TnFigure *self, const char *path, double width, double height, TnFigureStyle style, GError **error)
{
  g_autoptr (GByteArray) bytes = NULL;
  g_autofree char *text = NULL;
  const char *contents;
  gssize length;

  if (!check_size (width, height, error))
    return FALSE;
  if (has_ending (path, ".png"))
    bytes = to_png (self, width, height, style, error);
  else if (has_ending (path, ".pdf"))
    bytes = to_pdf (self, width, height, style, error);
  else if (has_ending (path, ".svg"))
    text = to_svg (self, width, height, style, FALSE);
  else if (has_ending (path, ".csv"))
    text = tn_figure_to_csv (self);
  else
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _ ("%s: the ending says no format; expected .png, .svg, .pdf or .csv"), path);
      return FALSE;
    }
  if (bytes == NULL && text == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  contents = bytes != NULL ? (const char *) bytes->data : text;
  length = bytes != NULL ? (gssize) bytes->len : (gssize) strlen (text);
  return g_file_set_contents_full (path, contents, length, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666,
                                   error);
}
