/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pango/pangocairo.h>

G_BEGIN_DECLS

/* TnText sets and measures type: one typeface, tabular figures, the same metrics on every surface. One thread. */
typedef struct _TnText TnText;

TnText     *tn_text_new       (const char *family);
void        tn_text_free      (TnText *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnText, tn_text_free)
const char *tn_text_family    (const TnText *self);
double      tn_text_width     (TnText *self, const char *string, double size, gboolean bold);
/* Height of a line of this size. */
double      tn_text_height    (TnText *self, double size);
/* The string, or its two ends (or its beginning) around "…" so that it fits into width. Free with g_free(). */
char       *tn_text_ellipsize (TnText *self, const char *string, double size, gboolean bold, double width, gboolean middle);
/* Lines no wider than width. Free with g_strfreev(). */
char      **tn_text_wrap      (TnText *self, const char *string, double size, double width);
/* Paints with the current source; (x, y) is the left end of the baseline. */
void        tn_text_show      (TnText *self, cairo_t *cr, const char *string, double size, gboolean bold, double x, double y);

G_END_DECLS
