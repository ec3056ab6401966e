/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE

#include "bench/calibration/made-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/random.h"

#define BLOCK_VALUES ((gsize) 4 << 20)
#define LARGE_EVERY 512
#define LARGE 40.0f
#define NPY_HEADER_BYTES 128

gboolean
tn_made_files_init (TnMadeFiles *self, GError **error)
{
  const char *parent = g_getenv ("TERNION_BENCH_FOLDER");
  g_autofree char *template = g_build_filename (parent != NULL ? parent : g_get_tmp_dir (), "ternion-bench-XXXXXX", NULL);

  if (g_mkdtemp (template) == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, "%s: %s", template, g_strerror (errno));
      return FALSE;
    }
  self->folder = g_steal_pointer (&template);
  self->files = g_ptr_array_new_with_free_func (g_free);
  return TRUE;
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *entry = g_build_filename (path, name, NULL);

      if (g_file_test (entry, G_FILE_TEST_IS_DIR) && !g_file_test (entry, G_FILE_TEST_IS_SYMLINK))
        remove_folder (entry);
      else
        g_unlink (entry);
    }
  g_rmdir (path);
}

void
tn_made_files_clear (TnMadeFiles *self)
{
  if (self->folder == NULL)
    return;
  remove_folder (self->folder);
  g_ptr_array_unref (self->files);
  g_clear_pointer (&self->folder, g_free);
}

const char *
tn_made_files_name (TnMadeFiles *self, const char *name)
{
  g_ptr_array_add (self->files, g_build_filename (self->folder, name, NULL));
  return g_ptr_array_index (self->files, self->files->len - 1);
}

guint64
tn_made_files_left (const TnMadeFiles *self)
{
  struct statvfs info;

  return statvfs (self->folder, &info) == 0 ? (guint64) info.f_bavail * info.f_frsize : 0;
}

void
tn_forget_pages (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

static gboolean
write_all (int fd, const char *path, const void *data, gsize bytes, GError **error)
{
  for (gsize done = 0; done < bytes;)
    {
      ssize_t n = write (fd, (const char *) data + done, bytes - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, "%s: %s", path, g_strerror (errno));
          return FALSE;
        }
      done += (gsize) n;
    }
  return TRUE;
}

static int
begin_file (const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  if (fd < 0)
    g_set_error (error, TN_ERROR, TN_ERROR_IO, "%s: %s", path, g_strerror (errno));
  return fd;
}

static gboolean
end_file (int fd, const char *path, gboolean ok, GError **error)
{
  if (ok && fsync (fd) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, "%s: %s", path, g_strerror (errno));
      ok = FALSE;
    }
  close (fd);
  tn_forget_pages (path);
  return ok;
}

/* Repeats of one block, from another place and in another size each time: random numbers take longer than writing. */
static gboolean
write_activations (int fd, const char *path, guint64 rows, guint width, GCancellable *cancellable, GError **error)
{
  guint block_rows = (guint) MAX (BLOCK_VALUES / width, 1);
  gsize n = (gsize) block_rows * width;
  g_autofree float *base = g_new (float, n + width);
  g_autofree float *block = g_new (float, n);
  TnRandom random = tn_random_stream (1, "made activations");

  for (gsize i = 0; i < n + width; i++)
    base[i] = (float) tn_random_normal (&random);
  for (guint64 row = 0; row < rows; row += block_rows)
    {
      gsize now = (gsize) MIN (rows - row, block_rows) * width;
      gsize shift = (gsize) tn_random_below (&random, width);
      float size = 0.5f + (float) tn_random_uniform (&random);

      for (gsize i = 0; i < now; i += width)
        for (guint c = 0; c < width; c++)
          block[i + c] = base[i + c + shift] * (c % LARGE_EVERY == 17 ? size * LARGE : size);
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !write_all (fd, path, block, now * sizeof *block, error))
        return FALSE;
    }
  return TRUE;
}

const char *
tn_make_activations (TnMadeFiles *self, const char *name, guint64 rows, guint width, GCancellable *cancellable, GError **error)
{
  const char *path = tn_made_files_name (self, name);
  char header[NPY_HEADER_BYTES + 1];
  int fd = begin_file (path, error);
  int written;
  gboolean ok;

  if (fd < 0)
    return NULL;
  memset (header, ' ', NPY_HEADER_BYTES);
  memcpy (header, "\x93NUMPY\x01\x00\x76\x00", 10);
  written = g_snprintf (header + 10, NPY_HEADER_BYTES - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" G_GUINT64_FORMAT ", %u), }", rows,
                        width);
  header[10 + written] = ' ';
  header[NPY_HEADER_BYTES - 1] = '\n';
  ok = write_all (fd, path, header, NPY_HEADER_BYTES, error) && write_activations (fd, path, rows, width, cancellable, error);
  return end_file (fd, path, ok, error) ? path : NULL;
}

