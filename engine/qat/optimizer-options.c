/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/qat/optimizer.h"

#define MUON_OTHERS 0.05
#define MOST_NEWTON_SCHULZ_STEPS 20

static const char *const names[] = {"sgd", "adam", "adamw", "adamw8", "muon", NULL};

const char *
tn_optimizer_method_get_name (TnOptimizerMethod method)
{
  return names[method];
}

gboolean
tn_optimizer_method_parse (const char *name, TnOptimizerMethod *method, GError **error)
{
  g_autofree char *all = NULL;

  for (guint i = 0; i < TN_N_OPTIMIZERS; i++)
    if (strcmp (name, names[i]) == 0)
      {
        *method = (TnOptimizerMethod) i;
        return TRUE;
      }
  all = g_strjoinv (", ", (char **) names);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("unknown optimizer “%s”; there are: %s"), name, all);
  return FALSE;
}

void
tn_optimizer_options_init (TnOptimizerOptions *self, TnOptimizerMethod method)
{
  gboolean muon = method == TN_OPTIMIZER_MUON;

  *self = (TnOptimizerOptions){
      .method = method,
      .momentum = muon ? 0.95 : 0.9,
      .nesterov = muon,
      .beta1 = 0.9,
      .beta2 = 0.95,
      .epsilon = 1e-8,
      .weight_decay = method == TN_OPTIMIZER_SGD || method == TN_OPTIMIZER_ADAM ? 0.0 : 0.1,
      .newton_schulz_steps = 5,
      .least_8bit = 4096,
  };
  for (guint role = 0; role < TN_N_ROLES; role++)
    self->groups[role] = (TnOptimizerGroup){
        .rate_factor = muon && role != TN_ROLE_MATRIX ? MUON_OTHERS : 1.0,
        .decays = role == TN_ROLE_MATRIX || role == TN_ROLE_EMBEDDING || role == TN_ROLE_HEAD,
    };
}

static gboolean
check (const char *field, double value, gboolean fits, const char *expected, GError **error)
{
  if (!fits)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s = %g: %s was expected"), field, value, expected);
  return fits;
}

static gboolean
check_share (const char *field, double value, GError **error)
{
  return check (field, value, value >= 0.0 && value < 1.0, _ ("a number from 0 to less than 1"), error);
}

gboolean
tn_optimizer_options_check (const TnOptimizerOptions *self, GError **error)
{
  const char *not_negative = _ ("a number of 0 or more");

  if (!check_share ("momentum", self->momentum, error) || !check_share ("beta1", self->beta1, error) ||
      !check_share ("beta2", self->beta2, error) ||
      !check ("epsilon", self->epsilon, self->epsilon > 0.0 && self->epsilon <= 1.0, _ ("a number above 0 and at most 1"),
              error) ||
      !check ("weight_decay", self->weight_decay, self->weight_decay >= 0.0 && isfinite (self->weight_decay), not_negative,
              error) ||
      !check ("newton_schulz_steps", self->newton_schulz_steps,
              self->newton_schulz_steps >= 1 && self->newton_schulz_steps <= MOST_NEWTON_SCHULZ_STEPS,
              _ ("a whole number from 1 to 20"), error))
    return FALSE;
  for (guint role = 0; role < TN_N_ROLES; role++)
    {
      double factor = self->groups[role].rate_factor;
      g_autofree char *field = g_strdup_printf ("rate_factor of %s", tn_role_get_name ((TnRole) role));

      if (!check (field, factor, factor >= 0.0 && isfinite (factor), not_negative, error))
        return FALSE;
    }
  return TRUE;
}
