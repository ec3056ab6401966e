/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/scheme-levels.h"

#include <glib/gi18n-lib.h>
#include <math.h>

/* BitNet b1.58's lower bound of the scale. */
#define TERNARY_EPSILON 1e-5

static void
fill_ternary (TnSchemeLevels *self, const TnTensorSummary *summary)
{
  double gamma = fmax (summary->absmean, TERNARY_EPSILON);

  self->name = g_strdup (_ ("Ternary levels"));
  self->note = g_strdup_printf (_ ("−γ, 0 and γ = %.4g, the mean magnitude"), gamma);
  self->n = 3;
  self->values = g_new (double, 3);
  self->values[0] = -gamma;
  self->values[1] = 0;
  self->values[2] = gamma;
  self->labels = g_new0 (char *, 4);
  self->labels[0] = g_strdup ("−γ");
  self->labels[1] = g_strdup ("0");
  self->labels[2] = g_strdup ("γ");
}

static void
fill_integer (TnSchemeLevels *self, const TnTensorSummary *summary, int largest)
{
  double scale = fmax (fabs (summary->min), fabs (summary->max)) / largest;

  self->n = scale > 0 ? 2 * (gsize) largest + 1 : 0;
  self->values = g_new (double, self->n);
  for (gsize i = 0; i < self->n; i++)
    self->values[i] = scale * ((int) i - largest);
}

TnSchemeLevels *
tn_scheme_levels_new (TnLayerScheme scheme, const TnTensorSummary *summary)
{
  TnSchemeLevels *self = g_new0 (TnSchemeLevels, 1);

  switch (scheme)
    {
    case TN_LAYER_TERNARY:
      fill_ternary (self, summary);
      break;
    case TN_LAYER_INT8:
      fill_integer (self, summary, 127);
      self->name = g_strdup (_ ("int8 levels"));
      self->note = g_strdup (_ ("255 levels up to the largest magnitude; zoom in to tell them apart"));
      break;
    case TN_LAYER_INT4:
    case TN_N_LAYER_SCHEMES:
    default:
      fill_integer (self, summary, 7);
      self->name = g_strdup (_ ("int4 levels, tensor-wide"));
      self->note = g_strdup (_ ("each group of 32 has a scale of its own; drawn are the levels of one scale for the tensor"));
      break;
    }
  return self;
}

void
tn_scheme_levels_free (TnSchemeLevels *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->note);
  g_free (self->values);
  g_strfreev (self->labels);
  g_free (self);
}