const char *
tn_make_tokens (TnMadeFiles *self, const char *name, guint64 n, guint n_vocab, GCancellable *cancellable, GError **error)
{
  const char *path = tn_made_files_name (self, name);
  g_autofree guint16 *ids = g_new (guint16, 2 * BLOCK_VALUES);
  TnRandom random = tn_random_stream (1, "made tokens");
  int fd = begin_file (path, error);
  gboolean ok = fd >= 0;

  if (!ok)
    return NULL;
  for (gsize i = 0; i < 2 * BLOCK_VALUES; i++)
    ids[i] = GUINT16_TO_LE ((guint16) tn_random_below (&random, n_vocab));
  for (guint64 done = 0; ok && done < n; done += BLOCK_VALUES)
    ok = !g_cancellable_set_error_if_cancelled (cancellable, error) &&
         write_all (fd, path, ids + tn_random_below (&random, BLOCK_VALUES), (gsize) MIN (n - done, BLOCK_VALUES) * sizeof *ids, error);
  return end_file (fd, path, ok, error) ? path : NULL;
}

const char *
tn_make_json_lines (TnMadeFiles *self, const char *name, guint64 bytes, GCancellable *cancellable, GError **error)
{
  const char *path = tn_made_files_name (self, name);
  TnRandom random = tn_random_stream (1, "made words");
  g_autoptr (GString) text = g_string_new (NULL);
  int fd = begin_file (path, error);
  gboolean ok = fd >= 0;

  if (!ok)
    return NULL;
  for (guint64 done = 0; ok && done < bytes; done += text->len)
    {
      guint words = 200 + (guint) tn_random_below (&random, 800);

      g_string_assign (text, "{\"text\": \"");
      for (guint w = 0; w < words; w++)
        {
          for (guint64 letters = 2 + tn_random_below (&random, 7); letters > 0; letters--)
            g_string_append_c (text, (char) ('a' + tn_random_below (&random, 26)));
          g_string_append (text, w % 12 == 11 ? ".\\n" : " ");
        }
      g_string_append (text, "\", \"source\": \"made\"}\n");
      ok = !g_cancellable_set_error_if_cancelled (cancellable, error) && write_all (fd, path, text->str, text->len, error);
    }
  return end_file (fd, path, ok, error) ? path : NULL;
}

const char *
tn_make_model (TnMadeFiles *self, const char *name, GError **error)
{
  enum { WIDTH = 288, HIDDEN = 768, LAYERS = 6, HEADS = 6 };
  static const gint32 header[] = { WIDTH, HIDDEN, LAYERS, HEADS, HEADS, TN_MADE_MODEL_VOCABULARY, TN_MADE_MODEL_CONTEXT };
  const gsize matrices = (gsize) LAYERS * WIDTH * WIDTH;
  /* Embedding, norm of attention, q, k, v, o, norm of the feed-forward, w1, w2, w3, last norm, two tables for RoPE. */
  const struct { gsize n; gboolean norm; double fan_in; } parts[] = {
    { (gsize) TN_MADE_MODEL_VOCABULARY * WIDTH, FALSE, WIDTH }, { LAYERS * WIDTH, TRUE, 1 }, { 4 * matrices, FALSE, WIDTH }, { LAYERS * WIDTH, TRUE, 1 },
    { (gsize) LAYERS * WIDTH * HIDDEN, FALSE, WIDTH }, { (gsize) LAYERS * WIDTH * HIDDEN, FALSE, HIDDEN }, { (gsize) LAYERS * WIDTH * HIDDEN, FALSE, WIDTH },
    { WIDTH, TRUE, 1 }, { (gsize) TN_MADE_MODEL_CONTEXT * (WIDTH / HEADS), TRUE, 1 },
  };
  const char *path = tn_made_files_name (self, name);
  TnRandom random = tn_random_stream (1, "made model");
  int fd = begin_file (path, error);
  gboolean ok = fd >= 0 && write_all (fd, path, header, sizeof header, error);

  if (fd < 0)
    return NULL;
  for (guint p = 0; ok && p < G_N_ELEMENTS (parts); p++)
    {
      g_autofree float *values = g_new (float, parts[p].n);

      for (gsize i = 0; i < parts[p].n; i++)
        values[i] = parts[p].norm ? 1.0f : (float) ((2.0 * tn_random_uniform (&random) - 1.0) * sqrt (3.0 / parts[p].fan_in));
      ok = write_all (fd, path, values, parts[p].n * sizeof *values, error);
    }
  return end_file (fd, path, ok, error) ? path : NULL;
}
