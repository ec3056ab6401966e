/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/analyze-layer.h"
#include "app/programs/ternion/analyze-mitigate.h"
#include "app/programs/ternion/analyze-run.h"
#include "app/programs/ternion/command.h"
#include "app/tasks/analysis-figures.h"
#include "app/tasks/analyze.h"
#include "data/analysis/analysis-file.h"
#include "engine/error.h"

#define DEFAULT_TOP 20
#define NOT_GIVEN G_MININT

/* What the command line gave. */
typedef struct
{
  TnAnalyzeOptions *options;
  int seq_len, samples, measure_samples, error_samples, probes, check_plans, top;
  char *measure, *run;
} Arguments;

static char *
format_db (double value)
{
  return isnan (value) ? g_strdup ("–") : isinf (value) ? g_strdup (_ ("exact")) : g_strdup_printf ("%.2f", value);
}

static char *
format_loss (const TnEstimate *estimate)
{
  if (!tn_estimate_is_set (estimate))
    return g_strdup ("–");
  if (isnan (estimate->low))
    return g_strdup_printf ("%+.5f", estimate->value);
  return g_strdup_printf ("%+.5f ± %.5f", estimate->value, 0.5 * (estimate->high - estimate->low));
}

static void
print_pair (const TnAnalysis *analysis, const TnRankedPair *pair, int name_width)
{
  const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, pair->layer, pair->scheme);
  g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (analysis, pair->scheme));
  g_autofree char *weight = format_db (cell->weight.sqnr_db), *alone = format_db (cell->alone.sqnr_db),
                  *through = format_db (cell->accumulated.sqnr_db), *loss = format_loss (&pair->loss);

  g_print ("%-*s %-12s %5.2f %8s %8s %8s  %-22s %s\n", name_width, tn_analysis_get_layer (analysis, pair->layer)->name, scheme,
           cell->bits, weight, alone, through, loss,
           !tn_estimate_is_set (&pair->loss) ? ""
           : pair->predicted                 ? _ ("predicted")
           : cell->stopped                   ? _ ("measured, rank certain")
                                             : _ ("measured"));
}

static GArray *
rank (const TnAnalysis *analysis)
{
  GArray *pairs = tn_analysis_rank (analysis);

  if (pairs->len > 0)
    return pairs;
  g_array_unref (pairs);
  return tn_analysis_rank_by_error (analysis);
}

static void
print_ranking (const TnAnalysis *analysis, guint top)
{
  g_autoptr (GArray) pairs = rank (analysis);
  int name_width = (int) g_utf8_strlen (_ ("layer"), -1);

  for (guint i = 0; i < pairs->len && i < top; i++)
    name_width = MAX (name_width, (int) strlen (tn_analysis_get_layer (analysis, g_array_index (pairs, TnRankedPair, i).layer)->name));
  g_print ("%-*s %-12s %5s %8s %8s %8s  %-22s\n", name_width, _ ("layer"), _ ("scheme"), _ ("bits"), _ ("weights"), _ ("output"),
           _ ("through"), _ ("change of the loss"));
  for (guint i = 0; i < pairs->len && i < top; i++)
    print_pair (analysis, &g_array_index (pairs, TnRankedPair, i), name_width);
  if (pairs->len > top)
    g_print (_ ("… %u more: --top 0 shows all\n"), pairs->len - top);
}

static void
print_agreement (const char *name, const TnRankAgreement *agreement)
{
  if (isnan (agreement->spearman))
    return;
  if (isnan (agreement->spearman_low))
    g_print (_ ("%s: rank correlation with what was measured %.2f, Kendall %.2f, %u pairs\n"), name, agreement->spearman,
             agreement->kendall, agreement->n);
  else
    g_print (_ ("%s: rank correlation with what was measured %.2f (%.2f … %.2f), Kendall %.2f, %u pairs\n"), name,
             agreement->spearman, agreement->spearman_low, agreement->spearman_high, agreement->kendall, agreement->n);
}

