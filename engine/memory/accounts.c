/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/accounts.h"

#define MOST_CREDIT ((gsize) 64 << 10)
/* Of the budget: a thread's credit is never much of it. */
#define CREDIT_SHARE 1024

static const guint pressure_levels[] = {70, 80, 90, 95};

/* The least amount that is at the level. */
static gsize
get_threshold (gsize budget, guint level)
{
  return (gsize) (((unsigned __int128) budget * level + 99) / 100);
}

void
tn_accounts_set_budget (TnAccounts *self, gsize budget)
{
  atomic_store (&self->budget, budget);
  atomic_store (&self->credit, budget == 0 ? MOST_CREDIT : MIN (MOST_CREDIT, budget / CREDIT_SHARE));
}

/* How much more can be reserved without meeting the next pressure level, or when cross, the budget. */
static gsize
get_room (gsize budget, gsize reserved, gboolean cross)
{
  if (budget == 0)
    return G_MAXSIZE - reserved;
  for (guint i = 0; !cross && i < G_N_ELEMENTS (pressure_levels); i++)
    {
      gsize threshold = get_threshold (budget, pressure_levels[i]);

      if (threshold > reserved)
        return threshold - reserved - 1;
    }
  return budget > reserved ? budget - reserved : 0;
}

gboolean
tn_accounts_reserve (TnAccounts *self, gsize least, gsize wanted, gboolean cross, TnGrant *grant)
{
  gsize budget = atomic_load_explicit (&self->budget, memory_order_relaxed);
  gsize reserved = atomic_load_explicit (&self->reserved, memory_order_relaxed);

  do
    {
      gsize room = get_room (budget, reserved, FALSE);

      if (wanted > room && cross)
        {
          wanted = least;
          room = get_room (budget, reserved, TRUE);
        }
      if (least > room)
        return FALSE;
      grant->bytes = wanted > room ? least : wanted;
      grant->before = reserved;
    }
  while (!atomic_compare_exchange_weak (&self->reserved, &reserved, reserved + grant->bytes));
  return TRUE;
}

void
tn_accounts_unreserve (TnAccounts *self, gsize bytes)
{
  atomic_fetch_sub (&self->reserved, bytes);
}

void
tn_accounts_note_peak (TnAccounts *self, gsize held)
{
  gsize peak = atomic_load_explicit (&self->peak, memory_order_relaxed);

  while (peak < held && !atomic_compare_exchange_weak (&self->peak, &peak, held))
    ;
}

void
tn_accounts_tell (TnAccounts *self, TnPurpose purpose, gssize change, gssize highest)
{
  gssize reached = atomic_fetch_add (&self->current_of[purpose], change) + highest;
  gssize peak = atomic_load_explicit (&self->peak_of[purpose], memory_order_relaxed);

  while (peak < reached && !atomic_compare_exchange_weak (&self->peak_of[purpose], &peak, reached))
    ;
}

/* The reservations of all threads form one sequence of steps, so every crossing belongs to exactly one step. */
void
tn_accounts_pressure (TnAccounts *self, const TnGrant *grant, TnPressureFunc func, TnPool *pool, gpointer user_data)
{
  gsize budget = atomic_load_explicit (&self->budget, memory_order_relaxed);

  if (budget == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (pressure_levels); i++)
    {
      gsize threshold = get_threshold (budget, pressure_levels[i]);

      if (grant->before < threshold && grant->before + grant->bytes >= threshold)
        func (pool, pressure_levels[i], user_data);
    }
}
