/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device/choice.h"

#include <string.h>

#include "engine/device/device.h"

static GRecMutex mutex;    /* of the table, and held while a choice is measured */
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
  TnChoice *choice;
  guint n;
  TnChoiceFunc measure;
  gpointer user_data;
} Measurement;

static void
measure_all (gpointer user_data)
{
  const Measurement *self = user_data;

  for (guint i = 0; i < self->n; i++)
    self->choice->rates[i] = self->measure (i, self->user_data);
}

guint
tn_choice_make (const char *what, const char *const *names, guint n, TnChoiceFunc measure, gpointer user_data)
{
  TnChoice *choice;
  gboolean fits;
  guint chosen;

  g_return_val_if_fail (n > 0 && n <= TN_CHOICE_MOST, 0);

  g_rec_mutex_lock (&mutex);
  choice = find (what);
  fits = choice != NULL && g_strv_length (choice->names) == n;
  for (guint i = 0; fits && i < n; i++)
    fits = strcmp (choice->names[i], names[i]) == 0;
  if (!fits)
    {
      Measurement measurement = {choice_new (what, names, n), n, measure, user_data};

      tn_compute_run (measure_all, &measurement);
      choice = measurement.choice;
      choose_fastest (choice, n);
      add (choice);
    }
  chosen = choice->chosen;
  g_rec_mutex_unlock (&mutex);
  return chosen;
}

GPtrArray *
tn_choice_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (choice_free);

  g_rec_mutex_lock (&mutex);
  for (guint i = 0; choices != NULL && i < choices->len; i++)
    {
      const TnChoice *choice = g_ptr_array_index (choices, i);
      TnChoice *copy = choice_new (choice->what, (const char *const *) choice->names, g_strv_length (choice->names));

      memcpy (copy->rates, choice->rates, sizeof copy->rates);
      copy->chosen = choice->chosen;
      g_ptr_array_add (list, copy);
    }
  g_rec_mutex_unlock (&mutex);
  return list;
}

void
tn_choice_preset (const char *what, const char *const *names, const double *rates, guint n)
{
  g_return_if_fail (n > 0 && n <= TN_CHOICE_MOST);

  g_rec_mutex_lock (&mutex);
  if (find (what) == NULL)
    {
      TnChoice *choice = choice_new (what, names, n);

      memcpy (choice->rates, rates, n * sizeof *rates);
      choose_fastest (choice, n);
      add (choice);
    }
  g_rec_mutex_unlock (&mutex);
}
