/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/analysis.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"

#define WEIGHT_SUFFIX ".weight"

static void
analyzed_layer_free (TnAnalyzedLayer *self)
{
  g_free (self->name);
  g_free (self->site);
  g_array_unref (self->carriers);
  g_array_unref (self->findings);
  g_free (self);
}

static void
clear_carrier (gpointer data)
{
  g_clear_pointer (&((TnCarrier *) data)->text, g_free);
}

TnAnalyzedLayer *
tn_analyzed_layer_new (const char *name, const char *site, guint block, guint64 rows, guint64 columns, guint group)
{
  TnAnalyzedLayer *self = g_new0 (TnAnalyzedLayer, 1);

  self->name = g_strdup (name);
  self->site = g_strdup (site);
  self->block = block;
  self->rows = rows;
  self->columns = columns;
  self->group = group;
  self->carriers = g_array_new (FALSE, FALSE, sizeof (TnCarrier));
  g_array_set_clear_func (self->carriers, clear_carrier);
  self->findings = g_array_new (FALSE, FALSE, sizeof (TnFinding));
  return self;
}

TnPlanCheck *
tn_plan_check_new (const char *title, guint n_layers)
{
  TnPlanCheck *self = g_new0 (TnPlanCheck, 1);

  self->title = g_strdup (title);
  self->schemes = g_new (gint, MAX (n_layers, 1));
  for (guint i = 0; i < n_layers; i++)
    self->schemes[i] = -1;
  self->bits = self->bytes = self->predicted = NAN;
  self->measured = TN_ESTIMATE_NONE;
  return self;
}

void
tn_plan_check_free (TnPlanCheck *self)
{
  if (self == NULL)
    return;
  g_free (self->title);
  g_free (self->schemes);
  g_free (self);
}

double
tn_plan_check_get_ratio (const TnPlanCheck *self)
{
  gboolean uncertain = self->measured.low <= 0.0 && self->measured.high >= 0.0;

  return self->predicted > 0.0 && !uncertain ? self->measured.value / self->predicted : (double) NAN;
}

TnAnalysis *
tn_analysis_new_empty (void)
{
  TnAnalysis *self = g_new0 (TnAnalysis, 1);
  const TnRankAgreement none = {.spearman = NAN, .spearman_low = NAN, .spearman_high = NAN, .kendall = NAN};

  self->schemes = g_array_new (FALSE, FALSE, sizeof (TnScheme));
  self->layers = g_ptr_array_new_with_free_func ((GDestroyNotify) analyzed_layer_free);
  self->checks = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_plan_check_free);
  self->loss = TN_ESTIMATE_NONE;
  self->fisher_agreement = self->taylor_agreement = self->hessian_agreement = none;
  return self;
}

void
tn_analysis_free (TnAnalysis *self)
{
  if (self == NULL)
    return;
  g_free (self->model_name);
  g_free (self->data_name);
  g_free (self->backend);
  g_free (self->statistics);
  g_array_unref (self->schemes);
  g_ptr_array_unref (self->layers);
  g_ptr_array_unref (self->checks);
  g_free (self->cells);
  g_free (self->correlations);
  g_free (self);
}

void
tn_analysis_allocate (TnAnalysis *self)
{
  const TnOutputError no_output = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  const TnAnalysisCell none = {
      .bits = NAN,
      .bytes = NAN,
      .weight = {NAN, NAN, NAN, NAN, NAN, NAN, NAN},
      .alone = no_output,
      .accumulated = no_output,
      .fisher = TN_ESTIMATE_NONE,
      .taylor = TN_ESTIMATE_NONE,
      .hessian = TN_ESTIMATE_NONE,
      .measured = TN_ESTIMATE_NONE,
  };
  gsize n = (gsize) self->layers->len * self->schemes->len;

  g_return_if_fail (self->cells == NULL);

  self->cells = g_new (TnAnalysisCell, MAX (n, 1));
  for (gsize i = 0; i < n; i++)
    self->cells[i] = none;
}

/* Layers of a group share a site, and come one behind the other. */
static void
add_layer (TnAnalysis *self, TnModel *model, const TnParameter *parameter, guint *previous_site)
{
  g_autofree char *stem = g_strndup (parameter->name, strlen (parameter->name) - strlen (WEIGHT_SUFFIX));
  g_autofree char *site_name = g_strconcat (stem, ".in", NULL);
  gint index = tn_model_find_site (model, site_name);
  const TnSite *site = index >= 0 ? tn_model_get_site (model, (guint) index) : NULL;

  g_return_if_fail (site != NULL);

  if (self->layers->len == 0 || site->shared_with != *previous_site)
    self->n_groups++;
  *previous_site = site->shared_with;
  g_ptr_array_add (self->layers,
                   tn_analyzed_layer_new (parameter->name, tn_model_get_site (model, site->shared_with)->name, site->layer,
                                          parameter->tensor->shape[0], parameter->tensor->shape[1], self->n_groups - 1));
}

