/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/layer-row.h"

G_BEGIN_DECLS

/* TnLayerFacts: a tensor's name, numbers and errors under each scheme, as text that lines up. */
#define TN_TYPE_LAYER_FACTS (tn_layer_facts_get_type ())
G_DECLARE_FINAL_TYPE (TnLayerFacts, tn_layer_facts, TN, LAYER_FACTS, GtkWidget)

void tn_layer_facts_show        (TnLayerFacts *self, TnLayerRow *row);
void tn_layer_facts_set_summary (TnLayerFacts *self, const TnTensorSummary *summary);

G_END_DECLS