static void
print_checks (const TnAnalysis *analysis)
{
  for (guint i = 0; i < analysis->checks->len; i++)
    {
      const TnPlanCheck *check = g_ptr_array_index (analysis->checks, i);
      const TnEstimate sum = {.value = check->predicted, .low = (double) NAN};
      g_autofree char *predicted = format_loss (&sum), *measured = format_loss (&check->measured),
                      *ratio = format_db (tn_plan_check_get_ratio (check));

      if (i == 0)
        g_print (_ ("\nWhole plans. Predicted is the sum over layers, each measurement drawn towards its score as `ternion plan` does; "
                    "measured is the plan itself.\n%-28s %6s %12s  %-22s  %s\n"),
                 _ ("plan"), _ ("bits"), _ ("predicted"), _ ("measured"), _ ("measured / predicted"));
      g_print ("%-28s %6.2f %12s  %-22s  %s\n", check->title, check->bits, predicted, measured, ratio);
    }
}

static void
print_text (const TnAnalysis *analysis, guint top)
{
  g_print (_ ("%s on %s: %u layers, %u schemes"), analysis->model_name, analysis->data_name, analysis->layers->len,
           analysis->schemes->len);
  if (tn_estimate_is_set (&analysis->loss))
    g_print (_ (", loss %.5f nats a token"), analysis->loss.value);
  g_print (_ ("; %.1f s\n"), analysis->seconds);
  g_print (_ (
      "SQNR in dB: of the weights, of the output with an exact input, of the output through all layers in the scheme. Change of "
      "the loss in nats a token with this layer alone rounded, 95 %% interval; as it was measured, which ternion plan draws "
      "towards the score.\n\n"));
  print_ranking (analysis, top > 0 ? top : G_MAXUINT);
  g_print ("\n");
  print_agreement (_ ("Fisher score"), &analysis->fisher_agreement);
  print_agreement (_ ("Taylor score"), &analysis->taylor_agreement);
  print_agreement (_ ("Hessian trace"), &analysis->hessian_agreement);
  print_checks (analysis);
}

