/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/gradient-check.h"

#include <math.h>
#include <string.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/error.h"
#include "engine/random.h"

typedef struct
{
  TnTape *tape;
  TnValue *loss;
  TnVariable *weights;
} Recording;

static void
recording_clear (Recording *self)
{
  g_clear_pointer (&self->tape, tn_tape_free);
  g_clear_pointer (&self->weights, tn_variable_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Recording, recording_clear)

static TnVariable *
make_weights (const TnShape *shape, GError **error)
{
  TnVariable *weights = tn_variable_new ("weights of the check", TN_ROLE_MATRIX, TN_DTYPE_F64, shape, error);
  TnRandom random = tn_random_stream (7, "gradient-check");

  if (weights == NULL || !tn_variable_set_trained (weights, FALSE, error))
    return weights;
  for (gsize i = 0; i < weights->count; i++)
    ((double *) weights->data)[i] = tn_random_uniform (&random) * 2.0 - 1.0;
  return weights;
}

static gboolean
record (Recording *self, TnGradientCheckFunc func, TnVariable *const *variables, gpointer user_data, TnGradientFunc gradient_func,
        gpointer gradient_data, GError **error)
{
  TnValue *value;

  self->tape = tn_tape_new (TN_DTYPE_F64, TRUE);
  tn_tape_set_gradient_func (self->tape, gradient_func, gradient_data);
  value = func (self->tape, variables, user_data);
  if (value != NULL)
    {
      self->weights = make_weights (&tn_value_get_info (value)->shape, error);
      if (self->weights == NULL)
        return FALSE;
      self->loss = tn_tape_sum (self->tape, tn_tape_multiply (self->tape, value, tn_tape_variable (self->tape, self->weights)));
    }
  return tn_tape_plan (self->tape, self->loss, error) && tn_tape_allocate (self->tape, error);
}

static gboolean
run_forward (const Recording *self, double *loss, GError **error)
{
  if (!tn_tape_forward (self->tape, NULL, error))
    return FALSE;
  *loss = *(const double *) tn_value_get_data (self->loss);
  return TRUE;
}

static gboolean
compare_element (const Recording *self, TnVariable *const *variables, guint v, gsize i, double scale, TnGradientCheck *result,
                 GError **error)
{
  double *x = &((double *) variables[v]->data)[i], old = *x, step = 1e-5 * fmax (1.0, fabs (old)), above, below, width;
  double analytic = ((const double *) variables[v]->gradient)[i], numeric, difference;

  *x = old + step;
  width = *x;
  if (!run_forward (self, &above, error))
    return FALSE;
  *x = old - step;
  width -= *x;
  if (!run_forward (self, &below, error))
    return FALSE;
  *x = old;
  numeric = (above - below) / width;
  difference = fabs (analytic - numeric) / fmax (scale, 1e-30);
  if (!(difference <= result->worst))
    *result = (TnGradientCheck){.worst = difference, .variable = v, .element = i, .analytic = analytic, .numeric = numeric};
  return TRUE;
}

static gboolean
compare_variable (const Recording *self, TnVariable *const *variables, guint v, TnGradientCheck *result, GError **error)
{
  double scale = 1e-3;

  for (gsize i = 0; i < variables[v]->count; i++)
    scale = fmax (scale, fabs (((const double *) variables[v]->gradient)[i]));
  for (gsize i = 0; i < variables[v]->count; i++)
    if (!compare_element (self, variables, v, i, scale, result, error))
      return FALSE;
  return TRUE;
}

/* The released gradients, beside those that were kept. */
typedef struct
{
  TnVariable *const *variables;
  double **kept;
  guint n, n_seen;
  gboolean equal;
} Released;

static void
compare_released (TnVariable *variable, void *gradient, gpointer user_data)
{
  Released *self = user_data;

  for (guint v = 0; v < self->n; v++)
    if (self->variables[v] == variable)
      {
        self->equal &= variable->count == 0 || memcmp (gradient, self->kept[v], variable->count * sizeof (double)) == 0;
        self->n_seen++;
      }
}

static gboolean
check_released (TnGradientCheckFunc func, TnVariable *const *variables, guint n, gpointer user_data, double **kept,
                GError **error)
{
  Released released = {.variables = variables, .kept = kept, .n = n, .equal = TRUE};
  g_auto (Recording) recording = {NULL};
  gboolean ok;
  double loss;
  guint n_trained = 0;

  for (guint v = 0; v < n; v++)
    {
      n_trained += variables[v]->trained;
      tn_variable_drop_gradient (variables[v]);
    }
  ok = record (&recording, func, variables, user_data, compare_released, &released, error) &&
       run_forward (&recording, &loss, error) && tn_tape_backward (recording.tape, 1.0, FALSE, NULL, error);
  for (guint v = 0; v < n; v++)
    if (variables[v]->trained && !tn_variable_set_trained (variables[v], TRUE, ok ? error : NULL))
      return FALSE;
  if (ok && (!released.equal || released.n_seen != n_trained))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, "released gradients: %u of %u came, %s", released.n_seen, n_trained,
                   released.equal ? "equal to those kept" : "unlike those kept");
      return FALSE;
    }
  return ok;
}

static gboolean
check_accumulated (const Recording *recording, TnVariable *const *variables, guint n, double **kept, GError **error)
{
  if (!tn_tape_backward (recording->tape, 1.0, TRUE, NULL, error))
    return FALSE;
  for (guint v = 0; v < n; v++)
    for (gsize i = 0; variables[v]->trained && i < variables[v]->count; i++)
      {
        double twice = ((const double *) variables[v]->gradient)[i];

        if (fabs (twice - 2.0 * kept[v][i]) > 1e-12 * fmax (1.0, fabs (twice)))
          {
            g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, "%s[%zu]: %g accumulated twice is %g", variables[v]->name, i,
                         kept[v][i], twice);
            return FALSE;
          }
      }
  return TRUE;
}

gboolean
tn_gradient_check (TnGradientCheckFunc func, TnVariable *const *variables, guint n, gpointer user_data, TnGradientCheck *result,
                   GError **error)
{
  g_auto (Recording) recording = {NULL};
  double **kept;
  double loss;
  gboolean ok;

  *result = (TnGradientCheck){.worst = 0.0};
  for (guint v = 0; v < n; v++)
    tn_variable_clear_gradient (variables[v]);
  if (!record (&recording, func, variables, user_data, NULL, NULL, error) || !run_forward (&recording, &loss, error) ||
      !tn_tape_backward (recording.tape, 1.0, FALSE, NULL, error))
    return FALSE;
  for (guint v = 0; v < n; v++)
    if (variables[v]->trained && !compare_variable (&recording, variables, v, result, error))
      return FALSE;
  kept = g_new0 (double *, n);
  for (guint v = 0; v < n; v++)
    kept[v] = variables[v]->trained ? g_memdup2 (variables[v]->gradient, variables[v]->count * sizeof (double)) : NULL;
  ok = run_forward (&recording, &loss, error) && check_accumulated (&recording, variables, n, kept, error) &&
       check_released (func, variables, n, user_data, kept, error);
  for (guint v = 0; v < n; v++)
    g_free (kept[v]);
  g_free (kept);
  return ok;
}
