/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/files/quote.h"
#include "data/models/gguf-private.h"

guint
tn_gguf_n_values (TnGguf *self)
{
  return self->values->len;
}

const TnGgufValue *
tn_gguf_get_value (TnGguf *self, guint index)
{
  g_return_val_if_fail (index < self->values->len, NULL);

  return &g_array_index (self->values, TnGgufValue, index);
}

const TnGgufValue *
tn_gguf_find_value (TnGguf *self, const char *key)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (self->values_by_key, key));

  return index > 0 ? tn_gguf_get_value (self, index - 1) : NULL;
}

/* Little-endian, like the machines this builds for. */
#define READ(type, data)                                                                                                         \
  ({                                                                                                                             \
    type number_;                                                                                                                \
                                                                                                                                 \
    memcpy (&number_, (data), sizeof number_);                                                                                   \
    number_;                                                                                                                     \
  })

static gboolean
read_integer (TnGgufType type, const guint8 *data, guint64 *magnitude, gboolean *negative)
{
  gint64 number;

  *negative = FALSE;
  switch (type)
    {
    case TN_GGUF_U8:
      *magnitude = data[0];
      return TRUE;
    case TN_GGUF_U16:
      *magnitude = READ (guint16, data);
      return TRUE;
    case TN_GGUF_U32:
      *magnitude = READ (guint32, data);
      return TRUE;
    case TN_GGUF_U64:
      *magnitude = READ (guint64, data);
      return TRUE;
    case TN_GGUF_I8:
      number = READ (gint8, data);
      break;
    case TN_GGUF_I16:
      number = READ (gint16, data);
      break;
    case TN_GGUF_I32:
      number = READ (gint32, data);
      break;
    case TN_GGUF_I64:
      number = READ (gint64, data);
      break;
    case TN_GGUF_F32:
    case TN_GGUF_F64:
    case TN_GGUF_BOOL:
    case TN_GGUF_STRING:
    case TN_GGUF_ARRAY:
    default:
      return FALSE;
    }
  *negative = number < 0;
  *magnitude = *negative ? -(guint64) number : (guint64) number;
  return TRUE;
}

gboolean
tn_gguf_get_u64 (TnGguf *self, const char *key, guint64 *out)
{
  const TnGgufValue *value = tn_gguf_find_value (self, key);
  guint64 magnitude;
  gboolean negative;

  if (value == NULL || !read_integer (value->type, value->data, &magnitude, &negative) || negative)
    return FALSE;
  *out = magnitude;
  return TRUE;
}

gboolean
tn_gguf_get_u32 (TnGguf *self, const char *key, guint32 *out)
{
  guint64 number;

  if (!tn_gguf_get_u64 (self, key, &number) || number > G_MAXUINT32)
    return FALSE;
  *out = (guint32) number;
  return TRUE;
}

gboolean
tn_gguf_get_f64 (TnGguf *self, const char *key, double *out)
{
  const TnGgufValue *value = tn_gguf_find_value (self, key);

  if (value == NULL || (value->type != TN_GGUF_F32 && value->type != TN_GGUF_F64))
    return FALSE;
  *out = value->type == TN_GGUF_F32 ? (double) READ (float, value->data) : READ (double, value->data);
  return TRUE;
}

gboolean
tn_gguf_get_bool (TnGguf *self, const char *key, gboolean *out)
{
  const TnGgufValue *value = tn_gguf_find_value (self, key);

  if (value == NULL || value->type != TN_GGUF_BOOL)
    return FALSE;
  *out = value->data[0] != 0;
  return TRUE;
}

/* The header check has walked over every string, so that lengths are in bounds. */
static const guint8 *
next_string (const guint8 *data, TnGgufString *out)
{
  guint64 length = READ (guint64, data);

  out->text = (const char *) data + sizeof length;
  out->length = (gsize) length;
  return data + sizeof length + out->length;
}

gboolean
tn_gguf_get_string (TnGguf *self, const char *key, TnGgufString *out)
{
  const TnGgufValue *value = tn_gguf_find_value (self, key);

  if (value == NULL || value->type != TN_GGUF_STRING)
    return FALSE;
  next_string (value->data, out);
  return TRUE;
}

