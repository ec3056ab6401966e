/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Strict JSON (RFC 8259) for files of unknown origin: UTF-8 only, no comments, no trailing commas, no NaN, a name twice in an object is
 * an error; nesting to 64 levels, at most TN_JSON_MAX_VALUES values. A document is read-only after parsing and may be used by any thread. */
#define TN_JSON_MAX_VALUES (4 * 1024 * 1024)

typedef struct _TnJson     TnJson;
typedef struct _TnJsonNode TnJsonNode;

typedef enum
{
  TN_JSON_NULL,
  TN_JSON_BOOLEAN,
  TN_JSON_NUMBER,
  TN_JSON_STRING,
  TN_JSON_ARRAY,
  TN_JSON_OBJECT,
} TnJsonType;

struct _TnJsonNode
{
  /*< public, read-only >*/
  TnJsonType        type;
  gboolean          is_integer; /* a number without fraction and exponent that fits 64 bits */
  guint             n_children; /* of an array or object */
  gsize             offset;     /* of the value in the text */
  const char       *name;       /* of an object's member (NUL-terminated, but may hold more NULs); else NULL */
  gsize             name_length;
  const TnJsonNode *next;       /* the sibling that follows, in the order of the text; NULL at the end */
  union
  {
    gboolean boolean;
    struct
    {
      double real;
      gint64 integer; /* when is_integer */
    } number;
    struct
    {
      const char *text; /* NUL-terminated, but may hold more NULs */
      gsize       length;
    } string;
    struct
    {
      const TnJsonNode *first; /* child, NULL when empty */
      /*< private >*/
      GHashTable *by_name;
    } list;
  } value;
};

/* file_name and base_offset (of text in that file) are for messages. TN_ERROR_FORMAT. Text is not needed afterwards. */
TnJson           *tn_json_parse      (const char *text, gsize bytes, const char *file_name, guint64 base_offset, GError **error);
/* A whole file. */
TnJson           *tn_json_parse_file (const char *path, GError **error);
void              tn_json_free       (TnJson *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnJson, tn_json_free)
const TnJsonNode *tn_json_get_root   (const TnJson *self);

/* The member, or NULL when object is NULL, no object, or has none of that name. */
const TnJsonNode *tn_json_find       (const TnJsonNode *object, const char *name);
/* Like tn_json_find(), and NULL too when the member is null or of another type. */
const TnJsonNode *tn_json_find_typed (const TnJsonNode *object, const char *name, TnJsonType type);
/* The text, or NULL when the member is absent or no string, or holds a NUL. */
const char       *tn_json_find_text  (const TnJsonNode *object, const char *name);
/* "null", "a number", "an object", … translated, for messages. */
const char       *tn_json_type_describe (TnJsonType type);
/* The value as text on one line: strings as they are, lists in JSON, cut after max_children elements with "… (n)". Free with g_free(). */
char             *tn_json_node_to_text (const TnJsonNode *node, guint max_children);

G_END_DECLS
