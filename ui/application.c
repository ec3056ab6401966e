/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/application.h"

#include <glib/gi18n-lib.h>

#include "ui/about.h"
#include "ui/frame-times.h"
#include "ui/guides-window.h"
#include "ui/ui.h"
#include "ui/window.h"

struct _TnApplication
{
  AdwApplication parent_instance;
  char *workspace_path;
  gboolean frame_times;
};

G_DEFINE_FINAL_TYPE (TnApplication, tn_application, ADW_TYPE_APPLICATION)

static TnWindow *
get_window (TnApplication *self)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  if (TN_IS_WINDOW (window))
    return TN_WINDOW (window);
  for (GList *l = gtk_application_get_windows (GTK_APPLICATION (self)); l != NULL; l = l->next)
    if (TN_IS_WINDOW (l->data))
      return TN_WINDOW (l->data);
  return NULL;
}

static TnWindow *
ensure_window (TnApplication *self)
{
  TnWindow *window = get_window (self);

  if (window == NULL)
    {
      g_autoptr (TnSession) session = tn_session_new (self->workspace_path);

      window = TN_WINDOW (tn_window_new (ADW_APPLICATION (self), session));
      if (self->frame_times)
        tn_frame_times_watch (GTK_WIDGET (window));
    }
  gtk_window_present (GTK_WINDOW (window));
  return window;
}

static void
tn_application_activate (GApplication *application)
{
  ensure_window (TN_APPLICATION (application));
}

static void
tn_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  TnWindow *window = ensure_window (TN_APPLICATION (application));
  g_autofree char *path = n_files > 0 ? g_file_get_path (files[0]) : NULL;

  if (path != NULL)
    tn_window_open (window, path);
}

static void
on_guides (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  tn_guides_window_present (GTK_WINDOW (get_window (user_data)), NULL);
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  tn_about_present (gtk_application_get_active_window (GTK_APPLICATION (user_data)));
}

/* Closing the window asks where that is due; quitting is no way around it. */
static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  TnWindow *window = get_window (user_data);

  if (window != NULL)
    gtk_window_close (GTK_WINDOW (window));
  else
    g_application_quit (user_data);
}

static void
tn_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
      {.name = "about", .activate = on_about},
      {.name = "guides", .activate = on_guides},
      {.name = "quit", .activate = on_quit},
  };
  static const struct
  {
    const char *action;
    const char *accels[3];
  } accels[] = {
      {"app.quit", {"<Control>q"}},          {"window.close", {"<Control>w"}},
      {"win.open", {"<Control>o"}},          {"win.open-folder", {"<Control><Shift>o"}},
      {"win.search", {"<Control>f"}},        {"win.fullscreen", {"F11"}},
      {"win.show-page::layers", {"<Alt>1"}}, {"win.show-page::calibration", {"<Alt>2"}},
      {"win.show-page::sensitivity", {"<Alt>3"}}, {"win.show-page::training", {"<Alt>4"}},
      {"win.show-page::report", {"<Alt>5"}}, {"win.show-page::runs", {"<Alt>6"}},
      {"app.guides", {"F1"}},
  };

  G_APPLICATION_CLASS (tn_application_parent_class)->startup (application);
  tn_ui_init ();
  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions), application);
  for (guint i = 0; i < G_N_ELEMENTS (accels); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), accels[i].action, accels[i].accels);
  gtk_window_set_default_icon_name (TN_APP_ID);
}

static int
tn_application_handle_local_options (GApplication *application, GVariantDict *options)
{
  TnApplication *self = TN_APPLICATION (application);

  if (g_variant_dict_contains (options, "version"))
    {
      g_print ("ternion-workbench %s\n", TN_VERSION);
      return 0;
    }
  self->frame_times = g_variant_dict_contains (options, "frame-times");
  g_variant_dict_lookup (options, "workspace", "^ay", &self->workspace_path);
  return -1;
}

static void
tn_application_finalize (GObject *object)
{
  TnApplication *self = TN_APPLICATION (object);

  g_free (self->workspace_path);
  G_OBJECT_CLASS (tn_application_parent_class)->finalize (object);
}

static void
tn_application_class_init (TnApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_application_finalize;
  application_class->activate = tn_application_activate;
  application_class->open = tn_application_open;
  application_class->startup = tn_application_startup;
  application_class->handle_local_options = tn_application_handle_local_options;
}

static void
tn_application_init (TnApplication *self)
{
  static const GOptionEntry options[] = {
      {"workspace", 0, 0, G_OPTION_ARG_FILENAME, NULL, N_ ("the workspace to show and record in"), N_ ("FILE")},
      {"version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("print the version"), NULL},
      {"frame-times", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, NULL, NULL, NULL},
      G_OPTION_ENTRY_NULL,
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_parameter_string (G_APPLICATION (self), _ ("[MODEL|STATISTICS]"));
}

TnApplication *
tn_application_new (void)
{
  return g_object_new (TN_TYPE_APPLICATION, "application-id", TN_APP_ID, "flags", G_APPLICATION_HANDLES_OPEN, NULL);
}
