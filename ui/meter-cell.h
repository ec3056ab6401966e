/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* TnMeterCell: a right-aligned number with a thin bar of its size below; the number says all, the bar helps the eye. */
#define TN_TYPE_METER_CELL (tn_meter_cell_get_type ())
G_DECLARE_FINAL_TYPE (TnMeterCell, tn_meter_cell, TN, METER_CELL, GtkWidget)

GtkWidget *tn_meter_cell_new (void);
/* fraction: 0 to 1, NaN for no bar. */
void       tn_meter_cell_set (TnMeterCell *self, const char *text, double fraction);

G_END_DECLS
