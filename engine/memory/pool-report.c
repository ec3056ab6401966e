/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/pool-report.h"

#include <stdlib.h>

#include "engine/memory/pool-private.h"

typedef struct
{
  TnPurpose purpose;
  TnPoolUse *use;
} Count;

static void
count_block (TnPoolUse *use, gsize bytes)
{
  use->blocks++;
  use->bytes += bytes;
  for (guint i = 0; i < TN_POOL_N_LARGEST; i++)
    if (bytes > use->largest[i])
      {
        gsize smaller = use->largest[i];

        use->largest[i] = bytes;
        bytes = smaller;
      }
}

static void
count_extent (TnExtent *extent, gpointer user_data)
{
  Count *self = user_data;
  const TnSpan *span = (const TnSpan *) extent; /* where it is one */

  if (extent->use == TN_EXTENT_LARGE && extent->purpose == self->purpose)
    count_block (self->use, extent->n_pages * TN_PAGE_BYTES);
  for (guint i = 0; extent->use == TN_EXTENT_SPAN && i < span->n_blocks; i++)
    if (atomic_load_explicit (&span->states[(gsize) i * span->state_stride], memory_order_relaxed) ==
        (guint8) (TN_BLOCK_HELD | self->purpose))
      count_block (self->use, (gsize) span->block_units * TN_POOL_ALIGNMENT);
}

void
tn_pool_get_use (TnPool *self, TnPurpose purpose, TnPoolUse *use)
{
  Count count = {purpose, use};

  g_return_if_fail (purpose < TN_N_PURPOSES);

  *use = (TnPoolUse){0};
  tn_page_heap_foreach (&self->heap, count_extent, &count);
}

/* "3 blocks, 12345 bytes in use for weights, the largest 8192, 4096, 64"; NULL when there are none. */
static char *
describe (TnPool *self, TnPurpose purpose)
{
  TnPoolUse use;
  GString *text;

  tn_pool_get_use (self, purpose, &use);
  if (use.blocks == 0)
    return NULL;
  text = g_string_new (NULL);
  g_string_append_printf (text, "%" G_GUINT64_FORMAT " blocks, %zu bytes in use for %s, the largest", use.blocks, use.bytes,
                          tn_purpose_get_name (purpose));
  for (guint i = 0; i < TN_POOL_N_LARGEST && use.largest[i] != 0; i++)
    g_string_append_printf (text, "%s %zu", i > 0 ? "," : "", use.largest[i]);
  return g_string_free (text, FALSE);
}

void
tn_pool_report_leaks (TnPool *self)
{
  for (guint i = 0; i < TN_N_PURPOSES; i++)
    {
      g_autofree char *text = describe (self, (TnPurpose) i);

      if (text != NULL)
        g_warning ("memory pool freed with %s", text);
    }
}

static void
report (void)
{
  TnPool *pool = tn_pool_default ();

  for (guint i = 0; i < TN_N_PURPOSES; i++)
    {
      g_autofree char *text = describe (pool, (TnPurpose) i);

      if (text != NULL)
        g_printerr ("memory: %s\n", text);
    }
  g_printerr ("memory: at most %zu bytes in use\n", tn_pool_get_peak_total (pool));
}

void
tn_pool_report_at_exit (void)
{
  atexit (report);
}
