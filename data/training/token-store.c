/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_TMPFILE */
#include "data/training/token-store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/error.h"
#include "engine/memory/pool.h"

#define BLOCK_BYTES ((gsize) 1 << 20)

struct _TnTokenStore
{
  guint item_bytes;
  gsize block_items;
  gsize memory_bytes;
  char *folder;
  guint64 count;
  GPtrArray *blocks; /* of the pool; in a file: none */
  int file;          /* -1: in memory */
  guint8 *buffer;    /* items that are packed, or to be unpacked */
};

static void
block_free (gpointer block)
{
  tn_pool_release (tn_pool_default (), block);
}

TnTokenStore *
tn_token_store_new (guint n_vocab, gsize memory_bytes, const char *folder)
{
  TnTokenStore *self = g_new0 (TnTokenStore, 1);

  self->item_bytes = n_vocab <= 65536 ? 2 : 4;
  self->block_items = BLOCK_BYTES / self->item_bytes;
  self->memory_bytes = memory_bytes;
  self->folder = g_strdup (folder);
  self->blocks = g_ptr_array_new_with_free_func (block_free);
  self->file = -1;
  self->buffer = g_malloc (BLOCK_BYTES);
  return self;
}

void
tn_token_store_free (TnTokenStore *self)
{
  if (self == NULL)
    return;
  if (self->file >= 0)
    close (self->file);
  g_ptr_array_unref (self->blocks);
  g_free (self->folder);
  g_free (self->buffer);
  g_free (self);
}

guint64
tn_token_store_count (TnTokenStore *self)
{
  return self->count;
}

gboolean
tn_token_store_in_memory (TnTokenStore *self)
{
  return self->file < 0;
}

static gboolean
set_file_error (TnTokenStore *self, int code, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: a temporary file of %" PRIu64 " tokens cannot be kept there: %s"),
               self->folder, self->count, g_strerror (code));
  return FALSE;
}

static void
pack (const TnTokenStore *self, const gint32 *ids, gsize n, guint8 *out)
{
  if (self->item_bytes == 4)
    memcpy (out, ids, n * 4);
  else
    for (gsize i = 0; i < n; i++)
      ((guint16 *) out)[i] = (guint16) ids[i];
}

static void
unpack (const TnTokenStore *self, const guint8 *items, gsize n, gint32 *out)
{
  if (self->item_bytes == 4)
    memcpy (out, items, n * 4);
  else
    for (gsize i = 0; i < n; i++)
      out[i] = ((const guint16 *) items)[i];
}

static gboolean
write_at (TnTokenStore *self, guint64 offset, const guint8 *data, gsize bytes, GError **error)
{
  while (bytes > 0)
    {
      gssize n = pwrite (self->file, data, bytes, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return set_file_error (self, errno, error);
      data += n;
      offset += (guint64) n;
      bytes -= (gsize) n;
    }
  return TRUE;
}

/* Without a name from the beginning where the file system can do that. */
static int
open_nameless (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, ".ternion-tokens-XXXXXX", NULL);
  int file = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return file;
  file = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0)
    g_unlink (path);
  return file;
}

static gboolean
move_to_file (TnTokenStore *self, GError **error)
{
  self->file = open_nameless (self->folder);
  if (self->file < 0)
    return set_file_error (self, errno, error);
  for (guint i = 0; i < self->blocks->len; i++)
    {
      guint64 items = MIN (self->block_items, self->count - (guint64) i * self->block_items);

      if (!write_at (self, (guint64) i * BLOCK_BYTES, g_ptr_array_index (self->blocks, i), (gsize) items * self->item_bytes,
                     error))
        return FALSE;
    }
  g_ptr_array_set_size (self->blocks, 0);
  return TRUE;
}

/* A block for the next token, or a file. */
static gboolean
make_room (TnTokenStore *self, GError **error)
{
  void *block = NULL;

  if (self->file >= 0 || self->count < (guint64) self->blocks->len * self->block_items)
    return TRUE;
  if (self->blocks->len < self->memory_bytes / BLOCK_BYTES)
    block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_STATISTICS, BLOCK_BYTES, NULL);
  if (block == NULL)
    return move_to_file (self, error);
  g_ptr_array_add (self->blocks, block);
  return TRUE;
}

gboolean
tn_token_store_append (TnTokenStore *self, const gint32 *ids, guint n, GError **error)
{
  while (n > 0)
    {
      gsize place = (gsize) (self->count % self->block_items), step = MIN ((gsize) n, self->block_items - place);

      if (!make_room (self, error))
        return FALSE;
      if (self->file < 0)
        pack (self, ids, step, (guint8 *) g_ptr_array_index (self->blocks, self->blocks->len - 1) + place * self->item_bytes);
      else
        {
          pack (self, ids, step, self->buffer);
          if (!write_at (self, self->count * self->item_bytes, self->buffer, step * self->item_bytes, error))
            return FALSE;
        }
      self->count += step;
      ids += step;
      n -= (guint) step;
    }
  return TRUE;
}

static gboolean
read_at (TnTokenStore *self, guint64 offset, guint8 *out, gsize bytes, GError **error)
{
  while (bytes > 0)
    {
      gssize n = pread (self->file, out, bytes, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return set_file_error (self, n < 0 ? errno : EIO, error);
      out += n;
      offset += (guint64) n;
      bytes -= (gsize) n;
    }
  return TRUE;
}

gboolean
tn_token_store_read (TnTokenStore *self, guint64 first, guint n, gint32 *out, GError **error)
{
  g_return_val_if_fail (first <= self->count && n <= self->count - first, FALSE);

  while (n > 0)
    {
      gsize place = (gsize) (first % self->block_items), step = MIN ((gsize) n, self->block_items - place);
      const guint8 *items = self->buffer;

      if (self->file < 0)
        items = (const guint8 *) g_ptr_array_index (self->blocks, first / self->block_items) + place * self->item_bytes;
      else if (!read_at (self, first * self->item_bytes, self->buffer, step * self->item_bytes, error))
        return FALSE;
      unpack (self, items, step, out);
      first += step;
      out += step;
      n -= (guint) step;
    }
  return TRUE;
}

void
tn_token_store_truncate (TnTokenStore *self, guint64 count)
{
  g_return_if_fail (count <= self->count);

  self->count = count;
  if (self->file < 0)
    g_ptr_array_set_size (self->blocks, (int) ((count + self->block_items - 1) / self->block_items));
}
