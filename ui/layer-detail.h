/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/inspector.h"

G_BEGIN_DECLS

/* TnLayerDetail: all that is known of one tensor, with the distribution of its values and the levels a scheme would leave. */
#define TN_TYPE_LAYER_DETAIL (tn_layer_detail_get_type ())
G_DECLARE_FINAL_TYPE (TnLayerDetail, tn_layer_detail, TN, LAYER_DETAIL, GtkWidget)

/* row NULL: nothing is chosen. */
void tn_layer_detail_show (TnLayerDetail *self, TnModelFile *file, TnLayerRow *row);

G_END_DECLS
