/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/figure.h"

G_BEGIN_DECLS

#define TN_PALETTE_SERIES 8

/* What a colour is for. Series colours follow TN_INK_SERIES: TN_INK_SERIES + 0 .. 7. */
typedef enum
{
  TN_INK_BACKGROUND,
  TN_INK_TEXT,
  TN_INK_MUTED,
  TN_INK_AXIS,
  TN_INK_GRID,
  TN_INK_SERIES,
} TnInk;

#define TN_INK_COUNT (TN_INK_SERIES + TN_PALETTE_SERIES)

typedef struct
{
  double red;
  double green;
  double blue;
} TnColor;

/* 0xRRGGBB. Text stands out from the background by 4.5:1 at least, series by 3:1, and any two series stay apart for the three kinds of colour blindness. */
guint32 tn_palette_rgb   (TnFigureStyle style, guint ink);
TnColor tn_palette_color (TnFigureStyle style, guint ink);
/* Of a heat map, 0xRRGGBB: from what stands out least from the background (0) to what does most (1), evenly in lightness, one hue. */
guint32 tn_palette_heat  (TnFigureStyle style, double share);

G_END_DECLS
