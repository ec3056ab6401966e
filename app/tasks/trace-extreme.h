/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* Where an extreme came from: the text around its token. */
typedef struct
{
  TnExtreme extreme;
  gboolean  found;     /* FALSE: no such sequence is in these data */
  char     *path;
  guint64   offset;    /* of the record: bytes of a text file, tokens of a token file */
  gboolean  in_tokens; /* which of both */
  char     *before;    /* text of the tokens before it, as far as asked for; valid UTF-8 */
  char     *token;     /* the token's own, or its piece where it has no text, as BOS */
  char     *after;
} TnTracedExtreme;

void       tn_traced_extreme_free (TnTracedExtreme *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTracedExtreme, tn_traced_extreme_free)

/* options: model, data, how they are read, tokenizer and the longest sequence the statistics were made with. context: tokens of text on either side. Goes
 * through the data until all are found. Element-type TnTracedExtreme, as many as extremes and in their order. Any thread. */
GPtrArray *tn_trace_extremes      (const TnCalibrateOptions *options, const TnExtreme *extremes, guint n, guint context,
                                   const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
