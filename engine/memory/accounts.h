/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "engine/memory/pool.h"

G_BEGIN_DECLS

/* TnAccounts: what a pool's budget is spent on. To save the threads from writing to one counter at every small block, a
 * thread reserves a credit ahead, holds blocks against it, and tells by purpose what it holds from time to time. */

typedef struct
{
  _Atomic gsize  budget;   /* 0: none */
  _Atomic gsize  credit;   /* that a thread reserves at a time */
  guint8         padding[TN_POOL_ALIGNMENT - 2 * sizeof (gsize)];
  _Atomic gsize  reserved; /* what callers hold, and the threads' credits */
  _Atomic gsize  peak;     /* of what callers hold */
  /* By purpose. A thread may tell of a release before the one that allocated tells of the block: below 0 for that long. */
  _Atomic gssize current_of[TN_N_PURPOSES], peak_of[TN_N_PURPOSES];
} TnAccounts;

typedef struct
{
  gsize bytes;
  gsize before; /* what was reserved until then */
} TnGrant;

void     tn_accounts_set_budget (TnAccounts *self, gsize budget);
/* Reserves wanted bytes, or at least `least`. FALSE when the budget does not allow it, or when a pressure level would be
 * crossed and cross is FALSE. */
gboolean tn_accounts_reserve    (TnAccounts *self, gsize least, gsize wanted, gboolean cross, TnGrant *grant);
void     tn_accounts_unreserve  (TnAccounts *self, gsize bytes);
void     tn_accounts_note_peak  (TnAccounts *self, gsize held);
/* By purpose: highest is what current was above its start in between. */
void     tn_accounts_tell       (TnAccounts *self, TnPurpose purpose, gssize change, gssize highest);
/* Calls func for each pressure level that the grant crossed. */
void     tn_accounts_pressure   (TnAccounts *self, const TnGrant *grant, TnPressureFunc func, TnPool *pool, gpointer user_data);

G_END_DECLS
