/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/doctor.h"

static void
print_facts (const GPtrArray *facts)
{
  int width = 0;

  for (guint i = 0; i < facts->len; i++)
    width = MAX (width, (int) g_utf8_strlen (((TnDoctorFact *) g_ptr_array_index (facts, i))->label, -1));
  for (guint i = 0; i < facts->len; i++)
    {
      const TnDoctorFact *fact = g_ptr_array_index (facts, i);

      g_print ("%s%*s  %s\n", fact->label, width - (int) g_utf8_strlen (fact->label, -1), "", fact->text != NULL ? fact->text : fact->value);
    }
}

static gboolean
print_json (const GPtrArray *facts, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  for (guint i = 0; i < facts->len; i++)
    {
      const TnDoctorFact *fact = g_ptr_array_index (facts, i);

      if (fact->is_number)
        tn_json_add_integer (builder, fact->key, g_ascii_strtoll (fact->value, NULL, 10));
      else
        tn_json_add_string (builder, fact->key, fact->value);
    }
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

TnExitStatus
tn_verb_doctor (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  gboolean measure = FALSE;
  const GOptionEntry entries[] = {
    { "measure", 0, 0, G_OPTION_ARG_NONE, &measure, N_("Measure the machine's rates anew instead of showing those measured before"), NULL },
    { NULL },
  };
  g_autoptr (GPtrArray) facts = NULL;
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "doctor", "", _("what this machine and this build can do"), entries, 0, 0, &status))
    return status;
  facts = tn_doctor_examine (measure ? TN_DOCTOR_NEW_RATES : TN_DOCTOR_KNOWN_RATES, command.workspace_path);
  if (!command.json)
    print_facts (facts);
  else if (!print_json (facts, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
