/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/variable.h"

G_BEGIN_DECLS

/* TnOptimizer: changes variables by their gradients. g is the gradient after scale and limit, r the rate times the group's factor, d the
 * weight decay (0 where the group has none), s the number of the update of this variable, from 1.
 *
 *   sgd     g += d w;  b = momentum b + g;  w -= r (nesterov ? g + momentum b : b)   Sutskever et al. 2013; as in PyTorch
 *   adam    g += d w;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *           w -= r / (1 - beta1^s) m / (sqrt (v / (1 - beta2^s)) + epsilon)   Kingma, Ba 2014, arXiv:1412.6980
 *   adamw   w *= 1 - r d, then adam without decay   Loshchilov, Hutter 2017, arXiv:1711.05101
 *   adamw8  adamw with m and v of a byte each, engine/qat/dynamic-map.h   Dettmers et al. 2021, arXiv:2110.02861. Variables of fewer than
 *           least_8bit elements, and embeddings unless embeddings_8bit, are of adamw. A v that is not 0 never becomes 0: its root divides.
 *   muon    matrices: b += (1 - momentum) (g - b);  u = nesterov ? g + momentum (b - g) : b;  w *= 1 - r d;
 *           w -= r max (1, rows / columns)^(1/2) NewtonSchulz (u), engine/qat/newton-schulz.h   Jordan et al. 2024. All others are of adamw.
 *           Kernels [out, in, height, width] are matrices [out, in height width].
 *
 * Memory is allocated when the optimizer is made, never in a step. An update goes over memory once: scale, limit, the norm and the latent
 * clip happen on blocks that caches hold. The same bits for any number of threads and any instruction set. Threads: one at a time; parallel
 * regions run on the calling thread's team, so on the compute thread. */
typedef struct _TnOptimizer TnOptimizer;

typedef enum
{
  TN_OPTIMIZER_SGD,
  TN_OPTIMIZER_ADAM,
  TN_OPTIMIZER_ADAMW,
  TN_OPTIMIZER_ADAMW8,
  TN_OPTIMIZER_MUON,
  TN_N_OPTIMIZERS
} TnOptimizerMethod;

/* Variables of one role. */
typedef struct
{
  double   rate_factor; /* [1; all but matrices with muon 0.05: the published rates are 0.02 and 0.001] */
  gboolean decays;      /* [matrix, embedding, head] */
} TnOptimizerGroup;

typedef struct
{
  TnOptimizerMethod method;
  double            momentum;      /* sgd [0.9], muon [0.95]; 0 <= x < 1 */
  gboolean          nesterov;      /* sgd [FALSE], muon [TRUE] */
  double            beta1, beta2;  /* [0.9, 0.95]; 0 <= x < 1 */
  double            epsilon;       /* [1e-8] */
  double            weight_decay;  /* [adamw, adamw8, muon 0.1; sgd, adam 0] */
  guint             newton_schulz_steps; /* muon [5]; 1 to 20 */
  gsize             least_8bit;    /* adamw8 [4096] */
  gboolean          embeddings_8bit; /* adamw8 [FALSE] */
  TnOptimizerGroup  groups[TN_N_ROLES];
} TnOptimizerOptions;

/* "sgd", "adam", "adamw", "adamw8", "muon". */
const char  *tn_optimizer_method_get_name (TnOptimizerMethod method);
/* TN_ERROR_ARGUMENT lists what there is. */
gboolean     tn_optimizer_method_parse    (const char *name, TnOptimizerMethod *method, GError **error);
void         tn_optimizer_options_init    (TnOptimizerOptions *self, TnOptimizerMethod method);
/* TN_ERROR_ARGUMENT names the field, what was found and what was expected. */
gboolean     tn_optimizer_options_check   (const TnOptimizerOptions *self, GError **error);

/* Counted as the pool does (tn_pool_block_bytes()): what tn_optimizer_new() allocates, exactly. */
typedef struct
{
  gsize state_bytes;   /* TN_PURPOSE_OPTIMIZER */
  gsize scratch_bytes; /* TN_PURPOSE_SCRATCH; of muon */
} TnOptimizerMemory;

void         tn_optimizer_estimate    (TnVariable *const *variables, guint n, const TnOptimizerOptions *options, TnOptimizerMemory *memory);
/* Takes references to those variables that are trained, each listed once; the state is zeros. TN_ERROR_ARGUMENT: options; TN_ERROR_UNSUPPORTED: a variable is
 * not F32; TN_ERROR_MEMORY. */
TnOptimizer *tn_optimizer_new         (TnVariable *const *variables, guint n, const TnOptimizerOptions *options, GError **error);
void         tn_optimizer_free        (TnOptimizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnOptimizer, tn_optimizer_free)

/* After every update, element i of the variable is kept within ±limit scales[i / group], or within ±limit where scales is NULL. scales are read
 * at every update, and stay the caller's: those of the quantizer as the forward pass found them, one of the tensor (group >= count), of each row,
 * or of each group. limit INFINITY: no clip. What a latent weight cannot leave it need not come back through to flip. */
void         tn_optimizer_clip_latents (TnOptimizer *self, TnVariable *variable, double limit, const float *scales, gsize group);

/* What holds for one step. */
typedef struct
{
  double   rate;
  double   decay_factor;   /* tn_schedule_get_decay() */
  double   gradient_scale; /* tn_gradient_clip_factor() */
  double   gradient_limit; /* then each element is kept within ±limit; INFINITY: none */
  gboolean measure;        /* sums of squares of the gradients as they come, for tn_optimizer_take_norm() */
} TnUpdate;

/* All variables, each from its gradient; those that hold none keep their value and state. */
void         tn_optimizer_step        (TnOptimizer *self, const TnUpdate *update);
/* One variable, from gradient [count] floats: gradient release. The same bits as a step gives. Variables that the optimizer does not have are
 * left alone. */
void         tn_optimizer_update      (TnOptimizer *self, TnVariable *variable, const void *gradient, const TnUpdate *update);
/* The norm of the gradients that were measured since this was asked before, without gradient_scale: the same bits as tn_gradient_norm_measure()
 * gives for the same variables. Not finite where an element was not: then values and state are spoiled, and a checkpoint is to be restored.
 * NaN where nothing was measured. */
double       tn_optimizer_take_norm   (TnOptimizer *self);

/* State, by name, for checkpoints. */
typedef struct
{
  char   *name;  /* "updates" U64 [variables]; "blk.0.attn_q.weight.momentum", ".moment1", ".moment2" as the variable or, of a byte
                  * each, U8 with ".moment1_scale", ".moment2_scale" F32 [blocks of 256] */
  TnDtype dtype; /* F32, U8, U64 */
  TnShape shape;
  gsize   count, bytes;
  void   *data;
} TnOptimizerTensor;

/* Owned by self; data changes with every update. What was saved and is restored continues with the same bits. */
const TnOptimizerTensor *tn_optimizer_get_tensors (TnOptimizer *self, guint *n);
/* TN_ERROR_NOT_FOUND: there is none of that name; TN_ERROR_MISMATCH: dtype or count differ. */
gboolean     tn_optimizer_restore     (TnOptimizer *self, const char *name, TnDtype dtype, gsize count, const void *data, GError **error);

G_END_DECLS
