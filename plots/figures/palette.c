/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/palette.h"

static const guint32 palettes[][TN_INK_COUNT] = {
    [TN_FIGURE_LIGHT] = {0xffffff, 0x2b2b33, 0x62626e, 0x9a9aa5, 0xe8e8ec, 0x1f6fd0, 0xc4561a, 0x02a0ad, 0x5b399e, 0x6f2e00,
                         0x436583, 0x983f44, 0x53315a},
    [TN_FIGURE_DARK] = {0x1e1e1e, 0xececf0, 0xa9a9b4, 0x6e6e78, 0x343438, 0x62a8f5, 0xf28a4b, 0x4c9987, 0xd181c0, 0xf0cb3a,
                        0x65f9f7, 0xffa894, 0x9ec6d4},
    [TN_FIGURE_LIGHT_CONTRAST] = {0xffffff, 0x000000, 0x33333a, 0x33333a, 0xc4c4cc, 0x1f6fd0, 0xc4561a, 0x02a0ad, 0x5b399e,
                                  0x6f2e00, 0x436583, 0x983f44, 0x53315a},
    [TN_FIGURE_DARK_CONTRAST] = {0x121212, 0xffffff, 0xdcdce4, 0xdcdce4, 0x55555c, 0x62a8f5, 0xf28a4b, 0x4c9987, 0xd181c0,
                                 0xf0cb3a, 0x65f9f7, 0xffa894, 0x9ec6d4},
};

guint32
tn_palette_rgb (TnFigureStyle style, guint ink)
{
  g_return_val_if_fail (style < G_N_ELEMENTS (palettes), 0);
  g_return_val_if_fail (ink < TN_INK_COUNT, 0);
  return palettes[style][ink];
}

TnColor
tn_palette_color (TnFigureStyle style, guint ink)
{
  guint32 rgb = tn_palette_rgb (style, ink);

  return (TnColor){(rgb >> 16 & 0xff) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0};
}

guint32
tn_palette_heat (TnFigureStyle style, double share)
{
  static const guint32 light[] = {0xeef3fa, 0xb5cfee, 0x76a5df, 0x3a76c4, 0x1b4a8f, 0x0d2550};
  static const guint32 dark[] = {0x262a31, 0x27446b, 0x2f64a4, 0x5590d8, 0x98c2f3, 0xe9f3ff};
  const guint32 *stops = style == TN_FIGURE_DARK || style == TN_FIGURE_DARK_CONTRAST ? dark : light;
  double position = CLAMP (share, 0, 1) * (G_N_ELEMENTS (light) - 1);
  guint first = MIN ((guint) position, G_N_ELEMENTS (light) - 2);
  double rest = position - first;
  guint32 rgb = 0;

  for (int shift = 16; shift >= 0; shift -= 8)
    {
      double from = stops[first] >> shift & 0xff, to = stops[first + 1] >> shift & 0xff;

      rgb |= (guint32) lrint (from + (to - from) * rest) << shift;
    }
  return rgb;
}
