/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The bytes of a file, of standard input ("-"), or of what a gzip file (RFC 1952, several members too) unpacks to, read once from
 * the beginning to the end. What was read of a file that is large beside the machine's memory leaves the page cache. One thread at a time. */
typedef struct _TnByteStream TnByteStream;

/* The name of standard input. */
#define TN_STANDARD_INPUT "-"

/* TN_ERROR_NOT_FOUND, TN_ERROR_IO, TN_ERROR_ARGUMENT: neither an ordinary file nor standard input. gzip is told by its first bytes. */
TnByteStream *tn_byte_stream_open      (const char *path, GError **error);
/* bytes of a file from offset on; deflated: what they unpack to (RFC 1951), and no gzip file either way. */
TnByteStream *tn_byte_stream_open_range (const char *path, guint64 offset, guint64 bytes, gboolean deflated, GError **error);
void          tn_byte_stream_free      (TnByteStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnByteStream, tn_byte_stream_free)
/* Up to bytes; *got is 0 at the end only. TN_ERROR_IO, TN_ERROR_FORMAT (a damaged or cut gzip file) name the file and the place in it. */
gboolean      tn_byte_stream_read      (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error);
/* As many as there are, up to bytes; *got < bytes: the end. */
gboolean      tn_byte_stream_read_full (TnByteStream *self, void *out, gsize bytes, gsize *got, GError **error);
/* The first bytes that the next read gives, at most TN_BYTE_STREAM_MOST_PEEKED; valid until then. */
#define TN_BYTE_STREAM_MOST_PEEKED ((gsize) 65536)
gboolean      tn_byte_stream_peek      (TnByteStream *self, gsize bytes, const char **data, gsize *got, GError **error);
/* Bytes at a place of the file, whatever was read before; not of sequential ones. TN_ERROR_IO, also where the file ends before. */
gboolean      tn_byte_stream_read_at   (TnByteStream *self, guint64 offset, void *out, gsize bytes, GError **error);
/* Bytes given so far. */
guint64       tn_byte_stream_tell      (TnByteStream *self);
/* Bytes of the file, packed ones of a gzip file, that were read so far, for progress. */
guint64       tn_byte_stream_tell_file (TnByteStream *self);
const char   *tn_byte_stream_get_path  (TnByteStream *self);
/* TRUE: no place but the next can be read (gzip, standard input). */
gboolean      tn_byte_stream_is_sequential (TnByteStream *self);
/* The path, or "standard input" for messages. */
const char   *tn_byte_stream_describe  (const char *path);

G_END_DECLS
