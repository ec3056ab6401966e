/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/reports/report.h"

G_BEGIN_DECLS

typedef enum
{
  TN_BLOCK_HEADING,
  TN_BLOCK_PARAGRAPH,
  TN_BLOCK_TABLE,
  TN_BLOCK_FIGURE
} TnReportBlockKind;

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

struct _TnReport
{
  char *title, *language;
  GPtrArray *blocks; /* TnReportBlock */
};

G_END_DECLS
