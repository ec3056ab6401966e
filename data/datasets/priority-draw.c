/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/datasets/drawing-private.h"

/* u in (0, 1], 53 bits. */
static double
unit_of (guint64 hash)
{
  return ((double) (hash >> 11) + 1.0) * 0x1p-53;
}

/* The bits of a float that is not negative rise with it. */
guint64
tn_size_priority (double size, guint64 hash)
{
  double ratio = unit_of (hash) / size;
  guint64 bits;

  memcpy (&bits, &ratio, sizeof bits);
  return bits;
}

double
tn_size_of_priority (guint64 priority)
{
  double ratio;

  memcpy (&ratio, &priority, sizeof ratio);
  return 1.0 / ratio;
}

double
tn_take_threshold (GArray *items, guint n)
{
  guint last = 0;
  double threshold;

  if (items->len <= n)
    return 0.0;
  for (guint i = 1; i < items->len; i++)
    if (g_array_index (items, TnSampleItem, i).priority >= g_array_index (items, TnSampleItem, last).priority)
      last = i;
  threshold = tn_size_of_priority (g_array_index (items, TnSampleItem, last).priority);
  g_array_remove_index (items, last);
  return threshold;
}

void
tn_drawing_thin (GArray *items, const double *sizes, guint n, guint64 seed, TnSampleReport *report)
{
  const TnRandom random = tn_random_stream (seed, "thin");
  g_autoptr (TnSampleSet) set = tn_sample_set_new (n + 1);
  g_autoptr (GArray) kept = NULL;
  double threshold;

  for (guint i = 0; i < items->len; i++)
    {
      TnSampleItem *item = &g_array_index (items, TnSampleItem, i);

      if (!(sizes[i] > 0.0))
        {
          report->unreachable++;
          continue;
        }
      item->size = sizes[i];
      item->priority = tn_size_priority (sizes[i], tn_random_at (&random, item->ordinal));
      tn_sample_set_offer (set, item);
      item->content = NULL; /* the set has it */
    }
  kept = tn_sample_set_finish (set);
  threshold = tn_take_threshold (kept, n);
  g_array_set_size (items, 0);
  tn_sample_report_forget_drawn (report);
  report->weighted = TRUE;
  for (guint i = 0; i < kept->len; i++)
    {
      TnSampleItem *item = &g_array_index (kept, TnSampleItem, i);

      item->weight *= MAX (1.0, threshold / item->size);
      tn_sample_report_add_drawn (report, item->file, item->label, tn_sample_item_length (item), item->weight);
      g_array_append_val (items, *item);
      item->content = NULL;
    }
}