static gboolean
parse_measure (const char *text, guint *measure, GError **error)
{
  guint64 value;

  if (text == NULL)
    return TRUE;
  if (strcmp (text, "all") == 0)
    *measure = TN_ANALYZE_ALL;
  else if (strcmp (text, "none") == 0)
    *measure = 0;
  else if (g_ascii_string_to_unsigned (text, 10, 0, 1000000, &value, NULL))
    *measure = (guint) value;
  else
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--measure: “%s” is not all, none or a number of pairs"), text);
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_count (int value, const char *flag, int least, guint *out, GError **error)
{
  if (value >= least && value <= 1000000)
    {
      *out = (guint) value;
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: %d, expected a number from %d to 1000000"), flag, value, least);
  return FALSE;
}

/* Over the checkpoints of a run, in place of one model. */
static gboolean
is_trend (const Arguments *arguments, const TnCommand *command)
{
  return arguments->run != NULL || tn_arguments_are_checkpoints (command->arguments);
}

static gboolean
take_arguments (Arguments *arguments, const TnCommand *command, GError **error)
{
  TnAnalyzeOptions *options = arguments->options;
  guint top;

  if (arguments->run == NULL)
    options->model_path = g_strdup (command->arguments[0]);
  options->tokenizer_path = g_strdup (command->tokenizer);
  if (command->seed_text != NULL)
    options->seed = (guint64) command->seed;
  return take_count (arguments->seq_len, "--seq-len", 2, &options->seq_len, error) &&
         take_count (arguments->samples, "--samples", 0, &options->score_samples, error) &&
         take_count (arguments->measure_samples, "--measure-samples", 1, &options->measure_samples, error) &&
         take_count (arguments->error_samples, "--error-samples", 0, &options->error_samples, error) &&
         take_count (arguments->probes, "--hessian", 0, &options->hessian_probes, error) &&
         (arguments->check_plans == NOT_GIVEN ||
          take_count (arguments->check_plans, "--check-plans", 0, &options->check_plans, error)) &&
         take_count (arguments->top, "--top", 0, &top, error) && parse_measure (arguments->measure, &options->measure, error) &&
         (is_trend (arguments, command) || tn_analyze_check (options, error));
}

/* Of what runs over checkpoints. */
static TnAnalyzeRunOptions *
make_run_options (const Arguments *arguments, const TnCommand *command, TnAnalyzeOptions *options)
{
  TnAnalyzeRunOptions *run = tn_analyze_run_options_new (options);

  run->run = g_strdup (arguments->run);
  if (run->run == NULL)
    run->checkpoints = g_strdupv (command->arguments);
  return run;
}

/* NULL: the arguments fit. */
static const char *
find_misuse (const Arguments *arguments, const TnCommand *command, const TnMitigateFlags *mitigate)
{
  if (arguments->run != NULL && command->n_arguments > 0)
    return _ ("--run names what is analyzed: no MODEL and no checkpoint goes with it");
  if (arguments->run == NULL && command->n_arguments == 0)
    return _ ("a MODEL is missing, or --run RUN");
  if (command->n_arguments > 1 && !tn_arguments_are_checkpoints (command->arguments))
    return _ ("one MODEL, or several checkpoints of a training run, such as step-00000100.checkpoint.safetensors");
  if (is_trend (arguments, command) && (mitigate->wanted || arguments->options->layer != NULL))
    return _ ("--mitigate and --layer are for one MODEL, not for the checkpoints of a run");
  return NULL;
}

TnExitStatus
tn_verb_analyze (int argc, char **argv)
{
  g_auto (TnCommand) command = {NULL};
  g_autoptr (TnAnalyzeOptions) options = tn_analyze_options_new ();
  Arguments arguments = {
      .options = options,
      .seq_len = (int) options->seq_len,
      .samples = (int) options->score_samples,
      .measure_samples = (int) options->measure_samples,
      .error_samples = (int) options->error_samples,
      .check_plans = NOT_GIVEN,
      .top = DEFAULT_TOP,
  };
  g_auto (TnMitigateFlags) mitigate = {0};
  g_autofree char *measure = NULL, *run = NULL, *layer = NULL;
  const char *misuse;
  const GOptionEntry entries[] = {
      {"data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->data,
       N_ ("Text, JSON lines, CSV, tokens (.bin, npy, npz): file, directory, pattern or - for standard input; may be repeated"),
       N_ ("PATH")},
      {"data-format", 0, 0, G_OPTION_ARG_STRING, &options->format.format,
       N_ ("text, jsonl, csv, tokens or npy (by name and content)"), N_ ("NAME")},
      {"field", 0, 0, G_OPTION_ARG_STRING, &options->format.field,
       N_ ("Field of JSON lines or column of CSV that holds the text (text)"), N_ ("NAME")},
      {"run", 0, 0, G_OPTION_ARG_STRING, &run,
       N_ ("In place of MODEL: a run of ternion train, its number or folder; every checkpoint of it is analyzed, on its own data without --data"),
       N_ ("RUN")},
      {"stats", 0, 0, G_OPTION_ARG_FILENAME, &options->stats_path,
       N_ ("Statistics of the activations: for fixed scales, and to tell outlier channels from all of the data"), N_ ("STATS")},
      {"schemes", 0, 0, G_OPTION_ARG_STRING, &options->schemes, N_ ("Schemes to compare (ternary,int3:g32,int4:g32,int8:c)"),
       N_ ("LIST")},
      {"activations", 0, 0, G_OPTION_ARG_STRING, &options->activations,
       N_ ("Round the input of the layers too, such as int8:t (as the model has them)"), N_ ("SCHEME")},
      {"method", 0, 0, G_OPTION_ARG_STRING, &options->method, N_ ("How fixed scales of --activations are found (mse)"),
       N_ ("METHOD")},
      {"seq-len", 0, 0, G_OPTION_ARG_INT, &arguments.seq_len, N_ ("Tokens a sample (256)"), "N"},
      {"samples", 0, 0, G_OPTION_ARG_INT, &arguments.samples, N_ ("Samples that scores come from; 0: no scores (16)"), "N"},
      {"measure", 0, 0, G_OPTION_ARG_STRING, &measure,
       N_ ("Pairs of layer and scheme whose loss is measured, those with the highest scores: a number, all or none (10)"), "N"},
      {"measure-samples", 0, 0, G_OPTION_ARG_INT, &arguments.measure_samples, N_ ("Samples they are measured on (8)"), "N"},
      {"exhaustive", 0, 0, G_OPTION_ARG_NONE, &options->exhaustive,
       N_ ("Measure every pair on every sample, also where its place in the ranking is certain"), NULL},
      {"check-plans", 0, 0, G_OPTION_ARG_INT, &arguments.check_plans,
       N_ ("Whole plans to measure beside each scheme in all layers, to see whether losses add up; 0: none at all (3 where most pairs "
           "were measured, else 0)"),
       "N"},
      {"error-samples", 0, 0, G_OPTION_ARG_INT, &arguments.error_samples,
       N_ ("Samples that errors of outputs are measured on; 0: none (2)"), "N"},
      {"hessian", 0, 0, G_OPTION_ARG_INT, &arguments.probes,
       N_ ("Random directions for the trace of the Hessian; 0: not estimated (0)"), "N"},
      {"layer", 0, 0, G_OPTION_ARG_STRING, &options->layer,
       N_ ("Print all about this layer, such as blk.3.ffn_down.weight: parts of its error, why it fails, what carries it"),
       N_ ("NAME")},
      {"carriers", 0, 0, G_OPTION_ARG_STRING, &options->carriers,
       N_ ("Scheme whose errors are traced to channels, tokens and samples (the first of --schemes)"), N_ ("SCHEME")},
      {"top", 0, 0, G_OPTION_ARG_INT, &arguments.top, N_ ("Pairs to print, the worst first; 0: all (20)"), "N"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &options->out_path, N_ ("Write the analysis to this file"), N_ ("ANALYSIS")},
      {"mitigate", 0, 0, G_OPTION_ARG_NONE, &mitigate.wanted,
       N_ ("Do something about it: try what makes rounding to --scheme lose less, layer by layer, and keep what wins on other data"), NULL},
      {"scheme", 0, 0, G_OPTION_ARG_STRING, &mitigate.scheme, N_ ("With --mitigate: what the weights are rounded to"), N_ ("SCHEME")},
      {"only", 0, 0, G_OPTION_ARG_STRING, &mitigate.only,
       N_ ("With --mitigate: what is tried, of rotate, smooth, scale, gptq, compensate (all)"), N_ ("LIST")},
      {"budget", 0, 0, G_OPTION_ARG_STRING, &mitigate.budget,
       N_ ("With --mitigate: time after which the layers that are left are rounded plainly, such as 60s (none)"), N_ ("TIME")},
      {"fit-samples", 0, 0, G_OPTION_ARG_INT, &mitigate.fit_samples,
       N_ ("With --mitigate: samples that weights are fitted on; a quarter as many choose, half as many check (64)"), "N"},
      {"held-out", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &mitigate.held_out,
       N_ ("With --mitigate: data to check on as ternion eval does, every window; may be repeated"), N_ ("PATH")},
      {"write", 0, 0, G_OPTION_ARG_FILENAME, &mitigate.write,
       N_ ("With --mitigate: write the mitigated model into this folder, and its plan beside it as FOLDER.plan"), N_ ("FOLDER")},
      {NULL},
  };
  TnAnalysis *result = NULL;
  g_autoptr (TnAnalysis) analysis = NULL;
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "analyze", _ ("MODEL --data PATH… | --run RUN | CHECKPOINT…"),
                         _ ("which layer is bad under which scheme, and why"), entries, 0, G_MAXUINT, &status))
    return status;
  arguments.measure = measure;
  arguments.run = run;
  misuse = find_misuse (&arguments, &command, &mitigate);
  if (misuse != NULL)
    return tn_command_usage_error (&command, "%s", misuse);
  if (!tn_mitigate_flags_check (&mitigate, &error) || !take_arguments (&arguments, &command, &error))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if (is_trend (&arguments, &command))
    return tn_run_analyze_run (&command, make_run_options (&arguments, &command, g_steal_pointer (&options)), (guint) arguments.top);
  if (mitigate.wanted)
    return tn_run_mitigate (&command, &mitigate, g_steal_pointer (&options));
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  layer = g_strdup (options->layer);
  job = tn_analyze_job_new (g_steal_pointer (&options), command.workspace, &result);
  if (!tn_command_run_job (&command, job, &error))
    return tn_command_fail (&command, error);
  analysis = result;
  if (command.json)
    {
      g_autofree char *text = tn_analysis_print (analysis);

      g_print ("%s", text);
    }
  else if (layer != NULL)
    tn_print_analyzed_layer (analysis, tn_analysis_find_layer (analysis, layer));
  else
    print_text (analysis, (guint) arguments.top);
  return tn_command_finish (&command);
}
