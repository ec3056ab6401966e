/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/count-text.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#define NARROW_SPACE "\342\200\257"

static char *
group_by_threes (guint64 count, const char *separator)
{
  g_autofree char *digits = g_strdup_printf ("%" PRIu64, count);
  gsize length = strlen (digits);
  GString *out = g_string_new (NULL);

  for (gsize i = 0; i < length; i++)
    {
      if (i > 0 && (length - i) % 3 == 0)
        g_string_append (out, separator);
      g_string_append_c (out, digits[i]);
    }
  return g_string_free (out, FALSE);
}

/* The user's, whatever the program has set for its own numbers; 0 when there is no such locale. */
static locale_t
get_users_locale (void)
{
  static gsize once = 0;
  static locale_t users;

  if (g_once_init_enter (&once))
    {
      users = newlocale (LC_ALL_MASK, "", (locale_t) 0);
      g_once_init_leave (&once, 1);
    }
  return users;
}

char *
tn_count_text (guint64 count)
{
  locale_t users = get_users_locale (), before;
  char *text;

  if (users == (locale_t) 0 || *nl_langinfo_l (THOUSEP, users) == '\0')
    return group_by_threes (count, users != (locale_t) 0 && strcmp (nl_langinfo_l (RADIXCHAR, users), ",") == 0 ? NARROW_SPACE : ",");
  before = uselocale (users);
  text = g_strdup_printf ("%'" PRIu64, count);
  uselocale (before);
  return text;
}
