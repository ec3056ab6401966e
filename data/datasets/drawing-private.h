/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/drawing.h"
#include "engine/random.h"

G_BEGIN_DECLS

/* Strata of a stratified draw. */
typedef struct _TnStrataDraw TnStrataDraw;

TnStrataDraw *tn_strata_draw_new      (TnStrata by, guint n);
void          tn_strata_draw_free     (TnStrataDraw *self);
gboolean      tn_strata_draw_consider (TnStrataDraw *self, const TnSampleItem *candidate);
void          tn_strata_draw_take     (TnStrataDraw *self, const TnSampleItem *candidate);
GArray       *tn_strata_draw_finish   (TnStrataDraw *self, TnSampleReport *report);

/* Priority of a size under u: smaller where size/u is larger, so that the set of the smallest priorities holds the largest of them. */
guint64       tn_size_priority        (double size, guint64 hash);
/* size/u of a priority. */
double        tn_size_of_priority     (guint64 priority);
/* Takes the item of the largest priority away: its size/u, the threshold; 0 where there are not more than n. */
double        tn_take_threshold       (GArray *items, guint n);

static inline guint
tn_sample_item_length (const TnSampleItem *item)
{
  return item->record.length;
}

G_END_DECLS
