/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* NumPy's npy (numpy/lib/format.py): magic, version, length, a Python dictionary of descr, fortran_order and shape, the numbers.
 */
#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define MAX_HEADER_BYTES (1U << 20)

static const struct
{
  const char *code;
  TnDtype dtype;
} types[] = {
    {"f2", TN_DTYPE_F16}, {"f4", TN_DTYPE_F32}, {"f8", TN_DTYPE_F64}, {"i1", TN_DTYPE_I8},
    {"i2", TN_DTYPE_I16}, {"i4", TN_DTYPE_I32}, {"i8", TN_DTYPE_I64}, {"u1", TN_DTYPE_U8},
    {"u2", TN_DTYPE_U16}, {"u4", TN_DTYPE_U32}, {"u8", TN_DTYPE_U64}, {"b1", TN_DTYPE_BOOL},
};

typedef struct
{
  const char *file, *member; /* member may be NULL */
  char *text;                /* of the dictionary */
  gsize bytes, place;
} Header;

static gboolean
set_expected (const Header *self, const char *expected, GError **error)
{
  g_autofree char *found = self->place < self->bytes
                               ? tn_quote_bytes (self->text + self->place, MIN (self->bytes - self->place, 16))
                               : g_strdup (_ ("the end"));

  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s%s%s: npy header at its byte %zu: found %s, expected %s"), self->file,
               self->member != NULL ? ": " : "", self->member != NULL ? self->member : "", self->place, found, expected);
  return FALSE;
}

static void
skip_space (Header *self)
{
  while (self->place < self->bytes && (self->text[self->place] == ' ' || self->text[self->place] == '\n'))
    self->place++;
}

static gboolean
take (Header *self, const char *word)
{
  gsize n = strlen (word);

  skip_space (self);
  if (self->bytes - self->place < n || memcmp (self->text + self->place, word, n) != 0)
    return FALSE;
  self->place += n;
  return TRUE;
}

/* A quoted word without escapes. */
static char *
take_string (Header *self)
{
  gsize begin;
  char quote;

  skip_space (self);
  if (self->place == self->bytes || (self->text[self->place] != '\'' && self->text[self->place] != '"'))
    return NULL;
  quote = self->text[self->place];
  begin = ++self->place;
  while (self->place < self->bytes && self->text[self->place] != quote)
    if (self->text[self->place++] == '\\')
      return NULL;
  if (self->place == self->bytes)
    return NULL;
  return g_strndup (self->text + begin, self->place++ - begin);
}

static gboolean
parse_shape (Header *self, TnArray *array, GError **error)
{
  if (!take (self, "("))
    return set_expected (self, _ ("a tuple of sizes"), error);
  array->n_dims = 0;
  while (!take (self, ")"))
    {
      guint64 size = 0;
      guint digits = 0;

      skip_space (self);
      for (; self->place < self->bytes && g_ascii_isdigit (self->text[self->place]); self->place++, digits++)
        if (!g_uint64_checked_mul (&size, size, 10) ||
            !g_uint64_checked_add (&size, size, (guint64) (self->text[self->place] - '0')))
          return set_expected (self, _ ("a size of less than 2^64"), error);
      if (digits == 0)
        return set_expected (self, _ ("a size"), error);
      take (self, "L");
      if (array->n_dims == TN_TENSOR_MAX_DIMS)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: an array of more than %d dimensions"), self->file,
                       TN_TENSOR_MAX_DIMS);
          return FALSE;
        }
      array->shape[array->n_dims++] = size;
      if (!take (self, ","))
        {
          if (!take (self, ")"))
            return set_expected (self, _ ("a comma or the end of the tuple"), error);
          break;
        }
    }
  return TRUE;
}

static gboolean
parse_type (Header *self, TnArray *array, GError **error)
{
  g_autofree char *descr = take_string (self);
  g_autofree char *quoted = NULL;

  if (descr != NULL && strchr ("<>|=", descr[0]) != NULL && descr[0] != '\0')
    for (guint i = 0; i < G_N_ELEMENTS (types); i++)
      if (strcmp (descr + 1, types[i].code) == 0)
        {
          array->dtype = types[i].dtype;
          array->swapped = descr[0] == (G_BYTE_ORDER == G_LITTLE_ENDIAN ? '>' : '<') && tn_dtype_block_bytes (array->dtype) > 1;
          return TRUE;
        }
  if (descr == NULL)
    return set_expected (self, _ ("a type such as '<f4' (arrays of records are not supported)"), error);
  quoted = tn_quote_string (descr);
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
               _ ("%s%s%s: numbers of type %s are not supported, expected f2, f4, f8, i1..i8, u1..u8 or b1"), self->file,
               self->member != NULL ? ": " : "", self->member != NULL ? self->member : "", quoted);
  return FALSE;
}

