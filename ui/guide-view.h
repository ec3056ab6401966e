/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* TnGuideView shows one guide: text that wraps, code that can be copied, tables, links. */
#define TN_TYPE_GUIDE_VIEW (tn_guide_view_get_type ())
G_DECLARE_FINAL_TYPE (TnGuideView, tn_guide_view, TN, GUIDE_VIEW, GtkWidget)

/* title: for screen readers. blocks: of TnMarkdownBlock, kept. */
void tn_guide_view_set_blocks     (TnGuideView *self, const char *title, GPtrArray *blocks);
/* To the block of this number, which is put at the top. */
void tn_guide_view_scroll_to      (TnGuideView *self, guint block);
/* Signal: "link" (address) one that is none of the web. */

G_END_DECLS
