/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The style sheet of a report, with the colours of the figures for light and dark. Free with g_free(). */
char *tn_html_style (void);

G_END_DECLS
