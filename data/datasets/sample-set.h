/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/datasets/record-file.h"

G_BEGIN_DECLS

/* The n items with the smallest priorities of a stream of any length, in bounded memory: a uniform draw without replacement when
 * priorities are random (Knuth, TAOCP 2, 3.4.2; bottom-k sampling). */
typedef struct
{
  guint64  priority;
  TnRecord record;
  guint32  file;
  guint32  label;   /* as tn_dataset_get_label() knows it, or TN_NO_LABEL */
  guint64  ordinal; /* of the record in the data, from 0 */
  double   size;    /* importance: what its chance grows with */
  double   weight;  /* records of the data that it stands for */
  GBytes  *content; /* of a file that cannot be read at any place: the passage; else NULL. Owned, of the pool */
} TnSampleItem;

typedef struct _TnSampleSet TnSampleSet;

/* An empty array of items, which it clears. */
GArray      *tn_sample_items_new  (void);

TnSampleSet *tn_sample_set_new    (guint n);
void         tn_sample_set_free   (TnSampleSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSampleSet, tn_sample_set_free)
/* Whether the item would be kept if it was offered now. */
gboolean     tn_sample_set_accepts (TnSampleSet *self, const TnSampleItem *item);
/* Takes the content. */
void         tn_sample_set_offer  (TnSampleSet *self, const TnSampleItem *item);
/* Items kept so far, in the order of file and place; element-type TnSampleItem, with a clear function; the set is empty afterwards. */
GArray      *tn_sample_set_finish (TnSampleSet *self);

G_END_DECLS
