/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/mitigation/model-edit.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* Scales a channel that a model of the LLaMA family absorbs: what writes a channel is divided by s, the columns of what reads it are multiplied by
 * s. Exact but for float rounding. Powers of two would be exact to the bit; the best scales are none. */
typedef enum
{
  TN_FOLD_ATTENTION_NORM, /* gain of the norm -> q, k, v. SmoothQuant, AWQ */
  TN_FOLD_VALUES,         /* rows of v -> columns of the output projection: of a channel of a key/value head, of all heads that share it. With a norm
                             between them, its gain -> the output projection */
  TN_FOLD_FFN_NORM,       /* gain of the norm -> gate, up */
  TN_FOLD_UP,             /* rows of up -> columns of down: the output of the block is linear in up. The gate's activation is not linear, and squared ReLU
                             would need s squared: never through the gate. With a norm between them, its gain -> down */
  TN_N_FOLDS
} TnFold;

/* How scales are chosen, r the root mean square of a channel's input, w the largest magnitude of its columns in all readers. */
typedef enum
{
  TN_FOLD_RULE_SMOOTH,   /* r^a / w^(1 - a) (Xiao et al., SmoothQuant, 2023, equation 4, with r for the largest magnitude, as only weights are rounded) */
  TN_FOLD_RULE_ACTIVITY, /* r^a (Lin et al., AWQ, 2023, section 3.2, with r for the mean magnitude) */
  TN_FOLD_RULE_EQUALIZE, /* (u w)^a / w, u the largest magnitude of the writer's row: a = 1/2 is cross-layer equalization (Nagel et al., Data-Free
                            Quantization, 2019, section 4.1); not where a norm writes */
  TN_N_FOLD_RULES
} TnFoldRule;

/* Channels that have a scale. */
guint    tn_fold_n_channels (const TnLlamaConfig *config, TnFold fold, gboolean sub_norm);
/* Multiplies by s [channels], each more than 0. TN_ERROR_ARGUMENT: one that is not. */
gboolean tn_fold_apply      (TnModelEdit *edit, guint block, TnFold fold, const double *s, GError **error);

/* What was found. Errors are of the outputs of all layers concerned, each a part of its output's power, added up. */
typedef struct
{
  double      before, after;
  TnFoldRule  rule;
  double      exponent;
} TnFoldChoice;

/* Scales [channels] with the least error of the outputs under plain rounding to the scheme: every rule with exponents 0, 1/10 .. 1, normalized to have their
 * geometric mean at 1. gram: of the readers' input, writer_gram: of the writer's input (NULL where a norm writes), [width, width]. NULL: error. All scales are 1
 * where nothing is better. Runs parallel loops: call on the compute thread. */
double  *tn_fold_find       (TnModelEdit *edit, guint block, TnFold fold, const TnScheme *scheme, const double *gram,
                             const double *writer_gram, TnFoldChoice *choice, GError **error);
/* "attention norm", "values", "feed-forward norm", "up"; "smooth", "activity", "equalize". */
const char *tn_fold_get_name      (TnFold fold);
const char *tn_fold_rule_get_name (TnFoldRule rule);

G_END_DECLS
