/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/reports/html-report.h"

#include <string.h>

#include "data/files/atomic-file.h"

struct _TnHtmlReport
{
  GString *body;
  char    *title;
  char    *language;
};

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d1d20;--muted:#5e5c64;--paper:#ffffff;--line:#d8d6dc;--stripe:#f6f5f7;--accent:#1a5fb4}"
    "@media(prefers-color-scheme:dark){:root{--ink:#f1f0f3;--muted:#b5b2bb;--paper:#1e1e22;--line:#3c3b42;--stripe:#27272c;--accent:#78aeed}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 Cantarell,Inter,system-ui,sans-serif}"
    "main{max-width:920px;margin:0 auto;padding:48px 24px 96px}"
    "h1{font-size:2em;line-height:1.2;margin:0 0 .4em}"
    "h2{font-size:1.3em;margin:2em 0 .6em;padding-top:.6em;border-top:1px solid var(--line)}"
    "p{margin:.6em 0;max-width:70ch}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;margin:1em 0;width:100%;font-variant-numeric:tabular-nums}"
    "th{position:sticky;top:0;background:var(--paper);text-align:left;font-weight:600;border-bottom:2px solid var(--line)}"
    "th,td{padding:.35em .8em .35em 0;vertical-align:baseline}"
    "tbody tr:nth-child(even){background:var(--stripe)}"
    "td{border-bottom:1px solid var(--line)}"
    ".number{text-align:right;padding-right:.8em}"
    "figure{margin:1.4em 0}"
    /* Figures are drawn for paper; in the dark they keep a light sheet of their own. */
    "figure svg{display:block;width:100%;height:auto;background:#fff;border-radius:8px}"
    "figcaption{color:var(--muted);font-size:.92em;margin-top:.5em}"
    "@media print{main{padding:0;max-width:none}th{position:static}figure,tr{break-inside:avoid}}";

TnHtmlReport *
tn_html_report_new (const char *title, const char *language)
{
  TnHtmlReport *self = g_new0 (TnHtmlReport, 1);

  self->body = g_string_new (NULL);
  self->title = g_strdup (title);
  self->language = g_strdup (language);
  return self;
}

void
tn_html_report_free (TnHtmlReport *self)
{
  if (self == NULL)
    return;
  g_string_free (self->body, TRUE);
  g_free (self->title);
  g_free (self->language);
  g_free (self);
}

static void
append_element (GString *out, const char *tag, const char *attributes, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append_printf (out, "<%s%s>%s</%s>", tag, attributes, escaped, tag);
}

void
tn_html_report_heading (TnHtmlReport *self, const char *text)
{
  append_element (self->body, "h2", "", text);
  g_string_append_c (self->body, '\n');
}

void
tn_html_report_paragraph (TnHtmlReport *self, const char *text)
{
  append_element (self->body, "p", "", text);
  g_string_append_c (self->body, '\n');
}

void
tn_html_report_table (TnHtmlReport *self, guint n_columns, const char *const *headers, const gboolean *numeric, guint n_rows,
                      const char *const *cells)
{
  g_string_append (self->body, "<div class=\"scroll\"><table><thead><tr>");
  for (guint c = 0; c < n_columns; c++)
    append_element (self->body, "th", numeric[c] ? " scope=\"col\" class=\"number\"" : " scope=\"col\"", headers[c]);
  g_string_append (self->body, "</tr></thead><tbody>\n");
  for (guint r = 0; r < n_rows; r++)
    {
      g_string_append (self->body, "<tr>");
      for (guint c = 0; c < n_columns; c++)
        append_element (self->body, "td", numeric[c] ? " class=\"number\"" : "", cells[(gsize) r * n_columns + c]);
      g_string_append (self->body, "</tr>\n");
    }
  g_string_append (self->body, "</tbody></table></div>\n");
}

gboolean
tn_html_report_figure (TnHtmlReport *self, TnFigure *figure, double width, double height, const char *caption, GError **error)
{
  g_autofree char *svg = tn_figure_to_svg (figure, width, height, TN_FIGURE_LIGHT, error);
  g_autofree char *described = NULL, *label = NULL;
  const char *attributes;

  if (svg == NULL)
    return FALSE;
  attributes = strstr (svg, "<svg");
  if (attributes == NULL)
    attributes = svg;
  described = tn_figure_describe (figure);
  label = g_markup_escape_text (described, -1);
  g_string_append_printf (self->body, "<figure role=\"img\" aria-label=\"%s\">%s", label, attributes);
  if (caption != NULL)
    append_element (self->body, "figcaption", "", caption);
  g_string_append (self->body, "</figure>\n");
  return TRUE;
}

char *
tn_html_report_to_string (TnHtmlReport *self)
{
  g_autofree char *title = g_markup_escape_text (self->title, -1);
  g_autofree char *language = g_markup_escape_text (self->language, -1);

  return g_strdup_printf ("<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
                          "<title>%s</title><style>%s</style></head>\n<body><main><h1>%s</h1>\n%s</main></body></html>\n",
                          language, title, style, title, self->body->str);
}

gboolean
tn_html_report_save (TnHtmlReport *self, const char *path, GError **error)
{
  g_autofree char *page = tn_html_report_to_string (self);

  return tn_atomic_file_set_contents (path, page, strlen (page), error);
}
