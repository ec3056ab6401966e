/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* What can be done about a layer's error. */
typedef enum
{
  TN_REMEDY_REPAIR,         /* the weights hold NaN or infinity: nothing else helps */
  TN_REMEDY_KEEP,           /* nothing needs to be done */
  TN_REMEDY_LAYERS_BEFORE,  /* most of it is inherited */
  TN_REMEDY_PER_ROW,        /* a scale a row */
  TN_REMEDY_GROUPS,         /* groups of 32 along the input */
  TN_REMEDY_SCALE_SEARCH,   /* a searched scale instead of range or rule */
  TN_REMEDY_ASYMMETRY,
  TN_REMEDY_SMOOTHING,      /* Xiao et al. 2023: channels of the input are divided by what their weights are multiplied by */
  TN_REMEDY_ROTATION,       /* Hadamard: Ashkboos et al. 2024 */
  TN_REMEDY_ERROR_FEEDBACK, /* GPTQ: Frantar et al. 2023 */
  TN_REMEDY_INPUT_BITS,     /* inputs with more bits, or a scale a token */
  TN_REMEDY_MORE_BITS,
  TN_N_REMEDIES
} TnRemedy;

#define TN_MOST_REMEDIES 4

/* What to try on a layer under a scheme, the most promising first, at most TN_MOST_REMEDIES of them; how many. From its findings and from the split
 * of its error:
 * - weights that are not finite have to be repaired;
 * - a layer whose own error is at most 1e-3 of its output (30 dB) needs nothing itself;
 * - one that inherits more than four times its own error, so that a bit more would not show: the layers before are to be looked at first;
 * - of its own error the inputs make more than the weights: smoothing and rotation where input channels stick out, then more bits for inputs;
 * - else the weights: a scale a row against scale spread, asymmetry against a shift, groups or rotation against outliers and heavy tails, smoothing
 *   and error feedback where few channels carry it, a searched scale where it is the range or a rule, error feedback, more bits.
 * 0: the cell was not measured. */
guint tn_analysis_recommend (const TnAnalysis *self, guint layer, guint scheme, TnRemedy *remedies);
/* "error_feedback": for files. */
const char *tn_remedy_get_name (TnRemedy remedy);

G_END_DECLS
