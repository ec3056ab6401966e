/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/step-moments.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/inverse-factor.h"
#include "engine/analysis/mitigation/wide-vector.h"
#include "engine/device/device.h"
#include "engine/error.h"

/* What one forward pass leaves of a site. */
typedef struct
{
  const char *site, *residual_site;
  double *x, *residual; /* [n_tokens, width]; residual NULL: not wanted */
  guint left;
  GCancellable *stop; /* nothing more is wanted of this pass */
} Recording;

static void
copy_rows (const float *x, gsize n, double *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = (double) x[i];
}

static void
record_site (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Recording *self = user_data;

  if (strcmp (site->name, self->site) == 0)
    copy_rows (x, batch->n_tokens * site->width, self->x);
  else if (self->residual != NULL && strcmp (site->name, self->residual_site) == 0)
    copy_rows (x, batch->n_tokens * site->width, self->residual);
  else
    return;
  if (--self->left == 0)
    g_cancellable_cancel (self->stop);
}

static gboolean
record (TnModel *model, const TnBatch *batch, Recording *self, GError **error)
{
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  TnForwardOptions options = {.kinds = (TnSiteKind) (TN_SITE_INPUT | (self->residual != NULL ? TN_SITE_RESIDUAL : 0)),
                              .observe = record_site,
                              .user_data = self,
                              .cancellable = stop};
  g_autoptr (GError) local = NULL;

  self->left = self->residual != NULL ? 2 : 1;
  self->stop = stop;
  if (tn_model_forward (model, batch, &options, NULL, NULL, NULL, &local) ||
      (self->left == 0 && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* out [a_width, b_width] += a^T b over n rows, each element in the order of the rows. */
static void
add_products (const double *a, gsize a_width, const double *b, gsize b_width, gsize n, double *out)
{
#pragma omp parallel for schedule(static)
  for (gsize i = 0; i < a_width; i++)
    for (gsize t = 0; t < n; t++)
      tn_add_scaled (a[t * a_width + i], b + t * b_width, b_width, out + i * b_width);
}

typedef struct
{
  TnStepMoments *moments;
  TnModel *model, *rounded;
  const char *site, *residual_site;
  const TnBatch *batch;
  gboolean ok;
  GError *error;
} BatchCall;

static void
add_batch (gpointer user_data)
{
  BatchCall *call = user_data;
  TnStepMoments *self = call->moments;
  gsize n = call->batch->n_tokens, width = self->width, residual_width = call->residual_site != NULL ? self->residual_width : 0;
  g_autoptr (TnBlock) memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, MAX (n, 1),
                                                    2 * (width + residual_width) * sizeof (double), &call->error);
  Recording exact = {.site = call->site, .residual_site = call->residual_site}, rounded = exact;

  if (memory == NULL)
    return;
  exact.x = (double *) memory;
  rounded.x = exact.x + n * width;
  exact.residual = residual_width > 0 ? rounded.x + n * width : NULL;
  rounded.residual = residual_width > 0 ? exact.residual + n * residual_width : NULL;
  if (!record (call->model, call->batch, &exact, &call->error) || !record (call->rounded, call->batch, &rounded, &call->error))
    return;
  add_products (rounded.x, width, rounded.x, width, n, self->gram);
  add_products (exact.x, width, rounded.x, width, n, self->cross);
  for (gsize i = 0; i < n * residual_width; i++)
    exact.residual[i] -= rounded.residual[i];
  if (residual_width > 0)
    add_products (exact.residual, residual_width, rounded.x, width, n, self->residual);
  self->n_tokens += n;
  call->ok = TRUE;
}

static gboolean
check_finite (const TnStepMoments *self, const char *site, GError **error)
{
  for (gsize i = 0; i < self->width * self->width; i++)
    if (!isfinite (self->gram[i]) || !isfinite (self->cross[i]))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: calibration saw an input that is not finite"), site);
        return FALSE;
      }
  return TRUE;
}

gboolean
tn_step_moments_collect (TnStepMoments *self, TnModel *model, TnModel *rounded, const char *site, const char *residual_site,
                         GPtrArray *batches, GCancellable *cancellable, GError **error)
{
  gint index = tn_model_find_site (model, site);

  g_return_val_if_fail (index >= 0, FALSE);

  *self = (TnStepMoments){.width = tn_model_get_site (model, (guint) index)->width,
                          .residual_width = tn_model_get_config (model)->n_embd};
  self->gram = g_new0 (double, self->width * self->width);
  self->cross = g_new0 (double, self->width * self->width);
  if (residual_site != NULL)
    self->residual = g_new0 (double, self->residual_width * self->width);
  for (guint i = 0; i < batches->len; i++)
    {
      BatchCall call = {self, model, rounded, site, residual_site, g_ptr_array_index (batches, i), FALSE, NULL};

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      tn_compute_run (add_batch, &call);
      if (call.ok)
        continue;
      g_propagate_error (error, call.error);
      return FALSE;
    }
  return check_finite (self, site, error);
}

void
tn_step_moments_clear (TnStepMoments *self)
{
  g_clear_pointer (&self->gram, g_free);
  g_clear_pointer (&self->cross, g_free);
  g_clear_pointer (&self->residual, g_free);
}

gboolean
tn_step_moments_make_target (const TnStepMoments *self, const float *weight, gsize rows, TnResidualPlace residual, double damping,
                             float *target, GError **error)
{
  gsize n = self->width;
  g_autofree double *factor = g_new (double, n *n);
  TnInverseFactorReport report;

  g_return_val_if_fail (residual == TN_RESIDUAL_NONE || (self->residual != NULL && rows == self->residual_width), FALSE);

  if (!tn_inverse_factor (self->gram, n, damping, factor, &report, error))
    return FALSE;
#pragma omp parallel
  {
    g_autofree double *missing = g_new (double, 3 * n);
    double *product = missing + n, *change = missing + 2 * n;

#pragma omp for schedule(dynamic, 8)
    for (gsize row = 0; row < rows; row++)
      {
        const float *w = weight + row * n;

        memset (missing, 0, 3 * n * sizeof *missing);
        for (gsize i = 0; i < n && residual != TN_RESIDUAL_BEHIND; i++)
          {
            tn_add_scaled ((double) w[i], self->cross + i * n, n, missing);
            tn_add_scaled (-(double) w[i], self->gram + i * n, n, missing);
          }
        if (residual != TN_RESIDUAL_NONE)
          tn_add_scaled (1.0, self->residual + row * n, n, missing);
        for (gsize i = 0; i < n; i++)
          product[i] = tn_dot_product (factor + i * n, missing, n);
        for (gsize i = 0; i < n; i++)
          tn_add_scaled (product[i], factor + i * n, n, change);
        for (gsize i = 0; i < n; i++)
          target[row * n + i] = (float) ((double) w[i] + change[i]);
      }
  }
  return TRUE;
}
