/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The threads that run jobs take turns: whoever waits longest goes next. A turn that does not come within a second is not waited for
 * any longer (its holder may be reading a slow disk): then both work, and the compute thread alone keeps them apart. So no job can
 * block another for good. A job run in place inside another shares its turn. */

/* Returns early, without the turn, when cancelled. */
void tn_turn_take    (GCancellable *cancellable);
void tn_turn_release (void);
/* Lets those who wait go first; costs a lock when nobody does. */
void tn_turn_pass    (GCancellable *cancellable);

G_END_DECLS