static gboolean
parse_dictionary (Header *self, TnArray *array, GError **error)
{
  gboolean has_type = FALSE, has_order = FALSE, has_shape = FALSE, fortran = FALSE;

  if (!take (self, "{"))
    return set_expected (self, "{", error);
  while (!take (self, "}"))
    {
      g_autofree char *key = take_string (self);
      gboolean ok;

      if (key == NULL || !take (self, ":"))
        return set_expected (self, _ ("a key and a colon"), error);
      if (strcmp (key, "descr") == 0)
        ok = has_type = parse_type (self, array, error);
      else if (strcmp (key, "shape") == 0)
        ok = has_shape = parse_shape (self, array, error);
      else if (strcmp (key, "fortran_order") == 0)
        {
          fortran = take (self, "True");
          ok = has_order = fortran || take (self, "False") || set_expected (self, _ ("True or False"), error);
        }
      else
        ok = set_expected (self, "descr, fortran_order, shape", error);
      if (!ok)
        return FALSE;
      if (!take (self, ","))
        {
          if (!take (self, "}"))
            return set_expected (self, _ ("a comma or the end of the dictionary"), error);
          break;
        }
    }
  if (!has_type || !has_order || !has_shape)
    return set_expected (self, "descr, fortran_order, shape", error);
  if (fortran && array->n_dims > 1)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s%s%s: the array is in Fortran order; it is streamed by rows: save numpy.ascontiguousarray (array)"),
                   self->file, self->member != NULL ? ": " : "", self->member != NULL ? self->member : "");
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_npy_read_header (TnByteStream *stream, const char *path, const char *member, TnArray *array, GError **error)
{
  Header header = {.file = path, .member = member};
  g_autofree char *text = NULL;
  guint8 head[MAGIC_BYTES + 2 + 4];
  gsize got, length_bytes;
  guint32 length;

  if (!tn_byte_stream_read_full (stream, head, MAGIC_BYTES + 2, &got, error))
    return FALSE;
  if (got < MAGIC_BYTES + 2 || memcmp (head, MAGIC, MAGIC_BYTES) != 0)
    return set_expected (&header, _ ("an npy array"), error);
  if (head[MAGIC_BYTES] < 1 || head[MAGIC_BYTES] > 3)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: npy version %u.%u, expected 1 to 3"), path, head[MAGIC_BYTES],
                   head[MAGIC_BYTES + 1]);
      return FALSE;
    }
  length_bytes = head[MAGIC_BYTES] == 1 ? 2 : 4;
  if (!tn_byte_stream_read_full (stream, head + MAGIC_BYTES + 2, length_bytes, &got, error))
    return FALSE;
  length = (guint32) head[MAGIC_BYTES + 2] | (guint32) head[MAGIC_BYTES + 3] << 8;
  if (length_bytes == 4)
    length |= (guint32) head[MAGIC_BYTES + 4] << 16 | (guint32) head[MAGIC_BYTES + 5] << 24;
  if (got < length_bytes || length > MAX_HEADER_BYTES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: an npy header of %u bytes, expected at most %u"), path, length,
                   MAX_HEADER_BYTES);
      return FALSE;
    }
  header.text = text = g_malloc (MAX (length, 1));
  if (!tn_byte_stream_read_full (stream, text, length, &got, error))
    return FALSE;
  header.bytes = got;
  if (got < length)
    {
      header.place = got;
      return set_expected (&header, _ ("the rest of the header"), error);
    }
  array->skip += MAGIC_BYTES + 2 + length_bytes + length;
  return parse_dictionary (&header, array, error);
}

static gboolean
npy_recognise (const char *name, const guint8 *head, gsize bytes)
{
  return bytes >= MAGIC_BYTES && memcmp (head, MAGIC, MAGIC_BYTES) == 0;
}

static gboolean
npy_list (TnArrayFile *self, GError **error)
{
  g_autoptr (TnByteStream) stream = tn_byte_stream_open (self->path, error);
  g_autofree char *stem = tn_array_file_stem (self);
  TnArray array = {.storage = TN_ARRAY_STORED};
  guint64 bytes;

  if (stream == NULL)
    return FALSE;
  if (tn_byte_stream_is_sequential (stream))
    array.storage = TN_ARRAY_GZIP;
  if (!tn_npy_read_header (stream, self->path, NULL, &array, error))
    return FALSE;
  if (!tn_array_measure (&array, &bytes) || (array.storage == TN_ARRAY_STORED && bytes != self->bytes - array.skip))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the npy header states %" PRIu64 " bytes of numbers, found %" PRIu64),
                   self->path, bytes, self->bytes - array.skip);
      return FALSE;
    }
  array.offset = array.storage == TN_ARRAY_STORED ? array.skip : 0;
  tn_array_file_add (self, &array, stem);
  return TRUE;
}

const TnArrayFormat tn_npy_arrays = {.name = "npy", .recognise = npy_recognise, .list = npy_list};
