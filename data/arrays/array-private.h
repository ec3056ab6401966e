/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/arrays/array-file.h"
#include "data/files/byte-stream.h"

G_BEGIN_DECLS

struct _TnArrayFile
{
  char   *path;
  guint64 bytes;
  GArray *arrays; /* TnArray */
};

/* A kind of file: the first bytes (unpacked, where the file is gzip) and the lowercase name tell, and list adds its arrays. */
typedef struct
{
  const char *name;
  gboolean (*recognise) (const char *name, const guint8 *head, gsize bytes);
  gboolean (*list) (TnArrayFile *self, GError **error);
} TnArrayFormat;

extern const TnArrayFormat tn_npy_arrays;
extern const TnArrayFormat tn_npz_arrays;
extern const TnArrayFormat tn_safetensors_arrays;
extern const TnArrayFormat tn_idx_arrays;
extern const TnArrayFormat tn_csv_arrays;

/* Appends a copy of the array; name is copied. */
void     tn_array_file_add        (TnArrayFile *self, const TnArray *array, const char *name);
/* The name of the file without folder and ending, for arrays without a name. */
char    *tn_array_file_stem       (TnArrayFile *self);
/* count and bytes from shape and dtype; FALSE when they overflow. */
gboolean tn_array_measure         (TnArray *array, guint64 *bytes);
/* The header of an npy file that stream gives next: type, shape; array->skip grows by its bytes. member: for messages. */
gboolean tn_npy_read_header       (TnByteStream *stream, const char *path, const char *member, TnArray *array, GError **error);
/* The rows of a CSV file one after the other; FALSE at the end, without error, or on failure. */
typedef struct _TnNumberRows TnNumberRows;
TnNumberRows *tn_number_rows_open (const char *path, GError **error);
void          tn_number_rows_free (TnNumberRows *self);
/* text is valid until the next call; blank rows are left out. */
gboolean      tn_number_rows_next (TnNumberRows *self, const char **text, gsize *bytes, GError **error);
/* n numbers of a row; TN_ERROR_FORMAT names row and column. */
gboolean      tn_number_rows_parse (TnNumberRows *self, const char *text, gsize bytes, guint64 n, float *out, GError **error);
guint64       tn_number_rows_count_fields (const char *text, gsize bytes);

G_END_DECLS
