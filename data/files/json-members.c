/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/json-members.h"

#include <math.h>

static void
begin (JsonBuilder *builder, const char *name)
{
  if (name != NULL)
    json_builder_set_member_name (builder, name);
}

void
tn_json_add_double (JsonBuilder *builder, const char *name, double value)
{
  begin (builder, name);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

void
tn_json_add_count (JsonBuilder *builder, const char *name, guint64 value)
{
  begin (builder, name);
  json_builder_add_int_value (builder, (gint64) value);
}

void
tn_json_add_integer (JsonBuilder *builder, const char *name, gint64 value)
{
  begin (builder, name);
  json_builder_add_int_value (builder, value);
}

void
tn_json_add_string (JsonBuilder *builder, const char *name, const char *value)
{
  /* Names of files may hold any bytes, JSON may not. */
  g_autofree char *valid = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  begin (builder, name);
  if (valid != NULL)
    json_builder_add_string_value (builder, valid);
  else
    json_builder_add_null_value (builder);
}

void
tn_json_add_hash (JsonBuilder *builder, const char *name, guint64 value)
{
  g_autofree char *text = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", value);

  tn_json_add_string (builder, name, text);
}

void
tn_json_add_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  begin (builder, name);
  json_builder_add_boolean_value (builder, value);
}

void
tn_json_open_object (JsonBuilder *builder, const char *name)
{
  begin (builder, name);
  json_builder_begin_object (builder);
}

void
tn_json_open_array (JsonBuilder *builder, const char *name)
{
  begin (builder, name);
  json_builder_begin_array (builder);
}

/* json-glib (1.6) prints 1e-10 as 1e-10.0, which is no JSON. */
static void
mend_exponents (char *text)
{
  gboolean in_string = FALSE, has_exponent = FALSE;
  char *out = text;

  for (const char *in = text; *in != '\0'; in++)
    {
      if (in_string && *in == '\\')
        *out++ = *in++;
      else if (*in == '"')
        in_string = !in_string;
      else if (!in_string && *in == '.' && has_exponent)
        {
          in++;
          continue;
        }
      /* Of words, "false" and "true" have an e as well; nothing with a point follows them. */
      has_exponent = !in_string && (*in == 'e' || (has_exponent && (g_ascii_isdigit (*in) || *in == '-' || *in == '+')));
      *out++ = *in;
    }
  *out = '\0';
}

char *
tn_json_print (JsonNode *root, gboolean pretty)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  char *text;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, pretty);
  text = json_generator_to_data (generator, NULL);
  mend_exponents (text);
  return text;
}

char *
tn_json_builder_to_text (JsonBuilder *builder, gboolean pretty)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  return tn_json_print (root, pretty);
}
