/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/table-sort.h"

#define TN_TYPE_PROBE (tn_probe_get_type ())
G_DECLARE_FINAL_TYPE (TnProbe, tn_probe, TN, PROBE, GObject)

struct _TnProbe
{
  GObject parent_instance;
  guint64 raised;  /* columns in which its value is 1 */
  guint64 lowered; /* columns in which its value is -1; 0 in all others */
};

G_DEFINE_FINAL_TYPE (TnProbe, tn_probe, G_TYPE_OBJECT)

static void
tn_probe_class_init (TnProbeClass *klass)
{
}

static void
tn_probe_init (TnProbe *self)
{
}

static int
tn_probe_get_value (const TnProbe *self, guint column)
{
  return (int) (self->raised >> column & 1) - (int) (self->lowered >> column & 1);
}

static int
compare_probes (gconstpointer a, gconstpointer b, gpointer column)
{
  return tn_probe_get_value (a, GPOINTER_TO_UINT (column)) - tn_probe_get_value (b, GPOINTER_TO_UINT (column));
}

GtkSorter *
tn_table_probe_sorter_new (guint column)
{
  g_return_val_if_fail (column < 64, NULL);

  return GTK_SORTER (gtk_custom_sorter_new (compare_probes, GUINT_TO_POINTER (column), NULL));
}

static int
compare_with_zero (GtkSorter *sorter, guint64 raised, guint64 lowered)
{
  g_autoptr (TnProbe) probe = g_object_new (TN_TYPE_PROBE, NULL);
  g_autoptr (TnProbe) zero = g_object_new (TN_TYPE_PROBE, NULL);

  probe->raised = raised;
  probe->lowered = lowered;
  return gtk_sorter_compare (sorter, probe, zero);
}

int
tn_table_probe (GtkSorter *view_sorter, guint n_columns, gboolean *descending)
{
  int primary = -1, primary_sign = 0;

  for (guint i = 0; i < n_columns; i++)
    {
      guint64 up = 0, down = 0;
      int sign = compare_with_zero (view_sorter, G_GUINT64_CONSTANT (1) << i, 0);

      if (sign == 0)
        continue;

      /* A probe that is after zero by column i and before it by the best column so far. */
      if (sign > 0)
        up |= G_GUINT64_CONSTANT (1) << i;
      else
        down |= G_GUINT64_CONSTANT (1) << i;
      if (primary_sign > 0)
        down |= G_GUINT64_CONSTANT (1) << primary;
      else if (primary_sign < 0)
        up |= G_GUINT64_CONSTANT (1) << primary;

      if (primary < 0 || compare_with_zero (view_sorter, up, down) > 0)
        {
          primary = (int) i;
          primary_sign = sign;
        }
    }
  *descending = primary_sign < 0;
  return primary;
}
