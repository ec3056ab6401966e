/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/channel-map.h"

G_BEGIN_DECLS

/* TnChannelView: the channels of a site as a picture, outliers marked: those of one site row by row, or of this site in every block. */
#define TN_TYPE_CHANNEL_VIEW (tn_channel_view_get_type ())
G_DECLARE_FINAL_TYPE (TnChannelView, tn_channel_view, TN, CHANNEL_VIEW, GtkWidget)

/* map: read now, not kept; NULL: nothing to show. */
void tn_channel_view_show (TnChannelView *self, const TnChannelMap *map);

G_END_DECLS
