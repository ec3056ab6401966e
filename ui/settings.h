/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* The state the window keeps between starts; NULL where the schema is not installed (nothing is kept then). Owned by the program. */
GSettings *tn_settings_get (void);

/* A text, such as a path, that is kept only where it changed; NULL is kept as "". Reading it: NULL where it is "" or nothing is kept; free with
 * g_free(). */
void       tn_settings_keep_text (const char *key, const char *text);
char      *tn_settings_dup_text  (const char *key);

/* The folder a dialog starts in; key: a string setting that holds a URI. Remembering takes the folder of file. */
void       tn_settings_apply_folder    (const char *key, GtkFileChooser *chooser);
void       tn_settings_remember_folder (const char *key, GFile *file);

G_END_DECLS
