/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "app/tasks/option-table.h"
#include "data/datasets/dataset.h"
#include "engine/nn/site.h"

G_BEGIN_DECLS

/* What is used as a range of a site. */
typedef enum { TN_RANGES_TENSOR, TN_RANGES_CHANNEL } TnRanges;

/* Everything that can be set about a calibration. A command line and a key file (--config) fill it in by the same table, so that a key is named as
 * its flag and checked as it. */
typedef struct
{
  /* [model] */
  char             *model_path;
  char             *tokenizer_path; /* or NULL */
  TnSiteKind        kinds;
  /* [data] */
  char            **data_paths;     /* NULL-terminated */
  TnDatasetOptions  data;           /* owned strings */
  char            **tensor_paths;   /* recorded activations instead of a model and data; NULL: none */
  guint             workers;        /* batches that are read ahead; 0: none */
  /* [sample] */
  TnSamplingOptions sampling;
  char             *indices_path;   /* list of the records to take; or NULL */
  char             *weights_path;   /* importance: list of sizes, a record each; NULL: the model's loss is the size */
  guint             candidates;     /* importance by loss: records that the model is asked about; 0: four times the samples */
  char             *reference;      /* what the sample is compared with: a number of sequences, or a statistics file; NULL: nothing */
  /* [statistics] */
  GArray           *percentiles;    /* of double, ascending, 0 to 100 */
  char             *outlier_rule;   /* name of the rule */
  TnRanges          ranges;
  double            ema_decay;      /* in (0, 1); moving ranges are kept only when it was given, for they do not merge */
  char             *channel_histograms; /* sites whose channels get histograms, with commas between, or "all"; NULL: none */
  char             *gram;           /* sites whose Gram matrix is kept, a list of names and patterns, or "all"; NULL: none */
  guint             rows;           /* of the input of every site that are kept */
  /* [run] */
  char             *out_path;       /* statistics file; NULL: beside the workspace */
  guint64           memory_limit;   /* bytes, 0 none; whoever starts the job sets the pool's budget, the job keeps to that */
  double            time_limit;     /* seconds, 0 none */
  double            tolerance;      /* of the stop rule: half-width of the interval over the value; 0: no stop rule */
  double            confidence;     /* of the stop rule, in (0, 1) */
  double            checkpoint_seconds; /* between checkpoints, 0 none (app/tasks/calibrate-checkpoint.h) */

  /* How this one run goes about it; not in the table. */
  gboolean          resume;         /* goes on from the checkpoint beside the output, where there is one */
  gboolean          no_cache;       /* computes what earlier statistics in the workspace hold already */

  guint64           given[TN_OPTION_GIVEN_WORDS]; /* a bit for each option of the table that was set by name */
} TnCalibrateOptions;

TnCalibrateOptions *tn_calibrate_options_new  (void); /* defaults: 128 samples of 512 tokens (or the context), batch 8, random, seed 0, inputs of linear layers */
TnCalibrateOptions *tn_calibrate_options_copy (const TnCalibrateOptions *self);
void                tn_calibrate_options_free (TnCalibrateOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCalibrateOptions, tn_calibrate_options_free)

/* NULL behind the last one. */
const TnOption *tn_calibrate_option_get (guint index);

/* Sets one option. values: NULL-terminated, one unless it is a list. TN_ERROR_ARGUMENT: "ORIGIN: “VALUE” is not …"; self is untouched then. */
gboolean tn_calibrate_options_set   (TnCalibrateOptions *self, const char *origin, const char *name, const char *const *values, GError **error);
/* Reads a key file over what is set; what it does not name stays. An error names the file, the line and the key or group: unknown, in the wrong
 * group, twice there, or with a wrong value. Relative paths are taken from the working directory, as on the command line. */
gboolean tn_calibrate_options_load  (TnCalibrateOptions *self, const char *path, GError **error);
/* All that is set, as such a key file; free with g_free(). Loading it gives the same options again. */
char    *tn_calibrate_options_print (const TnCalibrateOptions *self);
/* Whether the option was set by name, on the command line or in a key file. */
gboolean tn_calibrate_options_is_given (const TnCalibrateOptions *self, const char *name);
/* Sequences that --reference asks for; 0: it names a file, or is not there. */
guint    tn_calibrate_options_get_reference_count (const TnCalibrateOptions *self);
/* How narrow an interval has to be, over its value, for a number to count as settled: the tolerance of the run's stop rule; without a rule, and for
 * NULL (statistics whose run is not known), that of --stop-when-stable without a number. */
#define TN_DEFAULT_TOLERANCE_PERCENT 5
double   tn_calibrate_options_get_settled_tolerance (const TnCalibrateOptions *self);
/* Whether the options go together: TN_ERROR_ARGUMENT names those that do not. */
gboolean tn_calibrate_options_check (const TnCalibrateOptions *self, GError **error);

G_END_DECLS
