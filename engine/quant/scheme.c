/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/scheme.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

#define MIN_BITS 2
#define MAX_BITS 8

static const struct
{
  const char *name;
  TnSchemeRule rule;
} rules[] = {
    {"ls", TN_RULE_LEAST_SQUARES}, {"absmedian", TN_RULE_ABSMEDIAN}, {"twn", TN_RULE_TWN},
    {"lloyd", TN_RULE_LLOYD},      {"absmean", TN_RULE_DEFAULT},
};

static gboolean
parse_kind (const char *part, TnScheme *scheme)
{
  if (strcmp (part, "ternary") == 0)
    scheme->kind = TN_SCHEME_TERNARY;
  else if (strcmp (part, "binary") == 0)
    scheme->kind = TN_SCHEME_BINARY;
  else if (g_str_has_prefix (part, "int") && part[3] >= '0' + MIN_BITS && part[3] <= '0' + MAX_BITS && part[4] == '\0')
    {
      scheme->kind = TN_SCHEME_INTEGER;
      scheme->bits = (guint) (part[3] - '0');
    }
  else
    return FALSE;
  return TRUE;
}

/* "c", "t", "g32". */
static gboolean
parse_granularity (const char *part, TnScheme *scheme)
{
  guint64 size;

  if (strcmp (part, "c") == 0)
    scheme->granularity = TN_PER_CHANNEL;
  else if (strcmp (part, "t") == 0)
    scheme->granularity = TN_PER_TOKEN;
  else if (part[0] == 'g' && g_ascii_string_to_unsigned (part + 1, 10, 1, G_MAXUINT, &size, NULL))
    {
      scheme->granularity = TN_PER_GROUP;
      scheme->group_size = (guint) size;
    }
  else
    return FALSE;
  return TRUE;
}

static gboolean
parse_scale_type (const char *part, TnScheme *scheme)
{
  if (strcmp (part, "f16") == 0)
    scheme->scale_type = TN_SCALE_F16;
  else if (strcmp (part, "f32") == 0)
    scheme->scale_type = TN_SCALE_F32;
  else
    return FALSE;
  return TRUE;
}

static TnScaleType
get_default_scale_type (const TnScheme *scheme)
{
  return scheme->granularity == TN_PER_GROUP ? TN_SCALE_F16 : TN_SCALE_F32;
}

TnScaleType
tn_scheme_get_scale_type (const TnScheme *scheme)
{
  return scheme->scale_type != TN_SCALE_DEFAULT ? scheme->scale_type : get_default_scale_type (scheme);
}

static gboolean
parse_rule (const char *part, TnScheme *scheme)
{
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (strcmp (part, rules[i].name) == 0)
      {
        scheme->rule = rules[i].rule;
        return TRUE;
      }
  return FALSE;
}

/* "mse", "p99.9", "auto-kl": methods that need nothing but the values. */
static gboolean
parse_method (const char *part, TnScheme *scheme)
{
  TnMethodOptions options;

  if (!tn_method_options_parse (part, &options, NULL) || !tn_method_needs_values_only (options.method) ||
      options.objective == TN_OBJECTIVE_OUTPUT)
    return FALSE;
  scheme->method = options.method;
  scheme->objective = options.objective;
  scheme->percentile = options.percentile != TN_METHOD_DEFAULT_PERCENTILE ? options.percentile : 0.0;
  return TRUE;
}

gboolean
tn_scheme_parse (const char *name, TnScheme *scheme, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (name, ":", -1);
  TnScheme parsed = {0};
  gboolean granularity_seen = FALSE, rule_seen = FALSE, method_seen = FALSE;

  if (parts[0] == NULL || !parse_kind (parts[0], &parsed))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("Scheme “%s”: “%s” is not known; expected ternary, binary or int%d to int%d"), name,
                   parts[0] != NULL ? parts[0] : "", MIN_BITS, MAX_BITS);
      return FALSE;
    }
  for (guint i = 1; parts[i] != NULL; i++)
    {
      if (!granularity_seen && parse_granularity (parts[i], &parsed))
        granularity_seen = TRUE;
      else if (parsed.kind == TN_SCHEME_TERNARY && !rule_seen && !method_seen && parse_rule (parts[i], &parsed))
        rule_seen = TRUE;
      else if (parsed.kind != TN_SCHEME_BINARY && !rule_seen && !method_seen && parse_method (parts[i], &parsed))
        method_seen = TRUE;
      else if (parsed.kind == TN_SCHEME_INTEGER && !parsed.asymmetric && strcmp (parts[i], "asym") == 0)
        parsed.asymmetric = TRUE;
      else if (parsed.scale_type == TN_SCALE_DEFAULT && parse_scale_type (parts[i], &parsed))
        continue;
      else
        {
          const char *expected = parsed.kind == TN_SCHEME_TERNARY   ? ":ls, :absmedian, :twn, :lloyd, :mse, :kl, :c, :gN, :t, :f16, :f32"
                                 : parsed.kind == TN_SCHEME_INTEGER ? ":asym, :mse, :mse2.4, :kl, :aciq, :octav, :p99.9, :c, :gN, :t, :f16, :f32"
                                                                    : ":c, :gN, :t, :f16, :f32";

          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                       _ ("Scheme “%s”: “%s” is not known or contradicts what stands before it; expected one of %s"), name,
                       parts[i], expected);
          return FALSE;
        }
    }
  if (parsed.scale_type == get_default_scale_type (&parsed))
    parsed.scale_type = TN_SCALE_DEFAULT;
  *scheme = parsed;
  return TRUE;
}

