/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/figures/text.h"

struct _TnText
{
  char *family;
  PangoLayout *layout;
  PangoFontDescription *description;
};

TnText *
tn_text_new (const char *family)
{
  TnText *self = g_new0 (TnText, 1);
  PangoContext *context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
  cairo_font_options_t *options = cairo_font_options_create ();

  /* Hinted widths would differ between the screen, twice its size and paper. */
  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_hint_style (options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options (context, options);
  cairo_font_options_destroy (options);

  self->family = g_strdup (family);
  self->layout = pango_layout_new (context);
  g_object_unref (context);
  self->description = pango_font_description_new ();
  pango_font_description_set_family (self->description, family);
  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
  pango_layout_set_attributes (self->layout, attributes);
  return self;
}

void
tn_text_free (TnText *self)
{
  if (self == NULL)
    return;
  g_free (self->family);
  g_object_unref (self->layout);
  pango_font_description_free (self->description);
  g_free (self);
}

const char *
tn_text_family (const TnText *self)
{
  return self->family;
}

static void
set_string (TnText *self, const char *string, double size, gboolean bold)
{
  pango_font_description_set_absolute_size (self->description, size * PANGO_SCALE);
  pango_font_description_set_weight (self->description, bold ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description (self->layout, self->description);
  pango_layout_set_text (self->layout, string, -1);
}

double
tn_text_width (TnText *self, const char *string, double size, gboolean bold)
{
  PangoRectangle logical;

  set_string (self, string, size, bold);
  pango_layout_get_extents (self->layout, NULL, &logical);
  return (double) logical.width / PANGO_SCALE;
}

double
tn_text_height (TnText *self, double size)
{
  PangoRectangle logical;

  set_string (self, "0", size, FALSE);
  pango_layout_get_extents (self->layout, NULL, &logical);
  return (double) logical.height / PANGO_SCALE;
}

/* The string with all but kept characters replaced by one ellipsis. */
static char *
shorten (const char *string, glong length, glong kept, gboolean middle)
{
  /* Endings tell names of layers apart more than beginnings do. */
  glong tail = middle ? (kept + 1) / 2 : 0, head = kept - tail;

  return g_strdup_printf ("%.*s…%s", (int) (g_utf8_offset_to_pointer (string, head) - string), string,
                          g_utf8_offset_to_pointer (string, length - tail));
}

char *
tn_text_ellipsize (TnText *self, const char *string, double size, gboolean bold, double width, gboolean middle)
{
  glong length, low = 0, high;

  if (tn_text_width (self, string, size, bold) <= width)
    return g_strdup (string);
  length = g_utf8_strlen (string, -1);
  high = length - 1;
  while (low < high)
    {
      glong kept = (low + high + 1) / 2;
      g_autofree char *candidate = shorten (string, length, kept, middle);

      if (tn_text_width (self, candidate, size, bold) <= width)
        low = kept;
      else
        high = kept - 1;
    }
  return shorten (string, length, low, middle);
}

char **
tn_text_wrap (TnText *self, const char *string, double size, double width)
{
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();

  set_string (self, string, size, FALSE);
  pango_layout_set_width (self->layout, (int) (width * PANGO_SCALE));
  pango_layout_set_wrap (self->layout, PANGO_WRAP_WORD_CHAR);
  for (GSList *l = pango_layout_get_lines_readonly (self->layout); l != NULL; l = l->next)
    {
      const PangoLayoutLine *line = l->data;
      g_autofree char *piece = g_strndup (string + line->start_index, (gsize) line->length);

      g_strv_builder_add (lines, g_strstrip (piece));
    }
  pango_layout_set_width (self->layout, -1);
  return g_strv_builder_end (lines);
}

void
tn_text_show (TnText *self, cairo_t *cr, const char *string, double size, gboolean bold, double x, double y)
{
  set_string (self, string, size, bold);
  cairo_move_to (cr, x, y - (double) pango_layout_get_baseline (self->layout) / PANGO_SCALE);
  pango_cairo_show_layout (cr, self->layout);
}
