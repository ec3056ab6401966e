/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/model-row.h"

#include <glib/gi18n-lib.h>

#include "ui/numbers.h"

void
tn_model_row_show (AdwActionRow *row, TnSession *session)
{
  const char *name = tn_session_get_display_name (session);
  TnModelFile *file = tn_session_get_file (session);
  g_autofree char *subtitle = NULL;

  if (file != NULL)
    {
      g_autofree char *parameters = tn_format_count (tn_model_file_get_n_elements (file));

      /* Translators: the architecture and the number of parameters of a model */
      subtitle = g_strdup_printf (_ ("%s · %s parameters"), tn_model_file_get_architecture (file), parameters);
    }
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name != NULL ? name : _ ("No model"));
  adw_action_row_set_subtitle (row, subtitle != NULL ? subtitle : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (row), tn_session_get_path (session));
}
