/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Registers the templates and the types they name. To be called once before the first window; needs no display. */
void tn_ui_init (void);

G_END_DECLS
