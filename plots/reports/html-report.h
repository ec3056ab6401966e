/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* A self-contained HTML page (inline style and SVG, no network; light and dark): headings, paragraphs, tables, figures. */
typedef struct _TnHtmlReport TnHtmlReport;

TnHtmlReport *tn_html_report_new        (const char *title, const char *language);
void          tn_html_report_free       (TnHtmlReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnHtmlReport, tn_html_report_free)
/* Text is escaped. */
void          tn_html_report_heading    (TnHtmlReport *self, const char *text);
void          tn_html_report_paragraph  (TnHtmlReport *self, const char *text);
/* cells: n_rows * n_columns strings, row by row; numeric[c] aligns column c to the right. The reader sorts it by pressing a heading. */
void          tn_html_report_table      (TnHtmlReport *self, guint n_columns, const char *const *headers, const gboolean *numeric,
                                         guint n_rows, const char *const *cells);
gboolean      tn_html_report_figure     (TnHtmlReport *self, TnFigure *figure, double width, double height, const char *caption, GError **error);
/* The page; free with g_free(). */
char         *tn_html_report_to_string  (TnHtmlReport *self);
/* Written whole or not at all (data/files/atomic-file.h). */
gboolean      tn_html_report_save       (TnHtmlReport *self, const char *path, GError **error);

G_END_DECLS
