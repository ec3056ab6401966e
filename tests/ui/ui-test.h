/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>

#include "ui/ui.h"

/* Ends the program as skipped where there is no display. */
static inline void
tn_ui_test_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  if (!gtk_init_check ())
    {
      printf ("1..0 # SKIP there is no display\n");
      exit (0);
    }
  adw_init ();
  tn_ui_init ();
}

typedef gboolean (*TnTestCondition) (gpointer data);

/* Lets the main loop run until the condition holds; FALSE when that takes longer than so many seconds. */
static inline gboolean
tn_ui_test_wait (TnTestCondition condition, gpointer data, guint seconds)
{
  gint64 end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;

  while (!condition (data))
    {
      if (g_get_monotonic_time () > end)
        return FALSE;
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (1000);
    }
  return TRUE;
}

static inline void
tn_ui_test_spin (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* A safetensors file in a folder of its own: "weight" [4, 32] of ±0.5, "bias" [32] of 0.25. */
static inline char *
tn_ui_test_write_model (const char *folder)
{
  static const char header[] = "{\"weight\":{\"dtype\":\"F32\",\"shape\":[4,32],\"data_offsets\":[0,512]},"
                               "\"bias\":{\"dtype\":\"F32\",\"shape\":[32],\"data_offsets\":[512,640]}}";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE (sizeof header - 1);
  g_autofree char *path = g_build_filename (folder, "model.safetensors", NULL);

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *) header, sizeof header - 1);
  for (guint i = 0; i < 160; i++)
    {
      float value = i >= 128 ? 0.25f : i % 3 == 0 ? -0.5f : 0.5f;

      g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
    }
  g_assert_true (g_file_set_contents (path, (const char *) bytes->data, bytes->len, NULL));
  return g_steal_pointer (&path);
}

/* An empty folder; its contents are removed with tn_ui_test_remove(). */
static inline char *
tn_ui_test_make_folder (void)
{
  char *folder = g_dir_make_tmp ("ternion-ui-XXXXXX", NULL);

  g_assert_nonnull (folder);
  return folder;
}

static inline void
tn_ui_test_remove (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}
