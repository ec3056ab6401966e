/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <locale.h>

#include "engine/device/device.h"
#include "ui/application.h"

int
main (int argc, char **argv)
{
  g_autoptr (TnApplication) application = NULL;
  const char *locale_dir = g_getenv ("TERNION_LOCALEDIR");

  tn_device_prepare_process (argv);
  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : TN_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_ ("Ternion"));
  application = tn_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
