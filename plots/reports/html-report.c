/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/reports/html-report.h"

#include <string.h>

#include "data/files/atomic-file.h"
#include "plots/reports/html-style.h"

struct _TnHtmlReport
{
  GString *body;
  char *title;
  char *language;
};

/* A locale's name ("pt_BR.UTF-8") as a language tag ("pt-BR"). */
static char *
language_tag (const char *language)
{
  g_autofree char *tag = g_strndup (language, strcspn (language, ".@"));

  for (char *p = tag; *p != '\0'; p++)
    {
      if (*p == '_')
        *p = '-';
      if (!g_ascii_isalnum (*p) && *p != '-')
        return g_strdup ("en");
    }
  if (*tag == '\0' || strcmp (tag, "C") == 0 || strcmp (tag, "POSIX") == 0)
    return g_strdup ("en");
  return g_steal_pointer (&tag);
}

TnHtmlReport *
tn_html_report_new (const char *title, const char *language)
{
  TnHtmlReport *self = g_new0 (TnHtmlReport, 1);

  self->body = g_string_new (NULL);
  self->title = g_strdup (title != NULL ? title : "");
  self->language = language_tag (language != NULL ? language : "");
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

/* Names in foreign files may hold anything; control characters are not allowed in a page, not even as references. */
static char *
escape (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);

  for (char *p = valid; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  return g_markup_escape_text (valid, -1);
}

static void
append_element (GString *out, const char *tag, const char *attributes, const char *text)
{
  g_autofree char *escaped = escape (text);

  g_string_append_printf (out, "<%s%s>%s</%s>", tag, attributes, escaped, tag);
}

/* Sorts a table by the column whose heading was pressed; what is no number stands last in columns of numbers. Read as XML too, so
 * without "<" and "&". */
static const char sort_script[] =
    "document.querySelectorAll('th button').forEach(function(button){button.addEventListener('click',function(){"
    "var th=button.parentNode,row=th.parentNode,body=row.parentNode.parentNode.tBodies[0];"
    "var column=Array.prototype.indexOf.call(row.children,th),number=th.classList.contains('number');"
    "var now=th.getAttribute('aria-sort'),up=now==='none'?!number:now==='descending';"
    "Array.from(row.children).forEach(function(other){other.setAttribute('aria-sort','none')});"
    "th.setAttribute('aria-sort',up?'ascending':'descending');"
    "function key(r){var text=r.children[column].textContent;if(!number)return text;"
    "var value=parseFloat(text.replace('\u2212','-').replace(/[\\s,\u202f]/g,''));return isNaN(value)?null:value}"
    "var rows=Array.from(body.rows);rows.sort(function(a,b){var x=key(a),y=key(b);"
    "if(x===null||y===null)return (x===null)-(y===null);var c=number?x-y:x.localeCompare(y);return up?c:-c});"
    "rows.forEach(function(r){body.appendChild(r)})})});";

static void
append_header (GString *out, const char *text, gboolean number)
{
  g_autofree char *escaped = escape (text);

  g_string_append_printf (out, "<th scope=\"col\" aria-sort=\"none\"%s><button type=\"button\">%s</button></th>",
                          number ? " class=\"number\"" : "", escaped);
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
    append_header (self->body, headers[c], numeric[c]);
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

  if (svg == NULL)
    return FALSE;
  g_string_append_printf (self->body, "<figure>%s", svg);
  if (caption != NULL)
    append_element (self->body, "figcaption", "", caption);
  g_string_append (self->body, "</figure>\n");
  return TRUE;
}

char *
tn_html_report_to_string (TnHtmlReport *self)
{
  g_autofree char *title = escape (self->title), *style = tn_html_style ();

  return g_strdup_printf ("<!DOCTYPE html>\n"
                          "<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                          "<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n%s</main>\n<script>%s</"
                          "script>\n</body>\n</html>\n",
                          self->language, title, style, title, self->body->str, sort_script);
}

gboolean
tn_html_report_save (TnHtmlReport *self, const char *path, GError **error)
{
  g_autofree char *page = tn_html_report_to_string (self);

  return tn_atomic_file_set_contents (path, page, strlen (page), error);
}
