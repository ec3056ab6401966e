/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/activation-scales.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/files/json-members.h"
#include "data/files/json-reader.h"
#include "engine/error.h"

struct _TnActivationScales
{
  GPtrArray *scales;   /* TnActivationScale */
  GHashTable *by_site; /* borrowed */
};

static void
scale_free (gpointer data)
{
  TnActivationScale *self = data;

  g_free (self->site);
  g_free (self);
}

TnActivationScales *
tn_activation_scales_new (void)
{
  TnActivationScales *self = g_new0 (TnActivationScales, 1);

  self->scales = g_ptr_array_new_with_free_func (scale_free);
  self->by_site = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
tn_activation_scales_free (TnActivationScales *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_site);
  g_ptr_array_unref (self->scales);
  g_free (self);
}

/* Takes the site. */
static void
add (TnActivationScales *self, const TnActivationScale *given)
{
  TnActivationScale *scale = g_memdup2 (given, sizeof *given);

  g_return_if_fail (!g_hash_table_contains (self->by_site, given->site));

  g_ptr_array_add (self->scales, scale);
  g_hash_table_insert (self->by_site, scale->site, scale);
}

void
tn_activation_scales_add (TnActivationScales *self, const char *site, const TnQuantParams *params, double largest)
{
  add (self, &(TnActivationScale){.site = g_strdup (site), .params = *params, .largest = largest});
}

void
tn_activation_scales_add_kept (TnActivationScales *self, const char *site, const TnScheme *scheme)
{
  const TnQuantParams params = {.scheme = *scheme, .mse = (double) NAN, .sqnr_db = (double) NAN};

  add (self, &(TnActivationScale){.site = g_strdup (site), .kept = TRUE, .params = params, .largest = (double) NAN});
}

guint
tn_activation_scales_count (const TnActivationScales *self)
{
  return self->scales->len;
}

const TnActivationScale *
tn_activation_scales_get (const TnActivationScales *self, guint index)
{
  return g_ptr_array_index (self->scales, index);
}

const TnActivationScale *
tn_activation_scales_find (const TnActivationScales *self, const char *site)
{
  return g_hash_table_lookup (self->by_site, site);
}

char *
tn_activation_scales_print (const TnActivationScales *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *scheme = NULL;

  g_return_val_if_fail (self->scales->len > 0, NULL);

  scheme = tn_scheme_to_string (&tn_activation_scales_get (self, 0)->params.scheme);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "scheme");
  json_builder_add_string_value (builder, scheme);
  json_builder_set_member_name (builder, "sites");
  json_builder_begin_object (builder);
  for (guint i = 0; i < self->scales->len; i++)
    {
      const TnActivationScale *scale = tn_activation_scales_get (self, i);

      json_builder_set_member_name (builder, scale->site);
      if (scale->kept)
        {
          json_builder_add_null_value (builder);
          continue;
        }
      json_builder_begin_array (builder);
      json_builder_add_double_value (builder, scale->params.scale);
      json_builder_add_int_value (builder, scale->params.zero_point);
      if (scale->params.offset != 0.0)
        json_builder_add_double_value (builder, scale->params.offset);
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

static gboolean
fail (const char *origin, const char *name, const char *expected, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s: %s: %s expected"), origin, TN_ACTIVATION_SCALES_KEY, name, expected);
  return FALSE;
}

static gboolean
parse_scheme (const TnJsonNode *root, const char *origin, TnScheme *scheme, GError **error)
{
  const char *text = tn_json_find_text (root, "scheme");

  return (text != NULL && tn_scheme_parse (text, scheme, NULL) && scheme->kind == TN_SCHEME_INTEGER && scheme->granularity == TN_PER_TENSOR) ||
         fail (origin, "scheme", _ ("a scheme of integers with one scale, such as int8,"), error);
}

static gboolean
parse_site (TnActivationScales *self, const TnScheme *scheme, const TnJsonNode *node, const char *origin, GError **error)
{
  const TnJsonNode *scale = node->type == TN_JSON_ARRAY ? node->value.list.first : NULL, *zero = scale != NULL ? scale->next : NULL;
  const TnJsonNode *offset = zero != NULL ? zero->next : NULL;
  gint64 last = scheme->asymmetric ? (1 << scheme->bits) - 1 : 0;
  TnQuantParams params = {.scheme = *scheme, .mse = (double) NAN, .sqnr_db = (double) NAN};

  if (node->type == TN_JSON_NULL && strlen (node->name) == node->name_length && node->name_length > 0)
    {
      tn_activation_scales_add_kept (self, node->name, scheme);
      return TRUE;
    }
  if (strlen (node->name) != node->name_length || node->name_length == 0 || zero == NULL || scale->type != TN_JSON_NUMBER ||
      zero->type != TN_JSON_NUMBER || !zero->is_integer || zero->value.number.integer < 0 || zero->value.number.integer > last ||
      !(scale->value.number.real >= 0.0 && scale->value.number.real <= (double) G_MAXFLOAT) ||
      (offset != NULL && (offset->next != NULL || offset->type != TN_JSON_NUMBER || !(fabs (offset->value.number.real) <= (double) G_MAXFLOAT))))
    return fail (origin, node->name, _ ("[a scale from 0, a zero point among the codes, perhaps an offset], or null,"), error);
  params.scale = scale->value.number.real;
  params.zero_point = (gint32) zero->value.number.integer;
  params.offset = offset != NULL ? offset->value.number.real : 0.0;
  params.clip = fabs (params.offset) + params.scale * (double) (scheme->asymmetric ? MAX (params.zero_point, last - params.zero_point) : (1 << (scheme->bits - 1)) - 1);
  tn_activation_scales_add (self, node->name, &params, (double) NAN);
  return TRUE;
}

TnActivationScales *
tn_activation_scales_parse (const char *text, const char *origin, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s: %s", origin, TN_ACTIVATION_SCALES_KEY);
  g_autoptr (TnJson) json = tn_json_parse (text, strlen (text), name, 0, error);
  g_autoptr (TnActivationScales) self = tn_activation_scales_new ();
  const TnJsonNode *root, *sites;
  TnScheme scheme;

  if (json == NULL)
    return NULL;
  root = tn_json_get_root (json);
  sites = root->type == TN_JSON_OBJECT ? tn_json_find_typed (root, "sites", TN_JSON_OBJECT) : NULL;
  if (sites == NULL || sites->value.list.first == NULL)
    {
      fail (origin, "sites", _ ("an object with a site or more"), error);
      return NULL;
    }
  if (!parse_scheme (root, origin, &scheme, error))
    return NULL;
  for (const TnJsonNode *node = sites->value.list.first; node != NULL; node = node->next)
    if (!parse_site (self, &scheme, node, origin, error))
      return NULL;
  return g_steal_pointer (&self);
}
