/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/option-table.h"
#include "data/models/model-file.h"
#include "engine/nn/network.h"
#include "engine/qat/trainer.h"

G_BEGIN_DECLS

/* TnRecipe: everything that can be set about a training run, as a key file and as flags of the same names (app/tasks/option-table.h). */

typedef enum { TN_ARCHITECTURE_LLAMA, TN_ARCHITECTURE_MLP, TN_ARCHITECTURE_CNN } TnArchitecture;
/* What is computed again for the backward pass instead of being kept. */
typedef enum { TN_RECOMPUTE_NONE, TN_RECOMPUTE_BLOCKS } TnRecompute;

typedef struct
{
  /* [model]: where no --model is given. */
  TnArchitecture architecture;
  guint          vocabulary;     /* llama: of token files without a tokenizer; 0: 65536 */
  guint          width, layers, heads, kv_heads, hidden, context; /* llama; kv_heads 0: heads; hidden 0: 8/3 width in multiples of 32; context 0: seq_len */
  TnActivation   activation;
  gboolean       tied, sub_norms;
  double         rope_base, norm_epsilon, deviation; /* of the first weights; 0: the architecture's */
  char          *sizes;          /* mlp: widths of hidden layers, "256,256"; cnn: filters of the convolutions, "16,32" */
  /* [data] */
  char         **data_paths;     /* tokens: text …; images: the IDX file of images */
  char          *labels_path;    /* images; NULL: the file beside it */
  char          *tokenizer_path; /* or NULL */
  guint          seq_len, batch_size, accumulate;
  double         validation_share; /* held out of the data; images: the same share of them, the last */
  char          *validation_path;  /* other data instead; or NULL */
  guint          validation_every; /* steps; 0: only at the end */
  guint          validation_batches; /* at most; 0: all */
  char          *test_path;      /* images that are scored once, at the end; or NULL */
  guint          shift;          /* images: moved by up to so many pixels */
  /* [quantization] */
  char          *weights, *activations;        /* schemes; NULL: float32 */
  char          *estimator, *input_estimator;  /* names */
  char          *stats_path;     /* statistics of the model that scales of inputs start from; NULL: none */
  char          *method, *objective; /* how scales that are learned, and those of stats, are found (app/tasks/method-choice.h); NULL: least error */
  char          *keep;           /* "none", "first", "last", "first,last" or names and patterns with commas between */
  double         warmup;         /* share of the steps in which rounding sets in (lambda 0 to 1) */
  gboolean       rotate;         /* weights are rounded in a rotated space */
  gboolean       output_scales;
  gboolean       integer;        /* products of ternary layers in integers */
  TnBackward     backward_inputs, backward_weights;
  /* [loss] */
  double         distill, temperature, z_loss, label_smoothing;
  TnWeightPenalties penalties;   /* warmup_steps stays 0 */
  double         penalty_warmup; /* share of the steps */
  gboolean       keeps_logits;
  /* [optimizer] */
  TnOptimizerOptions optimizer;
  TnGradientClip clip;
  double         clip_value;     /* 0: none */
  double         latent_limit;   /* 0: none */
  gboolean       release;
  /* [schedule] */
  TnSchedule     schedule;
  /* [run] */
  guint64        steps, seed;
  guint          checkpoint_every; /* steps; 0: only at the end */
  guint          keep_last, keep_every;
  guint          metrics_every;  /* steps between what layers report; 0: never */
  double         stop_loss;      /* stops where the smoothed loss is above so many times its least; 0: never */
  TnRecompute    recompute;

  guint64        given[TN_OPTION_GIVEN_WORDS]; /* a bit for each option of the table that was set by name */
} TnRecipe;

TnRecipe *tn_recipe_new   (void); /* defaults */
TnRecipe *tn_recipe_copy  (const TnRecipe *self);
void      tn_recipe_free  (TnRecipe *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnRecipe, tn_recipe_free)
/* NULL behind the last one. */
const TnOption *tn_recipe_get_option (guint index);
/* The same with its kind and choices. */
const TnOptionEntry *tn_recipe_get_entry (guint index);
gboolean  tn_recipe_is_given (const TnRecipe *self, const char *name);
/* As tn_option_table_set() and tn_option_table_load(). */
gboolean  tn_recipe_set   (TnRecipe *self, const char *origin, const char *name, const char *const *values, GError **error);
gboolean  tn_recipe_load  (TnRecipe *self, const char *path, GError **error);
gboolean  tn_recipe_load_text (TnRecipe *self, const char *origin, const char *text, gsize bytes, GError **error);
/* All of it as a key file, which gives the same recipe again. Free with g_free(). */
char     *tn_recipe_print (const TnRecipe *self);
/* What was set by name alone, so that the rest follows from it again. Free with g_free(). */
char     *tn_recipe_print_given (const TnRecipe *self);
/* NULL where it is not set. Free with g_free(). */
char     *tn_recipe_print_value (const TnRecipe *self, const char *name);
/* What keys mean together. TN_ERROR_ARGUMENT names them. */
gboolean  tn_recipe_check (const TnRecipe *self, GError **error);

/* What the engine trains with. */
TnTrainingPrecision *tn_recipe_make_precision (const TnRecipe *self, GError **error);
gboolean  tn_recipe_make_options (const TnRecipe *self, TnTrainerOptions *options, GError **error);
/* Learned and fixed scales of a network that was just made start from where the recipe's statistics and method have them. model: that the network is of, or
 * NULL; TN_ERROR_ARGUMENT: statistics without one; TN_ERROR_MISMATCH: they are of another. */
gboolean  tn_recipe_set_starting_scales (const TnRecipe *self, TnNetwork *network, TnModelFile *model, GCancellable *cancellable, GError **error);
/* Of gsize; free with g_array_unref(). */
GArray   *tn_recipe_parse_sizes (const TnRecipe *self, GError **error);

G_END_DECLS
