/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/table-row.h"

#include <math.h>
#include <string.h>

typedef struct
{
  guint place;
} TnTableRowPrivate;

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (TnTableRow, tn_table_row, G_TYPE_OBJECT)

static double
tn_table_row_real_get_number (TnTableRow *self, guint column)
{
  return NAN;
}

static const char *
tn_table_row_real_get_key (TnTableRow *self, guint column)
{
  return NULL;
}

static char *
tn_table_row_real_dup_tooltip (TnTableRow *self, guint column)
{
  return NULL;
}

static gboolean
tn_table_row_real_matches (TnTableRow *self, const char *needle)
{
  return TRUE;
}

static void
tn_table_row_class_init (TnTableRowClass *klass)
{
  klass->get_number = tn_table_row_real_get_number;
  klass->get_key = tn_table_row_real_get_key;
  klass->dup_tooltip = tn_table_row_real_dup_tooltip;
  klass->matches = tn_table_row_real_matches;

  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_table_row_init (TnTableRow *self)
{
}

char *
tn_table_row_dup_text (TnTableRow *self, guint column)
{
  return TN_TABLE_ROW_GET_CLASS (self)->dup_text (self, column);
}

double
tn_table_row_get_number (TnTableRow *self, guint column)
{
  return TN_TABLE_ROW_GET_CLASS (self)->get_number (self, column);
}

const char *
tn_table_row_get_key (TnTableRow *self, guint column)
{
  return TN_TABLE_ROW_GET_CLASS (self)->get_key (self, column);
}

char *
tn_table_row_dup_tooltip (TnTableRow *self, guint column)
{
  return TN_TABLE_ROW_GET_CLASS (self)->dup_tooltip (self, column);
}

gboolean
tn_table_row_matches (TnTableRow *self, const char *needle)
{
  return TN_TABLE_ROW_GET_CLASS (self)->matches (self, needle);
}

void
tn_table_row_set_place (TnTableRow *self, guint place)
{
  TnTableRowPrivate *priv = tn_table_row_get_instance_private (self);

  priv->place = place;
}

guint
tn_table_row_get_place (TnTableRow *self)
{
  TnTableRowPrivate *priv = tn_table_row_get_instance_private (self);

  return priv->place;
}

void
tn_table_row_changed (TnTableRow *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

int
tn_table_row_compare (TnTableRow *a, TnTableRow *b, guint column, gboolean descending)
{
  const char *key = tn_table_row_get_key (a, column);
  guint place_a, place_b;
  int order = 0;

  if (key != NULL)
    order = strcmp (key, tn_table_row_get_key (b, column));
  else
    {
      double x = tn_table_row_get_number (a, column);
      double y = tn_table_row_get_number (b, column);

      if (isnan (x) || isnan (y))
        {
          if (isnan (x) != isnan (y))
            return isnan (x) ? 1 : -1;
        }
      else
        order = (x > y) - (x < y);
    }

  if (order != 0)
    return descending ? -order : order;

  place_a = tn_table_row_get_place (a);
  place_b = tn_table_row_get_place (b);
  return (place_a > place_b) - (place_a < place_b);
}
