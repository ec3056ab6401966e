/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/model-file.h"
#include "engine/listener.h"
#include "engine/quant/codes.h"

G_BEGIN_DECLS

/* How a tensor gets into the file that is being written. */
typedef enum
{
  TN_EXPORT_COPY,    /* its bytes as they are */
  TN_EXPORT_NUMBERS, /* decoded, and encoded to dtype: a float, or a block form by the reference's own rounding */
  TN_EXPORT_VALUES,  /* rounded to scheme, code * scale in a float dtype */
  TN_EXPORT_BLOCKS,  /* rounded to scheme, the codes in a block form of GGUF with scales of 16 bits */
  TN_EXPORT_PACKED,  /* rounded to scheme, codes and scales apart (data/models/packed-tensor.h) */
  TN_EXPORT_BITNET,  /* ternary, packed as Hugging Face has it (data/models/bitnet-tensor.h) */
} TnExportForm;

/* Rows of the query and key projections pair up for the rotary embedding: neighbours in GGUF's llama, halves of a head at Hugging Face. */
typedef enum
{
  TN_ROWS_KEPT,
  TN_ROWS_INTERLEAVED, /* from halves to neighbours */
  TN_ROWS_HALVED,      /* from neighbours to halves */
} TnRowOrder;

/* One tensor on its way into a file. */
typedef struct
{
  const TnModelTensor *source; /* the file that has it must live */
  char                *name;   /* in the new file */
  TnExportForm         form;
  TnDtype              dtype;  /* of NUMBERS, VALUES and BLOCKS */
  TnScheme             scheme; /* of VALUES, BLOCKS, PACKED and BITNET */
  TnRowOrder           order;
  guint64              head_dim; /* rows a head, where the order changes */
  /* Known when it was written: */
  guint64              bytes;
  TnCodeSums           sums;   /* all but COPY */
} TnExportItem;

/* What runs along while tensors are read. */
typedef struct
{
  const TnListener *listener;
  GCancellable     *cancellable;
  double            done, total; /* bytes of the source */
} TnExportRun;

/* Rows first_row .. first_row + n_rows of the tensor in the order of the new file. */
typedef struct
{
  guint64           first_row, n_rows, columns;
  const float      *values;       /* [n_rows, columns]: decoded, or code * scale; NULL for COPY */
  const gint16     *codes;        /* [n_rows, columns]; NULL without a scheme */
  const TnRounding *units;        /* [n_rows, units_per_row], scales as they are stored; NULL without a scheme */
  guint64           units_per_row;
} TnExportChunk;

typedef gboolean (*TnExportChunkFunc) (const TnExportChunk *chunk, gpointer user_data, GError **error);

TnExportItem *tn_export_item_new       (const TnModelTensor *source, const char *name);
void          tn_export_item_free      (TnExportItem *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnExportItem, tn_export_item_free)
gboolean      tn_export_item_is_rounded (const TnExportItem *self); /* to a scheme */
/* 10 log10 of signal over error as stored; +inf when nothing was lost. NaN for COPY. */
double        tn_export_item_sqnr_db   (const TnExportItem *self);
/* All rows in order, chunk by chunk, with memory for one of them; sums and units are the same at every visit. units_only: only the units are
 * wanted. Any thread; the compute thread works. Errors name the tensor: TN_ERROR_DATA when an element is not finite and a scheme has to round it. */
gboolean      tn_export_item_visit     (TnExportItem *self, gboolean units_only, TnExportRun *run, TnExportChunkFunc func, gpointer user_data,
                                        GError **error);
/* Stored bytes of rows first .. first + n of a COPY in their new order, to out. */
void          tn_export_item_copy_rows (const TnExportItem *self, guint64 first, guint64 n, guint8 *out);
/* Bytes of a row of a COPY; 0: its rows are not apart. */
gsize         tn_export_item_row_bytes (const TnExportItem *self);

G_END_DECLS
