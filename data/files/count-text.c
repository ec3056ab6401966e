/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/count-text.h"

#include <inttypes.h>
#include <locale.h>

char *
tn_count_text (guint64 count)
{
  static gsize once = 0;
  static locale_t users;
  locale_t before;
  char *text;

  if (g_once_init_enter (&once))
    {
      users = newlocale (LC_ALL_MASK, "", (locale_t) 0);
      g_once_init_leave (&once, 1);
    }
  if (users == (locale_t) 0)
    return g_strdup_printf ("%" PRIu64, count);
  before = uselocale (users);
  text = g_strdup_printf ("%'" PRIu64, count);
  uselocale (before);
  return text;
}
