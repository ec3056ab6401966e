/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include <glib/gstdio.h>

#include "data/tokenizers/tokenizer.h"
#include "engine/error.h"

/* Small files of every kind, written by hand, and what tests of tokenizers ask again and again. */

static inline char *
fixture_path (const char *name)
{
  static char *folder;

  if (folder == NULL)
    folder = g_dir_make_tmp ("ternion-tokenizer-XXXXXX", NULL);
  g_assert_nonnull (folder);
  return g_build_filename (folder, name, NULL);
}

static inline char *
fixture_write (const char *name, const void *data, gsize bytes)
{
  char *path = fixture_path (name);

  /* In the place of a file that is there, GLib would wait for the disk. */
  g_remove (path);
  g_assert_true (g_file_set_contents (path, data, (gssize) bytes, NULL));
  return path;
}

/* Removes what fixture_write() made. Call at the end of main(). */
static inline void
fixture_clean_up (void)
{
  g_autofree char *folder = fixture_path ("");
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

static inline void
put_u32 (GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, 4);
}

static inline void
put_u64 (GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, 8);
}

static inline void
put_f32 (GByteArray *out, float value)
{
  guint32 bits;

  memcpy (&bits, &value, 4);
  put_u32 (out, bits);
}

static inline void
put_text (GByteArray *out, const char *text)
{
  put_u64 (out, strlen (text));
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

/* A GGUF without tensors. */
typedef struct
{
  GByteArray *values;
  guint n;
} GgufFixture;

static inline void
gguf_begin (GgufFixture *self)
{
  self->values = g_byte_array_new ();
  self->n = 0;
}

static inline void
gguf_key (GgufFixture *self, const char *key, guint32 type)
{
  put_text (self->values, key);
  put_u32 (self->values, type);
  self->n++;
}

static inline void
gguf_text (GgufFixture *self, const char *key, const char *value)
{
  gguf_key (self, key, 8);
  put_text (self->values, value);
}

static inline void
gguf_u32 (GgufFixture *self, const char *key, guint32 value)
{
  gguf_key (self, key, 4);
  put_u32 (self->values, value);
}

static inline void
gguf_bool (GgufFixture *self, const char *key, gboolean value)
{
  guint8 byte = value ? 1 : 0;

  gguf_key (self, key, 7);
  g_byte_array_append (self->values, &byte, 1);
}

static inline void
gguf_texts (GgufFixture *self, const char *key, const char *const *texts, guint n)
{
  gguf_key (self, key, 9);
  put_u32 (self->values, 8);
  put_u64 (self->values, n);
  for (guint i = 0; i < n; i++)
    put_text (self->values, texts[i]);
}

static inline void
gguf_floats (GgufFixture *self, const char *key, const float *numbers, guint n)
{
  gguf_key (self, key, 9);
  put_u32 (self->values, 6);
  put_u64 (self->values, n);
  for (guint i = 0; i < n; i++)
    put_f32 (self->values, numbers[i]);
}

static inline void
gguf_ints (GgufFixture *self, const char *key, const gint32 *numbers, guint n)
{
  gguf_key (self, key, 9);
  put_u32 (self->values, 5);
  put_u64 (self->values, n);
  for (guint i = 0; i < n; i++)
    put_u32 (self->values, (guint32) numbers[i]);
}

/* Writes the file; the fixture is empty afterwards. */
static inline char *
gguf_write (GgufFixture *self, const char *name)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  char *path;

  g_byte_array_append (out, (const guint8 *) "GGUF", 4);
  put_u32 (out, 3);
  put_u64 (out, 0);
  put_u64 (out, self->n);
  g_byte_array_append (out, self->values->data, self->values->len);
  while (out->len % 32 != 0)
    g_byte_array_append (out, (const guint8 *) "", 1);
  path = fixture_write (name, out->data, out->len);
  g_byte_array_unref (self->values);
  return path;
}

static inline GArray *
encode (TnTokenizer *tokenizer, const char *text, gsize bytes)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_tokenizer_encode (tokenizer, text, bytes, FALSE, ids, &error));
  g_assert_no_error (error);
  return ids;
}

