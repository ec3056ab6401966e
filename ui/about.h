/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Shows what this program is, with what a bug report needs to know of build and machine. */
void tn_about_present (GtkWindow *parent);

G_END_DECLS
