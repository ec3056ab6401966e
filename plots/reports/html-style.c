/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/reports/html-style.h"

#include "plots/figures/palette.h"

static const char rules[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--tn-background);color:var(--tn-text);font:16px/1.55 "
    "Cantarell,Inter,system-ui,-apple-system,'Segoe UI',sans-serif}\n"
    "main{max-width:940px;margin:0 auto;padding:48px 24px 96px}\n"
    "h1{font-size:2em;line-height:1.2;margin:0 0 .5em;letter-spacing:-.01em;overflow-wrap:anywhere}\n"
    "h2{font-size:1.3em;line-height:1.3;margin:2.2em 0 .6em;overflow-wrap:anywhere}\n"
    "p{margin:.6em 0;max-width:70ch;overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;margin:1em 0;width:100%;font-size:.94em;font-variant-numeric:tabular-nums}\n"
    "th{position:sticky;top:0;background:var(--tn-background);text-align:left;font-weight:600;color:var(--tn-muted);vertical-"
    "align:bottom;"
    "box-shadow:inset 0 -1.5px var(--tn-axis)}\n"
    "th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:inherit}\n"
    "th button:hover{color:var(--tn-text)}\n"
    "th[aria-sort=ascending] button::after{content:' ▲'}\n"
    "th[aria-sort=descending] button::after{content:' ▼'}\n"
    "th,td{padding:.4em .9em .4em 0}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "td{border-bottom:1px solid var(--tn-grid);vertical-align:baseline;overflow-wrap:anywhere}\n"
    "th.number,td.number{text-align:right;white-space:nowrap}\n"
    "figure{margin:1.6em 0}\n"
    "figure svg{display:block;max-width:100%;height:auto}\n"
    "figcaption{color:var(--tn-muted);font-size:.92em;margin-top:.5em;max-width:70ch}\n"
    "@media(max-width:700px){main{padding:24px 16px 64px}.scroll{overflow-x:auto}th{position:static}}\n"
    "@media print{body{font-size:10.5pt}main{padding:0;max-width:none}th{position:static}thead{display:table-header-group}"
    "h2{break-after:avoid}figure,tr{break-inside:avoid}}\n";

static void
append_colors (GString *out, TnFigureStyle style)
{
  static const char *const names[] = {"background", "text", "muted", "axis", "grid"};

  for (guint ink = 0; ink < TN_INK_COUNT; ink++)
    if (ink < TN_INK_SERIES)
      g_string_append_printf (out, "--tn-%s:#%06x;", names[ink], tn_palette_rgb (style, ink));
    else
      g_string_append_printf (out, "--tn-series-%u:#%06x;", ink - TN_INK_SERIES, tn_palette_rgb (style, ink));
}

char *
tn_html_style (void)
{
  GString *out = g_string_new (":root{color-scheme:light dark;");

  append_colors (out, TN_FIGURE_LIGHT);
  /* Paper stays white, whatever the screen is. */
  g_string_append (out, "}\n@media screen and (prefers-color-scheme:dark){:root{");
  append_colors (out, TN_FIGURE_DARK);
  g_string_append (out, "}}\n@media screen and (prefers-contrast:more){:root{");
  append_colors (out, TN_FIGURE_LIGHT_CONTRAST);
  g_string_append (out, "}}\n@media screen and (prefers-contrast:more) and (prefers-color-scheme:dark){:root{");
  append_colors (out, TN_FIGURE_DARK_CONTRAST);
  g_string_append (out, "}}\n");
  g_string_append (out, rules);
  return g_string_free (out, FALSE);
}
