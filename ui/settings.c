/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/settings.h"

#include <string.h>

/* g_settings_new() ends the program when there is no schema; a build tree that is run in place has none. */
GSettings *
tn_settings_get (void)
{
  static GSettings *settings;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
      g_autoptr (GSettingsSchema) schema = NULL;

      if (source != NULL)
        schema = g_settings_schema_source_lookup (source, TN_APP_ID, TRUE);
      if (schema != NULL)
        settings = g_settings_new_full (schema, NULL, NULL);
      g_once_init_leave (&once, 1);
    }
  return settings;
}

void
tn_settings_keep_text (const char *key, const char *text)
{
  GSettings *settings = tn_settings_get ();
  g_autofree char *now = NULL;

  /* A path need not be text. */
  if (settings == NULL || (text != NULL && !g_utf8_validate (text, -1, NULL)))
    return;
  now = g_settings_get_string (settings, key);
  if (strcmp (now, text != NULL ? text : "") != 0)
    g_settings_set_string (settings, key, text != NULL ? text : "");
}

char *
tn_settings_dup_text (const char *key)
{
  GSettings *settings = tn_settings_get ();
  g_autofree char *text = settings != NULL ? g_settings_get_string (settings, key) : NULL;

  return text != NULL && *text != '\0' ? g_steal_pointer (&text) : NULL;
}

void
tn_settings_apply_folder (const char *key, GtkFileChooser *chooser)
{
  GSettings *settings = tn_settings_get ();
  g_autofree char *uri = settings != NULL ? g_settings_get_string (settings, key) : NULL;

  if (uri != NULL && *uri != '\0')
    {
      g_autoptr (GFile) folder = g_file_new_for_uri (uri);

      gtk_file_chooser_set_current_folder (chooser, folder, NULL);
    }
}

void
tn_settings_remember_folder (const char *key, GFile *file)
{
  GSettings *settings = tn_settings_get ();
  g_autoptr (GFile) folder = g_file_get_parent (file);

  if (settings != NULL && folder != NULL)
    {
      g_autofree char *uri = g_file_get_uri (folder);

      g_settings_set_string (settings, key, uri);
    }
}
