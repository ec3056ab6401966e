/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Members of an open object; name NULL: elements of an open array. A NULL string is null, one that is not UTF-8 is mended. */
/* null where the value is not finite. */
void tn_json_add_double (JsonBuilder *builder, const char *name, double value);
void tn_json_add_count  (JsonBuilder *builder, const char *name, guint64 value);
void tn_json_add_integer (JsonBuilder *builder, const char *name, gint64 value);
/* NULL becomes null, and what is not UTF-8 is replaced. */
void tn_json_add_string (JsonBuilder *builder, const char *name, const char *value);
/* 16 hexadecimal digits. */
void tn_json_add_hash   (JsonBuilder *builder, const char *name, guint64 value);
void tn_json_add_bool   (JsonBuilder *builder, const char *name, gboolean value);
/* The member of this name becomes an object, or an array, which is open then. */
void tn_json_open_object (JsonBuilder *builder, const char *name);
void tn_json_open_array  (JsonBuilder *builder, const char *name);

/* All of it as text, with line breaks and indentation where pretty. Free with g_free(). Not json_generator_to_data() alone: that of json-glib 1.6 writes numbers such as
 * 1e-10 in a form that is no JSON. */
char *tn_json_print (JsonNode *root, gboolean pretty);
/* What was built, once everything is closed; as tn_json_print(). */
char *tn_json_builder_to_text (JsonBuilder *builder, gboolean pretty);

G_END_DECLS
