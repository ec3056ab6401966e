/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/site-history.h"

#include <string.h>

/* The first and the last stay. */
static void
thin_out (TnSiteHistory *self)
{
  guint kept = 0;

  for (guint i = 0; i < self->n; i += 2, kept++)
    {
      self->sequences[kept] = self->sequences[i];
      memcpy (self->points[kept], self->points[i], sizeof self->points[i]);
    }
  self->n = kept;
}

void
tn_site_history_add (TnSiteHistory *self, double sequences, const TnSitePoint points[TN_N_SITE_MEASURES])
{
  if (self->n > 0 && self->sequences[self->n - 1] >= sequences)
    self->n--;
  else if (self->n == TN_SITE_HISTORY_POINTS)
    thin_out (self);
  self->sequences[self->n] = sequences;
  memcpy (self->points[self->n], points, sizeof self->points[self->n]);
  self->n++;
}
