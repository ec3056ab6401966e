/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/qat/gradient-norm.h"
#include "engine/qat/optimizer.h"

G_BEGIN_DECLS

#define TN_STATE_MOST_ARRAYS 4

/* An array of state that belongs to a variable. */
typedef struct
{
  const char *suffix; /* "moment1" */
  TnDtype     dtype;
  gsize       count;
  gboolean    shaped; /* like the variable */
  void       *data;
} TnStateArray;

/* The numbers of one update of one variable, as kernels take them. */
typedef struct
{
  float gradient_scale, gradient_limit;
  float l2;           /* what of the value is added to the gradient */
  float keep;         /* what the value is multiplied by */
  float rate;
  float beta1, rest1; /* 1 - beta1; sgd: momentum */
  float beta2, rest2;
  float root_factor;  /* of sqrt (v) */
  float epsilon;
  gboolean nesterov;
} TnUpdateFactors;

typedef struct _TnOptimizerClass TnOptimizerClass;

/* A variable and its state. */
typedef struct
{
  TnVariable             *variable;
  const TnOptimizerClass *method;
  TnStateArray            arrays[TN_STATE_MOST_ARRAYS];
  guint                   n_arrays;
  gsize                   first_block, n_blocks; /* in the optimizer's list */
  double                  latent_limit;
  const float            *latent_scales;
  gsize                   latent_group;
  /* of this update */
  const float            *gradient;
  TnUpdateFactors         factors;
  gboolean                measured;
  double                  square_sum;
} TnSlot;

typedef struct
{
  gsize first, n;
} TnSlotBlock;

/* What is shared by the matrices of muon. */
typedef struct
{
  guint  steps, threads;
  gsize  count;  /* floats */
  float *floats;
} TnMuonScratch;

struct _TnOptimizerClass
{
  /* The arrays a variable needs, without data; returns how many. */
  guint (*list_state)   (const TnVariable *variable, const TnOptimizerOptions *options, TnStateArray *arrays);
  /* rate, l2 and keep of the update number so and so (from 1), and the constants. */
  void  (*prepare)      (const TnOptimizerOptions *options, guint64 number, double rate, double decay, TnUpdateFactors *factors);
  /* Elements of one block. */
  void  (*update_block) (const TnSlot *slot, TnSlotBlock block);
  /* The whole variable on all threads, or NULL. */
  void  (*update_whole) (const TnSlot *slot, const TnMuonScratch *scratch);
};

extern const TnOptimizerClass tn_optimizer_sgd, tn_optimizer_adam, tn_optimizer_adamw, tn_optimizer_adamw8, tn_optimizer_muon;

/* Whether muon takes it. */
gboolean tn_muon_takes         (const TnVariable *variable);
/* Floats of scratch. */
gsize    tn_muon_count_scratch (const TnVariable *variable, guint threads);
/* The method that a variable gets. */
const TnOptimizerClass *tn_optimizer_choose (const TnVariable *variable, const TnOptimizerOptions *options);

/* Kernels on the calling thread. */
void tn_adam_update (float *value, const float *gradient, float *moment1, float *moment2, gsize n, const TnUpdateFactors *factors);
void tn_sgd_update  (float *value, const float *gradient, float *momentum, gsize n, const TnUpdateFactors *factors);

/* g of element i. */
#define TN_LIMITED_GRADIENT(gradient, i, scale, limit) \
  ({                                                   \
    float scaled_ = (gradient)[i] * (scale);           \
    scaled_ = scaled_ > (limit) ? (limit) : scaled_;   \
    scaled_ < -(limit) ? -(limit) : scaled_;           \
  })

G_END_DECLS
