/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/reports/report.h"

G_BEGIN_DECLS

struct _TnReport
{
  char *title, *language;
  GPtrArray *blocks; /* TnReportBlock */
};

G_END_DECLS