char *
tn_gguf_dup_string (TnGguf *self, const char *key)
{
  TnGgufString string;

  if (!tn_gguf_get_string (self, key, &string) || memchr (string.text, '\0', string.length) != NULL)
    return NULL;
  return g_strndup (string.text, string.length);
}

static const TnGgufValue *
find_array (TnGguf *self, const char *key, TnGgufType element_type)
{
  const TnGgufValue *value = tn_gguf_find_value (self, key);

  return value != NULL && value->type == TN_GGUF_ARRAY && value->element_type == element_type ? value : NULL;
}

TnGgufString *
tn_gguf_dup_strings (TnGguf *self, const char *key, gsize *n)
{
  const TnGgufValue *value = find_array (self, key, TN_GGUF_STRING);
  TnGgufString *strings;
  const guint8 *data;

  if (value == NULL)
    return NULL;
  *n = (gsize) value->count;
  strings = g_new (TnGgufString, *n + 1);
  data = value->data;
  for (gsize i = 0; i < *n; i++)
    data = next_string (data, &strings[i]);
  return strings;
}

float *
tn_gguf_dup_f32_array (TnGguf *self, const char *key, gsize *n)
{
  const TnGgufValue *value = find_array (self, key, TN_GGUF_F32);
  float *numbers;

  if (value == NULL)
    return NULL;
  *n = (gsize) value->count;
  numbers = g_new (float, *n + 1);
  memcpy (numbers, value->data, value->bytes);
  return numbers;
}

gint32 *
tn_gguf_dup_i32_array (TnGguf *self, const char *key, gsize *n)
{
  const TnGgufValue *value = find_array (self, key, TN_GGUF_I32);
  g_autofree gint32 *numbers = NULL;

  if (value == NULL)
    value = find_array (self, key, TN_GGUF_U32);
  if (value == NULL)
    return NULL;
  *n = (gsize) value->count;
  numbers = g_new (gint32, *n + 1);
  memcpy (numbers, value->data, value->bytes);
  if (value->element_type == TN_GGUF_U32)
    for (gsize i = 0; i < *n; i++)
      if (numbers[i] < 0)
        return NULL;
  return g_steal_pointer (&numbers);
}

static const guint8 *
append_element (GString *out, TnGgufType type, const guint8 *data, gboolean quote)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  TnGgufString string;
  guint64 magnitude;
  gboolean negative;

  if (type == TN_GGUF_STRING)
    {
      const guint8 *next = next_string (data, &string);
      g_autofree char *text =
          quote ? tn_quote_bytes (string.text, string.length) : g_utf8_make_valid (string.text, (gssize) string.length);

      g_string_append (out, text);
      return next;
    }
  if (type == TN_GGUF_BOOL)
    g_string_append (out, data[0] != 0 ? "true" : "false");
  else if (type == TN_GGUF_F32)
    g_string_append (out, g_ascii_formatd (buffer, sizeof buffer, "%.9g", (double) READ (float, data)));
  else if (type == TN_GGUF_F64)
    g_string_append (out, g_ascii_dtostr (buffer, sizeof buffer, READ (double, data)));
  else if (read_integer (type, data, &magnitude, &negative))
    g_string_append_printf (out, "%s%" G_GUINT64_FORMAT, negative ? "-" : "", magnitude);
  return data + tn_gguf_type_size (type);
}

char *
tn_gguf_value_to_text (const TnGgufValue *value, guint max_elements)
{
  GString *out = g_string_new (NULL);
  const guint8 *data = value->data;
  guint64 shown = MIN (value->count, max_elements);

  if (value->type != TN_GGUF_ARRAY)
    {
      append_element (out, value->type, data, FALSE);
      return g_string_free (out, FALSE);
    }
  g_string_append_c (out, '[');
  for (guint64 i = 0; i < shown; i++)
    {
      if (i > 0)
        g_string_append (out, ", ");
      data = append_element (out, value->element_type, data, TRUE);
    }
  if (shown < value->count)
    g_string_append_printf (out, ", … (%" G_GUINT64_FORMAT ")", value->count);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}