static void
set_sizes (TnAnalysis *self)
{
  for (guint i = 0; i < self->layers->len; i++)
    for (guint k = 0; k < self->schemes->len; k++)
      {
        const TnAnalyzedLayer *layer = tn_analysis_get_layer (self, i);
        const TnScheme *scheme = tn_analysis_get_scheme (self, k);
        TnAnalysisCell *cell = tn_analysis_get_cell (self, i, k);

        cell->applies = tn_scheme_check (scheme, layer->rows, layer->columns, NULL);
        if (!cell->applies)
          continue;
        cell->bits = tn_scheme_bits (scheme, layer->rows, layer->columns);
        cell->bytes = cell->bits * (double) layer->rows * (double) layer->columns / 8.0;
      }
}

TnAnalysis *
tn_analysis_new (TnModel *model, GArray *schemes, const TnScheme *activations, GError **error)
{
  g_autoptr (TnAnalysis) self = tn_analysis_new_empty ();
  guint previous_site = G_MAXUINT;

  /* In the order of sites, which is the order in which layers run. */
  for (guint i = 0; i < tn_model_n_sites (model); i++)
    {
      const TnSite *site = tn_model_get_site (model, i);
      g_autofree char *name = NULL;
      const TnParameter *parameter;

      if (site->kind != TN_SITE_INPUT)
        continue;
      name = g_strdup_printf ("%.*s" WEIGHT_SUFFIX, (int) (strlen (site->name) - strlen (".in")), site->name);
      parameter = tn_model_find_parameter (model, name);
      if (parameter != NULL && tn_parameter_is_linear (parameter))
        add_layer (self, model, parameter, &previous_site);
    }
  if (self->layers->len == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("the model has no linear layer to analyze"));
      return NULL;
    }
  self->model_fingerprint = tn_model_get_fingerprint (model);
  g_array_append_vals (self->schemes, schemes->data, schemes->len);
  self->has_activations = activations != NULL;
  if (activations != NULL)
    self->activations = *activations;
  tn_analysis_allocate (self);
  set_sizes (self);
  return g_steal_pointer (&self);
}

TnAnalyzedLayer *
tn_analysis_get_layer (const TnAnalysis *self, guint layer)
{
  g_return_val_if_fail (layer < self->layers->len, NULL);

  return g_ptr_array_index (self->layers, layer);
}

TnAnalysisCell *
tn_analysis_get_cell (const TnAnalysis *self, guint layer, guint scheme)
{
  g_return_val_if_fail (layer < self->layers->len && scheme < self->schemes->len, NULL);

  return &self->cells[(gsize) layer * self->schemes->len + scheme];
}

const TnScheme *
tn_analysis_get_scheme (const TnAnalysis *self, guint scheme)
{
  g_return_val_if_fail (scheme < self->schemes->len, NULL);

  return &g_array_index (self->schemes, TnScheme, scheme);
}

guint
tn_analysis_find_layer (const TnAnalysis *self, const char *name)
{
  for (guint i = 0; i < self->layers->len; i++)
    if (strcmp (tn_analysis_get_layer (self, i)->name, name) == 0)
      return i;
  return G_MAXUINT;
}

TnEstimate
tn_analysis_get_loss (const TnAnalysis *self, guint layer, guint scheme, gboolean *predicted)
{
  const TnAnalysisCell *cell = tn_analysis_get_cell (self, layer, scheme);

  if (predicted != NULL)
    *predicted = !tn_estimate_is_set (&cell->measured);
  if (tn_estimate_is_set (&cell->measured))
    return cell->measured;
  return tn_estimate_is_set (&cell->taylor) ? cell->taylor : cell->fisher;
}

const char *
tn_carrier_kind_get_name (TnCarrierKind kind)
{
  static const char *const names[] = {"input_channel", "output_channel", "token", "sample"};

  return names[kind];
}

const char *
tn_finding_kind_get_name (TnFindingKind kind)
{
  static const char *const names[] = {"outlier_inputs", "outlier_weights", "heavy_tail", "few_values", "scale_spread",
                                      "concentration",  "shifted",         "constant",   "nonfinite"};

  G_STATIC_ASSERT (G_N_ELEMENTS (names) == TN_N_FINDINGS);
  return names[kind];
}
