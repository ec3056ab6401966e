/* SPDX-License-Identifier: Apache-2.0 */
#include "data/workspace/process.h"

#include <string.h>

gint64
tn_process_get_start_time (gint64 pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/stat", pid);
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;
  const char *rest;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  /* The command's name may hold anything, so fields are counted from its closing bracket: state is the third, start time the
   * 22nd. */
  rest = strrchr (text, ')');
  if (rest == NULL)
    return 0;
  fields = g_strsplit (rest + 1, " ", -1);
  if (g_strv_length (fields) < 21 || fields[1][0] == 'Z' || fields[1][0] == 'X')
    return 0;
  return g_ascii_strtoll (fields[20], NULL, 10);
}

const char *
tn_process_get_space (void)
{
  static char *space;

  if (g_once_init_enter (&space))
    {
      g_autofree char *boot = NULL;
      g_autofree char *namespace = g_file_read_link ("/proc/self/ns/pid", NULL);

      g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL);
      g_once_init_leave (&space, g_strdup_printf ("%s %s", boot != NULL ? g_strstrip (boot) : "unknown",
                                                  namespace != NULL ? namespace : "unknown"));
    }
  return space;
}
