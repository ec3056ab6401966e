/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-reader.h"

G_BEGIN_DECLS

/* Members of a JSON document read one by one, with messages that say where: "x.json: layers[3].name: 7 found, a string expected". Whoever
 * reads an object or an element enters it first and leaves it after. Every function that fails sets TN_ERROR_FORMAT; members are looked up by
 * name, and an object that is NULL has none. */
#define TN_JSON_FIELDS_MAX_DEPTH 8

typedef struct
{
  const char *path;
  struct
  {
    const char *name;
    guint index;
  } steps[TN_JSON_FIELDS_MAX_DEPTH];
  guint depth;
} TnJsonFields;

/* index: of an element of an array; G_MAXUINT: none. name is borrowed. */
void              tn_json_fields_enter (TnJsonFields *self, const char *name, guint index);
/* result, so that it can stand behind return. */
gboolean          tn_json_fields_leave (TnJsonFields *self, gboolean result);
/* FALSE. field NULL: where the reader stands; node NULL: it is missing. */
gboolean          tn_json_fields_fail  (const TnJsonFields *self, const char *field, const TnJsonNode *node, const char *expected, GError **error);

/* NULL where it is null or missing. */
const TnJsonNode *tn_json_fields_find  (const TnJsonNode *object, const char *name);
/* The same, and it must be an object then. FALSE: it is none. */
gboolean          tn_json_fields_find_object (const TnJsonFields *self, const TnJsonNode *object, const char *name, const TnJsonNode **node,
                                              GError **error);
/* Of this type, and there; NULL on failure. */
const TnJsonNode *tn_json_fields_read_list (const TnJsonFields *self, const TnJsonNode *object, const char *name, TnJsonType type, GError **error);

/* NaN where it is null or missing; "inf" and "-inf" are numbers too. */
gboolean tn_json_fields_parse_number (const TnJsonFields *self, const char *name, const TnJsonNode *node, double *value, GError **error);
gboolean tn_json_fields_read_number  (const TnJsonFields *self, const TnJsonNode *object, const char *name, double *value, GError **error);
gboolean tn_json_fields_read_count   (const TnJsonFields *self, const TnJsonNode *object, const char *name, guint64 least, guint64 most,
                                      guint64 *value, GError **error);
gboolean tn_json_fields_read_uint    (const TnJsonFields *self, const TnJsonNode *object, const char *name, guint most, guint *value, GError **error);
/* FALSE where it is null or missing. */
gboolean tn_json_fields_read_flag    (const TnJsonFields *self, const TnJsonNode *object, const char *name, gboolean *value, GError **error);
/* There, and not empty; owned by the document. */
gboolean tn_json_fields_read_name    (const TnJsonFields *self, const TnJsonNode *object, const char *name, const char **text, GError **error);
/* A copy, NULL where it is null or missing. */
gboolean tn_json_fields_read_text    (const TnJsonFields *self, const TnJsonNode *object, const char *name, char **text, GError **error);

typedef struct
{
  const char *name;
  double     *value;
} TnJsonNumber;

/* Of a member that is an object; where it is null or missing all of them are NaN. */
gboolean tn_json_fields_read_numbers (TnJsonFields *self, const TnJsonNode *object, const char *name, const TnJsonNumber *numbers, guint n,
                                      GError **error);

/* A string that holds no NUL. */
gboolean tn_json_node_is_text (const TnJsonNode *node);

G_END_DECLS
