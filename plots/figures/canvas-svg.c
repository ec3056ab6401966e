/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "plots/figures/canvas.h"

/* Two decimals, no more characters than needed. */
static void
append_number (GString *out, double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE], *end;

  g_ascii_formatd (buffer, sizeof buffer, "%.2f", number);
  end = buffer + strlen (buffer);
  while (end[-1] == '0')
    end--;
  if (end[-1] == '.')
    end--;
  *end = '\0';
  g_string_append (out, strcmp (buffer, "-0") == 0 ? "0" : buffer);
}

static void
append_attribute (GString *out, const char *name, double number)
{
  g_string_append_printf (out, " %s=\"", name);
  append_number (out, number);
  g_string_append_c (out, '"');
}

static void
append_escaped (GString *out, const char *string)
{
  g_autofree char *valid = g_utf8_make_valid (string, -1);
  g_autofree char *escaped = NULL;

  /* Control characters are not allowed in XML, not even as references. */
  for (char *p = valid; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  escaped = g_markup_escape_text (valid, -1);
  g_string_append (out, escaped);
}

static void
append_paint (TnSvgCanvas *self, const char *property, TnPaint paint)
{
  if (self->classes)
    g_string_append_printf (self->out, " class=\"tn%u-%s-%u\"", self->style, property, paint.ink);
  else
    g_string_append_printf (self->out, " %s=\"#%06x\"", property, tn_palette_rgb (self->style, paint.ink));
  if (paint.alpha < 1)
    {
      g_autofree char *name = g_strconcat (property, "-opacity", NULL);

      append_attribute (self->out, name, paint.alpha);
    }
}

static void
append_pair (GString *out, char command, double x, double y)
{
  g_string_append_c (out, command);
  append_number (out, x);
  g_string_append_c (out, ' ');
  append_number (out, y);
}

static void
svg_rectangles (TnCanvas *canvas, const TnRectangle *rectangles, gsize n, TnPaint paint)
{
  TnSvgCanvas *self = (TnSvgCanvas *) canvas;

  if (n == 0)
    return;
  g_string_append (self->out, "<path");
  append_paint (self, "fill", paint);
  g_string_append (self->out, " d=\"");
  for (gsize i = 0; i < n; i++)
    {
      append_pair (self->out, 'M', rectangles[i].x, rectangles[i].y);
      g_string_append_c (self->out, 'h');
      append_number (self->out, rectangles[i].width);
      g_string_append_c (self->out, 'v');
      append_number (self->out, rectangles[i].height);
      g_string_append_c (self->out, 'h');
      append_number (self->out, -rectangles[i].width);
      g_string_append_c (self->out, 'z');
    }
  g_string_append (self->out, "\"/>\n");
}

static void
svg_polyline (TnCanvas *canvas, const TnPoint *points, gsize n, TnPaint paint, TnPen pen)
{
  TnSvgCanvas *self = (TnSvgCanvas *) canvas;
  const double *lengths;
  guint n_lengths;

  if (n < 2)
    return;
  g_string_append (self->out, "<path fill=\"none\" stroke-linejoin=\"round\"");
  append_paint (self, "stroke", paint);
  append_attribute (self->out, "stroke-width", pen.width);
  lengths = tn_canvas_dash_lengths (pen.dash, &n_lengths);
  if (lengths != NULL)
    {
      g_string_append (self->out, " stroke-dasharray=\"");
      for (guint i = 0; i < n_lengths; i++)
        {
          if (i > 0)
            g_string_append_c (self->out, ' ');
          append_number (self->out, lengths[i]);
        }
      g_string_append_c (self->out, '"');
    }
  g_string_append (self->out, " d=\"");
  for (gsize i = 0; i < n; i++)
    append_pair (self->out, i == 0 ? 'M' : 'L', points[i].x, points[i].y);
  g_string_append (self->out, "\"/>\n");
}

static void
svg_dots (TnCanvas *canvas, const TnPoint *centers, gsize n, double radius, TnPaint paint)
{
  TnSvgCanvas *self = (TnSvgCanvas *) canvas;

  for (gsize i = 0; i < n; i++)
    {
      g_string_append (self->out, "<circle");
      append_paint (self, "fill", paint);
      append_attribute (self->out, "cx", centers[i].x);
      append_attribute (self->out, "cy", centers[i].y);
      append_attribute (self->out, "r", radius);
      g_string_append (self->out, "/>\n");
    }
}

static cairo_status_t
append_png (void *closure, const unsigned char *data, unsigned int length)
{
  g_byte_array_append (closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

static void
svg_picture (TnCanvas *canvas, const guint32 *pixels, guint columns, guint rows, TnRectangle where)
{
  TnSvgCanvas *self = (TnSvgCanvas *) canvas;
  g_autoptr (GByteArray) png = g_byte_array_new ();
  g_autofree char *text = NULL;
  cairo_surface_t *surface;

  if (columns == 0 || rows == 0)
    return;
  surface = tn_canvas_picture_surface (pixels, columns, rows);
  cairo_surface_write_to_png_stream (surface, append_png, png);
  cairo_surface_destroy (surface);
  text = g_base64_encode (png->data, png->len);
  g_string_append (self->out, "<image");
  append_attribute (self->out, "x", where.x);
  append_attribute (self->out, "y", where.y);
  append_attribute (self->out, "width", where.width);
  append_attribute (self->out, "height", where.height);
  g_string_append_printf (self->out,
                          " preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
                          "href=\"data:image/png;base64,%s\"/>\n",
                          text);
}

static void
svg_text (TnCanvas *canvas, const char *string, double x, double y, TnPaint paint, TnType type)
{
  TnSvgCanvas *self = (TnSvgCanvas *) canvas;

  g_string_append (self->out, "<text");
  append_paint (self, "fill", paint);
  append_attribute (self->out, "font-size", type.size);
  if (type.bold)
    g_string_append (self->out, " font-weight=\"600\"");
  if (type.anchor != TN_ANCHOR_START)
    g_string_append_printf (self->out, " text-anchor=\"%s\"", type.anchor == TN_ANCHOR_MIDDLE ? "middle" : "end");
  if (type.upwards)
    {
      g_string_append (self->out, " transform=\"translate(");
      append_pair (self->out, ' ', x, y);
      g_string_append (self->out, ") rotate(-90)\"");
    }
  else
    {
      append_attribute (self->out, "x", x);
      append_attribute (self->out, "y", y);
    }
  g_string_append_c (self->out, '>');
  append_escaped (self->out, string);
  g_string_append (self->out, "</text>\n");
}

void
tn_svg_canvas_init (TnSvgCanvas *self, GString *out, TnFigureStyle style, gboolean classes)
{
  *self = (TnSvgCanvas){.canvas = {.density = 1,
                                   .style = style,
                                   .rectangles = svg_rectangles,
                                   .polyline = svg_polyline,
                                   .dots = svg_dots,
                                   .picture = svg_picture,
                                   .text = svg_text},
                        .out = out,
                        .style = style,
                        .classes = classes};
}

static void
append_classes (TnSvgCanvas *self)
{
  static const char *const names[] = {"background", "text", "muted", "axis", "grid"};

  g_string_append (self->out, "<style>");
  for (guint ink = 0; ink < TN_INK_COUNT; ink++)
    {
      g_autofree char *series = ink < TN_INK_SERIES ? NULL : g_strdup_printf ("series-%u", ink - TN_INK_SERIES);
      const char *name = series != NULL ? series : names[ink];

      g_string_append_printf (self->out, ".tn%u-fill-%u{fill:var(--tn-%s,#%06x)}", self->style, ink, name,
                              tn_palette_rgb (self->style, ink));
      if (ink >= TN_INK_AXIS)
        g_string_append_printf (self->out, ".tn%u-stroke-%u{stroke:var(--tn-%s,#%06x)}", self->style, ink, name,
                                tn_palette_rgb (self->style, ink));
    }
  g_string_append (self->out, "</style>\n");
}

void
tn_svg_canvas_open (TnSvgCanvas *self, double width, double height, const char *family, const char *label)
{
  g_string_append (self->out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
  append_attribute (self->out, "width", width);
  append_attribute (self->out, "height", height);
  g_string_append (self->out, " viewBox=\"0 0");
  append_pair (self->out, ' ', width, height);
  g_string_append (self->out, "\" role=\"img\" aria-label=\"");
  append_escaped (self->out, label);
  g_string_append (self->out, "\" font-family=\"");
  append_escaped (self->out, family);
  g_string_append (self->out, ", system-ui, sans-serif\" style=\"font-variant-numeric:tabular-nums\">\n");
  if (self->classes)
    append_classes (self);
}

void
tn_svg_canvas_close (TnSvgCanvas *self)
{
  g_string_append (self->out, "</svg>\n");
}
