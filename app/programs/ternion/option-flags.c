/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/option-flags.h"

void
tn_option_flags_clear (TnOptionFlags *self)
{
  for (guint i = 0; i < TN_OPTION_FLAGS_MOST; i++)
    {
      g_free (self->values[i]);
      g_strfreev (self->lists[i]);
    }
}

void
tn_option_flags_add (TnOptionFlags *self, const TnOption *(*get) (guint index), GArray *entries)
{
  const TnOption *option;

  for (guint i = 0; (option = get (i)) != NULL; i++)
    {
      const GOptionEntry entry = {
        .long_name = option->name, .description = option->help, .arg_description = option->argument,
        .arg = option->list ? G_OPTION_ARG_FILENAME_ARRAY : option->path ? G_OPTION_ARG_FILENAME : G_OPTION_ARG_STRING,
        .arg_data = option->list ? (gpointer) &self->lists[i] : (gpointer) &self->values[i],
      };

      g_assert (i < TN_OPTION_FLAGS_MOST);
      if (option->help != NULL)
        g_array_append_val (entries, entry);
    }
}
