/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device/choice.h"

#include <string.h>

#include "engine/device/device.h"

static GMutex mutex;       /* of the table; never held while anything waits for the compute thread */
static GPtrArray *choices; /* TnChoice */

static void
choice_free (gpointer pointer)
{
  TnChoice *self = pointer;

  g_free (self->what);
  g_strfreev (self->names);
  g_free (self);
}

static TnChoice *
choice_new (const char *what, const char *const *names, guint n)
{
  TnChoice *self = g_new0 (TnChoice, 1);

  self->what = g_strdup (what);
  self->names = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    self->names[i] = g_strdup (names[i]);
  return self;
}

static TnChoice *
find (const char *what)
{
  for (guint i = 0; choices != NULL && i < choices->len; i++)
    {
      TnChoice *choice = g_ptr_array_index (choices, i);

      if (strcmp (choice->what, what) == 0)
        return choice;
    }
  return NULL;
}

static void
add (TnChoice *choice)
{
  TnChoice *old = find (choice->what);

  if (choices == NULL)
    choices = g_ptr_array_new_with_free_func (choice_free);
  if (old != NULL)
    g_ptr_array_remove (choices, old);
  g_ptr_array_add (choices, choice);
}

static void
choose_fastest (TnChoice *self, guint n)
{
  for (guint i = 0; i < n; i++)
    if (self->rates[i] > self->rates[self->chosen])
      self->chosen = i;
}

typedef struct
{
  const char *what;
  const char *const *names;
  guint n;
  TnChoiceFunc measure;
  gpointer user_data;
  guint chosen;
} Request;

/* FALSE where there is no choice between these variants yet. */
static gboolean
look_up (Request *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  const TnChoice *choice = find (self->what);

  if (choice == NULL || g_strv_length (choice->names) != self->n)
    return FALSE;
  for (guint i = 0; i < self->n; i++)
    if (strcmp (choice->names[i], self->names[i]) != 0)
      return FALSE;
  self->chosen = choice->chosen;
  return TRUE;
}

/* On the compute thread, so one at a time. */
static void
measure_all (gpointer user_data)
{
  Request *self = user_data;
  TnChoice *choice;

  /* Somebody else asked meanwhile. */
  if (look_up (self))
    return;
  choice = choice_new (self->what, self->names, self->n);
  for (guint i = 0; i < self->n; i++)
    choice->rates[i] = self->measure (i, self->user_data);
  choose_fastest (choice, self->n);
  self->chosen = choice->chosen;
  g_mutex_lock (&mutex);
  add (choice);
  g_mutex_unlock (&mutex);
}

guint
tn_choice_make (const char *what, const char *const *names, guint n, TnChoiceFunc measure, gpointer user_data)
{
  Request request = {.what = what, .names = names, .n = n, .measure = measure, .user_data = user_data};

  g_return_val_if_fail (n > 0 && n <= TN_CHOICE_MOST, 0);

  if (!look_up (&request))
    tn_compute_run (measure_all, &request);
  return request.chosen;
}

GPtrArray *
tn_choice_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (choice_free);

  g_mutex_lock (&mutex);
  for (guint i = 0; choices != NULL && i < choices->len; i++)
    {
      const TnChoice *choice = g_ptr_array_index (choices, i);
      TnChoice *copy = choice_new (choice->what, (const char *const *) choice->names, g_strv_length (choice->names));

      memcpy (copy->rates, choice->rates, sizeof copy->rates);
      copy->chosen = choice->chosen;
      g_ptr_array_add (list, copy);
    }
  g_mutex_unlock (&mutex);
  return list;
}

void
tn_choice_preset (const char *what, const char *const *names, const double *rates, guint n)
{
  g_return_if_fail (n > 0 && n <= TN_CHOICE_MOST);

  g_mutex_lock (&mutex);
  if (find (what) == NULL)
    {
      TnChoice *choice = choice_new (what, names, n);

      memcpy (choice->rates, rates, n * sizeof *rates);
      choose_fastest (choice, n);
      add (choice);
    }
  g_mutex_unlock (&mutex);
}