/* The ids as "1 2 3". */
static inline char *
ids_to_text (const GArray *ids)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; i < ids->len; i++)
    g_string_append_printf (out, "%s%d", i > 0 ? " " : "", g_array_index (ids, gint32, i));
  return g_strdup (out->str);
}

static inline void
assert_ids (TnTokenizer *tokenizer, const char *text, const char *expected)
{
  g_autoptr (GArray) ids = encode (tokenizer, text, strlen (text));
  g_autofree char *found = ids_to_text (ids);

  g_assert_cmpstr (found, ==, expected);
}

static inline char *
decode (TnTokenizer *tokenizer, const GArray *ids, gsize *bytes)
{
  GString *out = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < ids->len; i++)
    g_assert_true (tn_tokenizer_decode (tokenizer, g_array_index (ids, gint32, i), out, &error));
  *bytes = out->len;
  return g_string_free (out, FALSE);
}

/* decode (encode (text)) is text, behind the prefix. */
static inline void
assert_round_trip (TnTokenizer *tokenizer, const char *text, gsize bytes, const char *prefix)
{
  g_autoptr (GArray) ids = encode (tokenizer, text, bytes);
  gsize n, n_prefix = bytes > 0 ? strlen (prefix) : 0;
  g_autofree char *back = decode (tokenizer, ids, &n);

  g_assert_cmpuint (n, ==, n_prefix + bytes);
  g_assert_cmpmem (back, n_prefix, prefix, n_prefix);
  g_assert_cmpmem (back + n_prefix, bytes, text, bytes);
}

static inline void
assert_open_fails (const char *path, TnErrorCode code, const char *needle)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_open (path, &error);

  g_assert_null (tokenizer);
  g_assert_error (error, TN_ERROR, (gint) code);
  if (strstr (error->message, needle) == NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
  g_assert_null (strchr (error->message, '\n'));
}

/* Text of characters that matter to tokenizers: letters of several scripts, digits, all kinds of white space, signs. */
static inline char *
random_text (GRand *random, guint n_characters)
{
  static const gunichar some[] = {'a',   'b',    'e',     't',   'h',   'S',    'L',    '0',  '1',    '9',    '\'',  '.',
                                  ',',   '!',    '-',     '<',   '>',   '\t',   '\r',   '\n', 0xa0,   0xe9,   0x17f, 0x3b1,
                                  0x431, 0x4e2d, 0x1f600, 0x301, 0x661, 0x2167, 0x3000, 0xbd, 0x2581, 0x20ac, '_',   0x16a0};
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n_characters; i++)
    {
      guint kind = (guint) g_rand_int_range (random, 0, 10);

      if (kind < 2)
        g_string_append_c (text, ' ');
      else if (kind < 6)
        g_string_append_c (text, "etaoinsrhldvm'"[g_rand_int_range (random, 0, 14)]);
      else
        g_string_append_unichar (text, some[g_rand_int_range (random, 0, G_N_ELEMENTS (some))]);
    }
  return g_strdup (text->str);
}

/* Texts between separator lines and the ids expected of each, a line a text; see the real data's README. */
static inline void
assert_vectors (const char *vocabulary, const char *texts_path, const char *ids_path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_open (vocabulary, &error);
  g_autofree char *texts = NULL, *lines = NULL;
  g_auto (GStrv) text = NULL, line = NULL;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (texts_path, &texts, NULL, &error));
  g_assert_true (g_file_get_contents (ids_path, &lines, NULL, &error));
  text = g_strsplit (texts, "\n__ggml_vocab_test__\n", -1);
  line = g_strsplit (lines, "\n", -1);
  g_assert_cmpuint (g_strv_length (text), >, 40);
  for (guint i = 0; text[i] != NULL; i++)
    {
      g_assert_nonnull (line[i]);
      if (text[i + 1] == NULL && text[i][0] == '\0')
        break;
      assert_ids (tokenizer, text[i], g_strchug (line[i]));
    }
}
