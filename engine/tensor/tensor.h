/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/memory/pool.h"
#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

#define TN_TENSOR_MAX_DIMS 8

typedef struct _TnTensor TnTensor;

/* Elements first .. first + n of a tensor of dtype PACKED, in row-major order, in float32. Threads: any. */
typedef void (*TnTensorDecodeFunc) (const TnTensor *self, guint64 first, guint64 n, float *out);

/* n-d array, row-major, reference counted. Data is pool memory it owns, or a range of a mapped file that its
 * owner keeps alive. Read-only once shared between threads. */
struct _TnTensor
{
  /*< public, read-only >*/
  TnDtype      dtype;
  guint        n_dims;              /* 0: a scalar */
  guint64      shape[TN_TENSOR_MAX_DIMS];
  guint64      count;               /* elements */
  guint64      bytes;               /* of data */
  const void  *data;
  const float *scales;              /* Q8_GROUP; TERNARY, where NULL is 1; PACKED as its maker likes: scale of group i; NULL else */
  gsize        group_size;          /* of scales */
  TnTensorDecodeFunc decode;        /* PACKED only; tells the maker, too */
  /*< private >*/
  gatomicrefcount ref_count;
  void        *block;               /* pool memory, or NULL */
  gpointer     owner;               /* keeps mapped data alive, or NULL */
  GDestroyNotify owner_unref;
  void       (*owner_release) (gpointer owner, const void *start, gsize bytes);
};

/* Pool memory, contents undefined. TN_ERROR_SHAPE on overflow, TN_ERROR_MEMORY. */
TnTensor *tn_tensor_new        (TnDtype dtype, guint n_dims, const guint64 *shape, TnPurpose purpose, GError **error);
/* Data of somebody else: owner (takes over one reference, dropped with owner_unref) keeps it alive; owner_release, if any, tells
 * the owner that pages are not needed for now. The caller has checked that data holds the bytes. */
TnTensor *tn_tensor_new_mapped (TnDtype dtype, guint n_dims, const guint64 *shape, const void *data, guint64 bytes,
                                gpointer owner, GDestroyNotify owner_unref,
                                void (*owner_release) (gpointer owner, const void *start, gsize bytes));
/* Elements in a layout of the maker's: so many bytes of pool memory, or of data as above. Its pages are released as a whole only. */
TnTensor *tn_tensor_new_packed (guint n_dims, const guint64 *shape, gsize bytes, TnPurpose purpose, TnTensorDecodeFunc decode,
                                GError **error);
TnTensor *tn_tensor_new_packed_mapped (guint n_dims, const guint64 *shape, const void *data, guint64 bytes, TnTensorDecodeFunc decode,
                                       gpointer owner, GDestroyNotify owner_unref,
                                       void (*owner_release) (gpointer owner, const void *start, gsize bytes));
TnTensor *tn_tensor_ref        (TnTensor *self);
void      tn_tensor_unref      (TnTensor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTensor, tn_tensor_unref)

/* Writable data of a tensor in pool memory. */
void     *tn_tensor_get_writable (TnTensor *self);
/* A matrix view: rows = product of all but the last dimension, columns = the last (1-d: one row; scalar: 1 x 1). */
guint64   tn_tensor_rows       (const TnTensor *self);
guint64   tn_tensor_columns    (const TnTensor *self);
/* n_rows rows from first_row to out [n_rows, columns] in float32. Threads: any. The dtype must be decodable. */
void      tn_tensor_decode_rows (const TnTensor *self, guint64 first_row, guint64 n_rows, float *out);
/* Elements first .. first + n in row-major order; first may lie inside a block of the dtype. */
void      tn_tensor_decode     (const TnTensor *self, guint64 first, guint64 n, float *out);
/* The mapped pages of these elements, or rows, are not needed for now; no effect on pool memory. */
void      tn_tensor_release    (const TnTensor *self, guint64 first, guint64 n);
void      tn_tensor_release_rows (const TnTensor *self, guint64 first_row, guint64 n_rows);
/* "64 × 172" (translated multiplication sign), for people. Free with g_free(). */
char     *tn_tensor_shape_to_string (const TnTensor *self);

G_END_DECLS
