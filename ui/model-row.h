/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "ui/session.h"

G_BEGIN_DECLS

/* The session's model in a row of a form: its name, architecture and number of parameters; its path in the tooltip. */
void tn_model_row_show (AdwActionRow *row, TnSession *session);

G_END_DECLS
