/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* TnReport: headings, paragraphs, tables and figures one behind the other, which are then written as a page, on paper or as plain text. The figures are drawn
 * by what draws them in the window. One thread at a time. */
typedef struct _TnReport TnReport;

/* language: a locale's name or language tag; NULL: English. */
TnReport *tn_report_new       (const char *title, const char *language);
void      tn_report_free      (TnReport *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnReport, tn_report_free)
void      tn_report_heading   (TnReport *self, const char *text);
void      tn_report_paragraph (TnReport *self, const char *text);
/* cells: n_rows * n_columns strings, row by row; numeric[c]: column c is of numbers, aligned to the right. Pages let the reader sort it. */
void      tn_report_table     (TnReport *self, guint n_columns, const char *const *headers, const gboolean *numeric, guint n_rows,
                               const char *const *cells);
/* Takes over the figure. width, height: pixels. caption may be NULL. */
void      tn_report_figure    (TnReport *self, TnFigure *figure, double width, double height, const char *caption);

/* For those who show it themselves. */
typedef enum
{
  TN_BLOCK_HEADING,
  TN_BLOCK_PARAGRAPH,
  TN_BLOCK_TABLE,
  TN_BLOCK_FIGURE
} TnReportBlockKind;

/* What a report consists of; owned by it. */
typedef struct
{
  TnReportBlockKind kind;
  char *text; /* heading, paragraph; caption of a figure, or NULL */
  guint n_columns, n_rows;
  char **headers;    /* [n_columns] */
  gboolean *numeric; /* [n_columns] */
  char **cells;      /* [n_rows * n_columns] */
  TnFigure *figure;
  double width, height;
} TnReportBlock;

const char          *tn_report_get_title   (TnReport *self);
guint                tn_report_n_blocks    (TnReport *self);
const TnReportBlock *tn_report_get_block   (TnReport *self, guint index);
/* The figure of such a block, which is then without one: the report can no longer be written. Free with tn_figure_free(). */
TnFigure            *tn_report_take_figure (TnReport *self, guint index);

/* One page without anything from elsewhere. Free with g_free(). */
char     *tn_report_to_html   (TnReport *self, GError **error);
/* A4, with page numbers; what does not fit in a table's column is cut with "…". */
GBytes   *tn_report_to_pdf    (TnReport *self, GError **error);
/* GitHub's dialect. Figures are the files that figure_path says: a printf format with one %u, from 1; NULL: their captions alone. Free with g_free(). */
char     *tn_report_to_markdown (TnReport *self, const char *figure_path);
/* The longest table, as comma-separated values. Free with g_free(). */
char     *tn_report_to_csv    (TnReport *self);
/* By the ending: .html, .pdf, .md (figures as SVG in a folder NAME-figures beside it), .csv. Each file is written whole or not at all.
 * TN_ERROR_ARGUMENT: another ending. */
gboolean  tn_report_save      (TnReport *self, const char *path, GError **error);

G_END_DECLS
