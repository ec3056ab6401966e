/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/variable.h"

G_BEGIN_DECLS

/* The norm of all gradients together, and what they are multiplied by because of it. Sums are in double, over fixed blocks in a fixed order:
 * the same bits for any number of threads and any instruction set. Parallel regions run on the calling thread's team: on the compute thread. */

/* Elements that are summed as one. */
#define TN_GRADIENT_BLOCK ((gsize) 16384)

typedef struct
{
  double      norm;            /* sqrt (sum of squares); infinite or NaN where an element is */
  guint64     n_elements;
  guint64     n_nonfinite;     /* elements that are infinite or NaN */
  TnVariable *first_nonfinite; /* the first variable that has one, or NULL; no reference */
} TnGradientNorm;

/* Of the gradients that variables hold; those without one count for nothing. F32 only. */
void   tn_gradient_norm_measure (TnVariable *const *variables, guint n, TnGradientNorm *norm);
/* The same sum for one array: blocks of TN_GRADIENT_BLOCK one after the other. */
double tn_gradient_sum_squares  (const float *gradient, gsize n);
guint64 tn_gradient_count_nonfinite (const float *gradient, gsize n);

typedef enum
{
  TN_CLIP_NONE,
  TN_CLIP_NORM,      /* norms above the limit become the limit: min (1, limit / (norm + 1e-6))   Pascanu et al. 2013, arXiv:1211.5063;
                        the 1e-6 is PyTorch's */
  TN_CLIP_NORMALIZE, /* every norm becomes the limit: limit / norm */
} TnClipKind;

typedef struct
{
  TnClipKind kind;
  double     limit; /* of the norm; > 0 */
} TnGradientClip;

/* What gradients are multiplied by. scale: what turns them into those that are meant (1 / loss scale, 1 / accumulated batches); norm: as
 * measured, without scale. A norm of NaN says that there is none yet, as in the first step with gradient release, which uses the norm of the step
 * before: then only the scale counts. */
double tn_gradient_clip_factor (const TnGradientClip *clip, double norm, double scale);

G_END_DECLS
