/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/method.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/quant/parameters-private.h"

/* Q: codes ±Q, or 0 .. Q; s: the scale; c = s Q: the clip. */
static const struct
{
  const char *name;
  const char *formula;
  const char *source;
  TnMethodFunc find;
} methods[TN_N_METHODS] = {
    [TN_METHOD_MINMAX] = {"minmax", "c = max |x|; asymmetric: [min, max]", "Jacob et al. 2018, arXiv:1712.05877",
                          tn_parameters_minmax},
    [TN_METHOD_PERCENTILE] = {"percentile", "c: that percentile of |x| (99.99; p99.9 for another)",
                              "Wu et al. 2020, arXiv:2004.09602", tn_parameters_percentile},
    [TN_METHOD_EMA] = {"ema", "[m, M]: moving averages of the batches' least and largest value",
                       "Jacob et al. 2018, arXiv:1712.05877, section 3.1", tn_parameters_ema},
    [TN_METHOD_MSE] = {"mse", "the least sum (x - s q)^2: grid, golden section, least squares",
                       "Sung et al. 2015, arXiv:1511.06488", tn_parameters_mse},
    [TN_METHOD_MSE24] = {"mse2.4", "the least sum |x - s q|^2.4", "Frantar et al. 2022 (GPTQ's grid search), arXiv:2210.17323",
                         tn_parameters_mse24},
    [TN_METHOD_KL] = {"kl", "the least KL(P || Q) over 2048 bins of |x|", "Migacz 2017, 8-bit Inference with TensorRT",
                      tn_parameters_kl},
    [TN_METHOD_ACIQ] = {"aciq", "Laplace: 2 b^2 e^(-c/b) + c^2 k least; Gauss alike; by kurtosis",
                        "Banner et al. 2018, arXiv:1810.05723", tn_parameters_aciq},
    [TN_METHOD_OCTAV] = {"octav", "c = sum |x| [|x|>c] / (k #[0<|x|<=c] + #[|x|>c]), k = 1 / 12 Q^2",
                         "Sakr et al. 2022, arXiv:2206.06501, equation 6", tn_parameters_octav},
    [TN_METHOD_OUTPUT] = {"output", "the least ||X W - Xq Wq||^2: needs calibrate --gram or --rows",
                          "Nagel et al. 2021, arXiv:2106.08295, section 3.1", NULL},
    [TN_METHOD_AUTO] = {"auto", "the best of all by --objective: mse, kl or output", "-", tn_parameters_auto},
};

static const char *const objectives[TN_N_OBJECTIVES] = {"mse", "kl", "output"};

const char *
tn_method_get_name (TnMethod method)
{
  g_return_val_if_fail (method < TN_N_METHODS, NULL);

  return methods[method].name;
}

const char *
tn_method_get_formula (TnMethod method)
{
  g_return_val_if_fail (method < TN_N_METHODS, NULL);

  return methods[method].formula;
}

const char *
tn_method_get_source (TnMethod method)
{
  g_return_val_if_fail (method < TN_N_METHODS, NULL);

  return methods[method].source;
}

TnMethodFunc
tn_method_get_func (TnMethod method)
{
  return methods[method].find;
}

gboolean
tn_method_needs_values_only (TnMethod method)
{
  return method != TN_METHOD_EMA && method != TN_METHOD_OUTPUT;
}

static gboolean
find_method (const char *name, TnMethod *method)
{
  for (guint i = 0; i < TN_N_METHODS; i++)
    if (strcmp (name, methods[i].name) == 0)
      {
        *method = (TnMethod) i;
        return TRUE;
      }
  return FALSE;
}

static void
set_unknown (const char *name, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < TN_N_METHODS; i++)
    g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", methods[i].name);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Method “%s” is not known; expected one of %s"), name, known->str);
}

gboolean
tn_method_parse (const char *name, TnMethod *method, GError **error)
{
  if (name != NULL && find_method (name, method))
    return TRUE;
  set_unknown (name != NULL ? name : "", error);
  return FALSE;
}

const char *
tn_objective_get_name (TnObjective objective)
{
  g_return_val_if_fail (objective < TN_N_OBJECTIVES, NULL);

  return objectives[objective];
}

gboolean
tn_objective_parse (const char *name, TnObjective *objective, GError **error)
{
  for (guint i = 0; i < TN_N_OBJECTIVES; i++)
    if (strcmp (name, objectives[i]) == 0)
      {
        *objective = (TnObjective) i;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("Objective “%s” is not known; expected %s, %s or %s"), name, objectives[0],
               objectives[1], objectives[2]);
  return FALSE;
}

gboolean
tn_method_options_parse (const char *name, TnMethodOptions *options, GError **error)
{
  TnMethodOptions parsed = {0};
  char *end = NULL;

  if (name[0] == 'p' && g_ascii_isdigit (name[1]))
    {
      parsed.method = TN_METHOD_PERCENTILE;
      parsed.percentile = g_ascii_strtod (name + 1, &end);
      if (*end != '\0' || !(parsed.percentile > 0.0 && parsed.percentile <= 100.0))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                       _ ("Method “%s”: percentile %s found, a number above 0 and up to 100 expected"), name, name + 1);
          return FALSE;
        }
    }
  else if (strncmp (name, "auto-", 5) == 0)
    {
      parsed.method = TN_METHOD_AUTO;
      if (!tn_objective_parse (name + 5, &parsed.objective, error))
        return FALSE;
    }
  else if (!find_method (name, &parsed.method))
    {
      set_unknown (name, error);
      return FALSE;
    }
  *options = parsed;
  return TRUE;
}

char *
tn_method_options_to_string (const TnMethodOptions *options)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (options->method == TN_METHOD_PERCENTILE && options->percentile != 0.0 &&
      options->percentile != TN_METHOD_DEFAULT_PERCENTILE)
    return g_strconcat ("p", g_ascii_formatd (buffer, sizeof buffer, "%.10g", options->percentile), NULL);
  if (options->method == TN_METHOD_AUTO && options->objective != TN_OBJECTIVE_MSE)
    return g_strconcat ("auto-", objectives[options->objective], NULL);
  return g_strdup (methods[options->method].name);
}

char *
tn_method_describe_all (void)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < TN_N_METHODS; i++)
    g_string_append_printf (text, "  %-11s %s  [%s]\n", methods[i].name, methods[i].formula, methods[i].source);
  return g_string_free (text, FALSE);
}
