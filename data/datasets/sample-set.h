/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The n items with the smallest priorities of a stream of any length, in bounded memory: a uniform draw without replacement when
 * priorities are random (Knuth, TAOCP 2, 3.4.2; bottom-k sampling). */
typedef struct
{
  guint64  priority;
  guint64  offset;          /* bytes in a text file, tokens in a token file */
  guint32  file;
  guint32  length;          /* bytes, tokens */
  gboolean begins_document;
} TnSampleItem;

typedef struct _TnSampleSet TnSampleSet;

TnSampleSet *tn_sample_set_new    (guint n);
void         tn_sample_set_free   (TnSampleSet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSampleSet, tn_sample_set_free)
void         tn_sample_set_offer  (TnSampleSet *self, const TnSampleItem *item);
/* Items kept so far, in the order of file and offset; element-type TnSampleItem; the set is empty afterwards. */
GArray      *tn_sample_set_finish (TnSampleSet *self);

G_END_DECLS
