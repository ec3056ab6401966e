/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Another program that does the same work, so that both are measured in one run, in turns: a script of bench/peers. It answers its start with
 * a line that says what it is ("torch 1.13.1, libopenblas…, 2 threads"), and each line "run NAME" on its standard input with the seconds
 * that one repeat took. */
typedef struct _TnPeer TnPeer;

/* script: a file of the peers' folder. TN_ERROR_NOT_FOUND when the script, its interpreter or what it needs is not installed; the message
 * says which. */
TnPeer     *tn_peer_start    (const char *script, const char *const *arguments, GError **error);
void        tn_peer_free     (TnPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPeer, tn_peer_free)
const char *tn_peer_describe (TnPeer *self);
/* Seconds; NAN when the peer has gone. */
double      tn_peer_run      (TnPeer *self, const char *name);

G_END_DECLS
