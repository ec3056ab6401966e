/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/inspect.h"
#include "ui/layer-row.h"

G_BEGIN_DECLS

/* TnInspector: the rows of one model file, all there at once, measured by a job on a worker thread. */
#define TN_TYPE_INSPECTOR (tn_inspector_get_type ())
G_DECLARE_FINAL_TYPE (TnInspector, tn_inspector, TN, INSPECTOR, GObject)

/* Builds the rows; measures nothing yet. workspace may be NULL. */
TnInspector *tn_inspector_new      (TnModelFile *file, TnWorkspace *workspace);
GListModel  *tn_inspector_get_rows (TnInspector *self); /* of TnLayerRow */
GArray      *tn_inspector_get_schemes (TnInspector *self); /* of TnScheme */
void         tn_inspector_start    (TnInspector *self);
void         tn_inspector_cancel   (TnInspector *self);
gboolean     tn_inspector_is_running (TnInspector *self);
/* 0 to 1. */
double       tn_inspector_get_fraction (TnInspector *self);
/* Signals: "measured" () some rows have their numbers now; "finished" (message) once; NULL unless it failed. */

G_END_DECLS
