/* SPDX-License-Identifier: Apache-2.0 */

/* The text of a tile for one instruction set, private to engine/kernels. Whoever includes it has defined TILE_TARGET, TILE_ROWS,
 * TILE_PANELS, TILE_LANES (of a vector; divides TN_PANEL_COLUMNS) and TILE_VECTOR with TILE_LOAD, TILE_STORE, TILE_ZERO,
 * TILE_BROADCAST and TILE_FMA (a, b, s) = a b + s. Loops over rows and vectors are unrolled, so that the sums stay in registers.
 */

#define TILE_VECTORS (TN_PANEL_COLUMNS / TILE_LANES) /* of a panel's row */
#define TILE_UNROLL _Pragma ("GCC unroll 16")
#define TILE_INLINE TILE_TARGET static inline __attribute__ ((always_inline))
/* Floats of a that a cache line has. */
#define TILE_LINE 16

/* Rows from first on, one step: a points to its column for row 0, b to the row of the panels. */
TILE_INLINE void
tile_step (TILE_VECTOR sums[][TILE_PANELS * TILE_VECTORS], gsize first, gsize rows, gsize panels, const float *a, gsize a_stride,
           const float *b, gsize panel_floats)
{
  TILE_VECTOR row[TILE_PANELS * TILE_VECTORS];

  TILE_UNROLL
  for (gsize v = 0; v < panels * TILE_VECTORS; v++)
    row[v] = TILE_LOAD (b + v / TILE_VECTORS * panel_floats + v % TILE_VECTORS * TILE_LANES);
  TILE_UNROLL
  for (gsize r = first; r < rows; r++)
    {
      TILE_VECTOR x = TILE_BROADCAST (a + r * a_stride);

      TILE_UNROLL
      for (gsize v = 0; v < panels * TILE_VECTORS; v++)
        sums[r][v] = TILE_FMA (x, row[v], sums[r][v]);
    }
}

TILE_INLINE void
tile_multiply (const TnProductTile *tile, const gsize rows, const gsize panels)
{
  TILE_VECTOR sums[TILE_ROWS][TILE_PANELS * TILE_VECTORS];
  const gsize a_stride = tile->a_stride, c_stride = tile->c_stride;
  const gsize panel_floats = tile->panel_depth * TN_PANEL_COLUMNS;
  const float *a = tile->a, *b = tile->panels, *next = tile->next;
  const float *end = a + tile->depth, *lines_end = a + tile->depth / TILE_LINE * TILE_LINE;
  float *c = tile->c;

  TILE_UNROLL
  for (gsize r = 0; r < rows; r++)
    {
      __builtin_prefetch (c + r * c_stride, 1);
      TILE_UNROLL
      for (gsize v = 0; v < panels * TILE_VECTORS; v++)
        sums[r][v] = tile->chain == TN_CHAIN_RESUME ? TILE_LOAD (c + r * c_stride + v * TILE_LANES) : TILE_ZERO ();
    }

  while (a < lines_end)
    {
      const float *line_end = a + TILE_LINE;

      __builtin_prefetch (next);
      next += TILE_LINE;
      for (; a < line_end; a++, b += TN_PANEL_COLUMNS)
        tile_step (sums, 0, rows, panels, a, a_stride, b, panel_floats);
    }
  for (; a < end; a++, b += TN_PANEL_COLUMNS)
    tile_step (sums, 0, rows, panels, a, a_stride, b, panel_floats);
  if (tile->chain == TN_CHAIN_CAUSAL)
    {
      TILE_UNROLL
      for (gsize first = 1; first < rows; first++, a++, b += TN_PANEL_COLUMNS)
        tile_step (sums, first, rows, panels, a, a_stride, b, panel_floats);
    }

  TILE_UNROLL
  for (gsize r = 0; r < rows; r++)
    TILE_UNROLL
  for (gsize v = 0; v < panels * TILE_VECTORS; v++)
    TILE_STORE (c + r * c_stride + v * TILE_LANES, sums[r][v]);
}
