/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "data/tokenizers/tokenizer.h"
#include "engine/listener.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

typedef struct
{
  guint   tokens;      /* at most so many are generated; fewer when the context is full or the end-of-sequence token comes */
  double  temperature; /* 0: greedy */
  double  top_p;       /* in (0, 1] */
  guint64 seed;
} TnGenerateOptions;

/* Called for each generated token, on the calling thread. */
typedef void (*TnGenerateFunc) (gint32 id, const char *piece, gsize bytes, gpointer user_data);

/* Goes on from prompt (UTF-8, may be empty; BOS is put in front where the model has one). ids: GArray of gint32, prompt and generated tokens are appended; may be NULL. */
gboolean tn_generate (TnModel *model, TnTokenizer *tokenizer, const char *prompt, const TnGenerateOptions *options, GArray *ids,
                      TnGenerateFunc func, gpointer user_data, const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
