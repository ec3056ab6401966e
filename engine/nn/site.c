/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/site.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"

gboolean
tn_site_kinds_parse (const char *text, TnSiteKind *kinds, GError **error)
{
  static const struct
  {
    const char *name;
    TnSiteKind kind;
  } names[] = {
      {"in", TN_SITE_INPUT},
      {"out", TN_SITE_OUTPUT},
      {"residual", TN_SITE_RESIDUAL},
      {"logits", TN_SITE_LOGITS},
  };
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  TnSiteKind found = 0;

  for (char **word = words; *word != NULL; word++)
    {
      guint i = 0;

      while (i < G_N_ELEMENTS (names) && strcmp (names[i].name, g_strstrip (*word)) != 0)
        i++;
      if (i == G_N_ELEMENTS (names))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("“%s” is none of in, out, residual, logits"), *word);
          return FALSE;
        }
      found |= names[i].kind;
    }
  if (found == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("the list is empty, expected some of in, out, residual, logits"));
      return FALSE;
    }
  *kinds = found;
  return TRUE;
}
