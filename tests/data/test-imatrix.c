/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "data/files/gguf-writer.h"
#include "data/files/mapped-file.h"
#include "data/models/gguf.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"

static char *path;

/* Four tokens whose squares have the means 1, 2, 3, 4. */
static TnStats *
make_stats (void)
{
  static const float x[4][4] = {{1, 2, 2, 2}, {-1, -2, -2, 2}, {1, 0, 2, -2}, {1, 0, 0, 2}};
  static const gint32 tokens[4] = {0};
  TnStats *stats = tn_stats_new (1, "openblas");
  TnSequence sequence = {.hash = 3, .length = 4, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

  tn_site_stats_observe (tn_stats_add_site (stats, "blk.0.attn_q.in", 4), batch, x[0]);
  tn_stats_count_batch (stats, batch);
  return stats;
}

static void
add_more (TnStats *stats)
{
  tn_stats_add_alias (stats, "blk.0.attn_v.in", "blk.0.attn_q.in");
  tn_stats_add_alias (stats, "blk.0.attn_k.in", "blk.0.attn_q.in");
  /* None of these is an input of a linear weight of a block. */
  tn_stats_add_site (stats, "blk.0.attn_q.out", 4)->tokens = 1;
  tn_stats_add_site (stats, "output.in", 4)->tokens = 1;
  tn_stats_add_site (stats, "blk.0.residual", 4)->tokens = 1;
}

static char *
file_hex (void)
{
  g_autofree char *bytes = NULL;
  GString *hex = g_string_new (NULL);
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  for (gsize i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", (guint8) bytes[i]);
  return g_string_free (hex, FALSE);
}

static void
test_legacy (void)
{
  static const char golden[] =
      "0100000013000000626c6b2e302e6174746e5f712e776569676874020000000400000000000040000080400000c040000000410200000005"
      "000000612e747874";
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (GError) error = NULL;
  g_autofree char *hex = NULL, *more = NULL;

  g_assert_true (tn_stats_export_imatrix_legacy (stats, path, 2, "a.txt", &error));
  g_assert_no_error (error);
  hex = file_hex ();
  g_assert_cmpstr (hex, ==, golden);
  add_more (stats);
  g_assert_true (tn_stats_export_imatrix_legacy (stats, path, 2, "a.txt", &error));
  more = file_hex ();
  g_assert_true (g_str_has_prefix (more, "0300000013000000626c6b2e302e6174746e5f6b2e776569676874"));
  /* A last chunk that is not full counts. */
  g_clear_pointer (&more, g_free);
  g_assert_true (tn_stats_export_imatrix_legacy (stats, path, 3, NULL, &error));
  more = file_hex ();
  g_assert_true (g_str_has_suffix (more, "0200000000000000"));
}

/* The file as a reader of its own takes it apart. */
static void
test_gguf (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (GError) error = NULL;
  g_autofree char *bytes = NULL;
  const char *const names[] = {"blk.0.attn_k.weight", "blk.0.attn_q.weight", "blk.0.attn_v.weight"};
  const guint8 *at;
  guint64 n, data_start;
  guint32 word;
  gsize size;

  add_more (stats);
  g_assert_true (tn_stats_export_imatrix (stats, path, 2, "a.txt", &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  at = (const guint8 *) bytes;
  g_assert_cmpmem (at, 8, "GGUF\3\0\0\0", 8);
  memcpy (&n, at + 8, 8);
  g_assert_cmpuint (n, ==, 6);
  memcpy (&n, at + 16, 8);
  g_assert_cmpuint (n, ==, 4);
  at += 24;
#define EXPECT(bytes_, size_)                                                                                                    \
  g_assert_cmpmem (at, size_, bytes_, size_);                                                                                    \
  at += size_
  EXPECT ("\14\0\0\0\0\0\0\0general.type\10\0\0\0\7\0\0\0\0\0\0\0imatrix", 8 + 12 + 4 + 8 + 7);
  EXPECT ("\20\0\0\0\0\0\0\0imatrix.datasets\11\0\0\0\10\0\0\0\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0a.txt", 8 + 16 + 4 + 4 + 8 + 8 + 5);
  EXPECT ("\23\0\0\0\0\0\0\0imatrix.chunk_count\4\0\0\0\2\0\0\0", 8 + 19 + 4 + 4);
  EXPECT ("\22\0\0\0\0\0\0\0imatrix.chunk_size\4\0\0\0\2\0\0\0", 8 + 18 + 4 + 4);
  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *name = g_strconcat (names[i / 2], i % 2 ? ".counts" : ".in_sum2", NULL);
      guint64 dims[2], offset;

      memcpy (&n, at, 8);
      g_assert_cmpuint (n, ==, strlen (name));
      at += 8;
      EXPECT (name, strlen (name));
      memcpy (&word, at, 4);
      g_assert_cmpuint (word, ==, 2);
      memcpy (dims, at + 4, 16);
      g_assert_cmpuint (dims[0], ==, i % 2 ? 1 : 4);
      g_assert_cmpuint (dims[1], ==, 1);
      memcpy (&word, at + 20, 4);
      g_assert_cmpuint (word, ==, 0);
      memcpy (&offset, at + 24, 8);
      g_assert_cmpuint (offset, ==, 32 * i);
      at += 32;
    }
  data_start = ((guint64) (at - (const guint8 *) bytes) + 31) / 32 * 32;
  g_assert_cmpuint (size, ==, data_start + 6 * 32);
  for (guint i = 0; i < 3; i++)
    {
      static const float sums[] = {4, 8, 12, 16}, tokens = 4;

      g_assert_cmpmem (bytes + data_start + 64 * i, 16, sums, 16);
      g_assert_cmpmem (bytes + data_start + 64 * i + 32, 4, &tokens, 4);
    }
}

/* And as the house's own reader does. */
static void
test_gguf_opens (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (TnMappedFile) mapped = NULL;
  g_autoptr (TnGguf) file = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_stats_export_imatrix (stats, path, 512, "a.txt", &error));
  mapped = tn_mapped_file_open (path, &error);
  file = tn_gguf_open (mapped, &error);
  g_assert_no_error (error);
  g_assert_nonnull (file);
}

static void
test_errors (void)
{
  g_autoptr (TnStats) stats = make_stats ();
  g_autoptr (TnStats) empty = tn_stats_new (1, "openblas");
  g_autoptr (GError) error = NULL;

  g_unlink (path);
  g_assert_false (tn_stats_export_imatrix (empty, path, 512, "a", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_assert_false (tn_stats_export_imatrix_legacy (empty, path, 512, "a", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_assert_false (tn_stats_export_imatrix (stats, path, 0, "a", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_stats_export_imatrix_legacy (stats, path, 0, "a", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_gguf_writer (void)
{
  static const float values[] = {1, 2, 3, 4};
  g_autoptr (TnGgufWriter) writer = tn_gguf_writer_new ();
  g_autofree char *bytes = NULL, *hash = NULL, *long_name = g_strnfill (64, 'x');
  g_autoptr (GError) error = NULL;
  guint64 dims[] = {4, 1, 1, 1, 1}, written;
  gsize size;

  tn_gguf_writer_add_string (writer, "general.architecture", "bitnet");
  tn_gguf_writer_add_u32 (writer, "general.alignment", 32);
  g_assert_true (tn_gguf_writer_add_tensor (writer, "t", TN_GGUF_TYPE_F32, 1, dims, values, sizeof values, &error));
  g_assert_true (tn_gguf_writer_write (writer, path, &written, &error));
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  /* The golden file ends with the last tensor; readers that take the data in one piece want its padding too. */
  g_assert_cmpuint (size, ==, 192);
  g_assert_cmpuint (written, ==, 192);
  for (guint i = 176; i < 192; i++)
    g_assert_cmpint (bytes[i], ==, 0);
  hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guint8 *) bytes, 176);
  g_assert_cmpstr (hash, ==, "de31fc65c4c65d7c865724835aa9d856a6e9f01ef84b50b5dbc04ddd9c4ea227");

  g_assert_false (tn_gguf_writer_add_tensor (writer, "t", TN_GGUF_TYPE_F32, 1, dims, values, sizeof values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_gguf_writer_add_tensor (writer, long_name, TN_GGUF_TYPE_F32, 1, dims, values, sizeof values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_gguf_writer_add_tensor (writer, "u", TN_GGUF_TYPE_F32, 5, dims, values, sizeof values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-imatrix-XXXXXX", NULL);
  int result;

  g_test_init (&argc, &argv, NULL);
  path = g_build_filename (folder, "imatrix", NULL);
  g_test_add_func ("/imatrix/gguf-writer", test_gguf_writer);
  g_test_add_func ("/imatrix/legacy", test_legacy);
  g_test_add_func ("/imatrix/gguf", test_gguf);
  g_test_add_func ("/imatrix/gguf-opens", test_gguf_opens);
  g_test_add_func ("/imatrix/errors", test_errors);
  result = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  return result;
}