gboolean
tn_scheme_equal (const TnScheme *a, const TnScheme *b)
{
  return a->kind == b->kind && a->rule == b->rule && a->bits == b->bits && a->asymmetric == b->asymmetric &&
         a->granularity == b->granularity && a->group_size == b->group_size && a->method == b->method &&
         a->objective == b->objective && a->percentile == b->percentile &&
         tn_scheme_get_scale_type (a) == tn_scheme_get_scale_type (b);
}

GArray *
tn_scheme_parse_list (const char *names, GError **error)
{
  g_auto (GStrv) items = g_strsplit (names, ",", -1);
  g_autoptr (GArray) schemes = g_array_new (FALSE, FALSE, sizeof (TnScheme));

  if (items[0] == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("The list of schemes is empty; expected for example %s"),
                   "ternary,int8,int4:g32");
      return NULL;
    }
  for (guint i = 0; items[i] != NULL; i++)
    {
      TnScheme scheme;
      gboolean known = FALSE;

      if (!tn_scheme_parse (g_strstrip (items[i]), &scheme, error))
        return NULL;
      for (guint j = 0; j < schemes->len; j++)
        known |= tn_scheme_equal (&scheme, &g_array_index (schemes, TnScheme, j));
      if (!known)
        g_array_append_val (schemes, scheme);
    }
  return g_steal_pointer (&schemes);
}

char *
tn_scheme_to_string (const TnScheme *scheme)
{
  GString *name = g_string_new (NULL);

  switch (scheme->kind)
    {
    case TN_SCHEME_BINARY:
      g_string_append (name, "binary");
      break;
    case TN_SCHEME_TERNARY:
      g_string_append (name, "ternary");
      for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
        if (scheme->rule != TN_RULE_DEFAULT && scheme->rule == rules[i].rule)
          g_string_append_printf (name, ":%s", rules[i].name);
      break;
    case TN_SCHEME_INTEGER:
      g_string_append_printf (name, "int%u", scheme->bits);
      break;
    default:
      g_assert_not_reached ();
    }
  if (scheme->granularity == TN_PER_CHANNEL)
    g_string_append (name, ":c");
  else if (scheme->granularity == TN_PER_TOKEN)
    g_string_append (name, ":t");
  else if (scheme->granularity == TN_PER_GROUP)
    g_string_append_printf (name, ":g%u", scheme->group_size);
  if (scheme->asymmetric)
    g_string_append (name, ":asym");
  if (scheme->method != TN_METHOD_MINMAX)
    {
      TnMethodOptions options = {.method = scheme->method, .objective = scheme->objective, .percentile = scheme->percentile};
      g_autofree char *method = tn_method_options_to_string (&options);

      g_string_append_printf (name, ":%s", method);
    }
  if (tn_scheme_get_scale_type (scheme) != get_default_scale_type (scheme))
    g_string_append (name, scheme->scale_type == TN_SCALE_F16 ? ":f16" : ":f32");
  return g_string_free (name, FALSE);
}

double
tn_scheme_bits (const TnScheme *scheme, guint64 rows, guint64 columns)
{
  double code = scheme->kind == TN_SCHEME_BINARY ? 1.0 : scheme->kind == TN_SCHEME_TERNARY ? log2 (3.0) : (double) scheme->bits;
  double scale = tn_scheme_get_scale_type (scheme) == TN_SCALE_F16 ? 16.0 : 32.0;
  double sharing; /* elements that share a scale */

  if (rows == 0 || columns == 0)
    return code;
  if (scheme->granularity == TN_PER_TENSOR)
    sharing = (double) rows * (double) columns;
  else
    sharing = scheme->granularity == TN_PER_GROUP ? (double) scheme->group_size : (double) columns;
  if (scheme->asymmetric)
    scale += code;
  return code + scale / sharing;
}

gboolean
tn_scheme_check (const TnScheme *scheme, guint64 rows, guint64 columns, GError **error)
{
  g_autofree char *name = NULL;

  if (scheme->kind == TN_SCHEME_INTEGER && (scheme->bits < MIN_BITS || scheme->bits > MAX_BITS))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("An integer scheme has %u bits; expected %d to %d"), scheme->bits,
                   MIN_BITS, MAX_BITS);
      return FALSE;
    }
  if (scheme->granularity != TN_PER_GROUP || (scheme->group_size > 0 && columns % scheme->group_size == 0))
    return TRUE;
  name = tn_scheme_to_string (scheme);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               _ ("Scheme %s: rows of %" PRIu64 " elements cannot be divided into groups of %u"), name, columns,
               scheme->group_size);
  return FALSE;
}
