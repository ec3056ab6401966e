/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "plots/figures/figure-private.h"

static void
append_cell (GString *out, const char *text)
{
  if (strpbrk (text, ",\"\r\n") == NULL)
    {
      g_string_append (out, text);
      return;
    }
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0'; p++)
    {
      if (*p == '"')
        g_string_append_c (out, '"');
      g_string_append_c (out, *p);
    }
  g_string_append_c (out, '"');
}

/* Nothing for NaN: there is no number to tell. */
static void
append_number (GString *out, double number)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (out, ',');
  if (!isnan (number))
    g_string_append (out, g_ascii_dtostr (buffer, sizeof buffer, number));
}

static void
append_row (GString *out, const TnLayer *layer, const char *label, double x, double x_end, double y)
{
  static const char *const kinds[] = {"histogram", "line", "markers", "bars", "band", "heat map", "points"};

  append_cell (out, layer->name);
  g_string_append_printf (out, ",%s,", kinds[layer->kind]);
  append_cell (out, label != NULL ? label : "");
  append_number (out, x);
  append_number (out, x_end);
  append_number (out, y);
  g_string_append_c (out, '\n');
}

char *
tn_figure_to_csv (TnFigure *self)
{
  GString *out = g_string_new ("layer,kind,label,x,x_end,y\n");

  for (guint l = 0; l < self->layers->len; l++)
    {
      const TnLayer *layer = self->layers->pdata[l];

      for (gsize i = 0; i < layer->n; i++)
        switch (layer->kind)
          {
          case TN_LAYER_HISTOGRAM:
            append_row (out, layer, NULL, layer->x[i], layer->x[i + 1], layer->y[i]);
            break;
          case TN_LAYER_LINE:
            append_row (out, layer, NULL, layer->x[i], NAN, layer->y[i]);
            break;
          case TN_LAYER_POINTS:
            append_row (out, layer, layer->labels != NULL ? layer->labels[i] : NULL, layer->x[i], NAN, layer->y[i]);
            break;
          case TN_LAYER_MARKERS:
            append_row (out, layer, layer->labels != NULL ? layer->labels[i] : NULL, layer->x[i], NAN, NAN);
            break;
          case TN_LAYER_BAND:
            append_row (out, layer, "low", layer->x[i], NAN, layer->y[i]);
            append_row (out, layer, "high", layer->x[i], NAN, layer->y_high[i]);
            break;
          case TN_LAYER_HEAT_MAP:
            append_row (out, layer, layer->numbered ? NULL : layer->labels[i / layer->columns],
                        (double) (layer->numbered ? i : i % layer->columns), NAN, layer->y[i]);
            break;
          case TN_LAYER_BARS:
          default:
            append_row (out, layer, layer->labels[i], layer->x != NULL ? layer->x[i] : NAN,
                        layer->y_high != NULL ? layer->y_high[i] : NAN, layer->y[i]);
            break;
          }
    }
  return g_string_free (out, FALSE);
}
