/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/interval-packing.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

#define TN_NOWHERE (-1)

/* A function applied. */
typedef struct
{
  const TnFunction *function;
  gpointer          attributes;
  TnInference       inference;
  TnValue          *inputs[TN_FUNCTION_MAX_INPUTS];
  TnValue          *outputs[TN_FUNCTION_MAX_OUTPUTS];
  gint              segment;        /* that is computed again; TN_NOWHERE */
  gboolean          needs_gradient; /* recorded where gradients go through */
  /* Found by planning. */
  gboolean          runs_backward, runs_again;
  gint              saved, saved_again; /* buffers */
} TnNode;

struct _TnValue
{
  TnTape     *tape;
  TnValueInfo info;
  TnValue    *base;           /* whose data it shares; itself, but for views */
  TnValue    *gradient_base;  /* whose gradient it shares */
  TnNode     *maker;          /* of the base; NULL: an input or a variable */
  TnVariable *variable;
  gpointer    constant;       /* what a leaf is filled with, or NULL */
  gboolean    needs_gradient, kept;
  /* Found by planning, of bases. */
  gint        buffer, buffer_again;
  /* Of gradient bases. */
  TnValue    *gradient_joined; /* whose gradient this one's is, too: the head of the chain is the one that counts */
  gboolean    reached;         /* by the loss */
  gboolean    contributed;     /* something was added, by the time planning has come to */
  gboolean    gradient_read;   /* by a function that does more than pass it on */
  gint        gradient_buffer;
};

typedef enum { TN_STEP_FORWARD, TN_STEP_SEED, TN_STEP_BACKWARD, TN_STEP_GRADIENT } TnStepKind;

/* Memory that a step uses: a buffer of the arena, or memory outside of it. */
typedef struct
{
  gint  buffer;
  void *external;
} TnPlace;

typedef struct
{
  TnStepKind  kind;
  gboolean    again;
  TnNode     *node;
  TnVariable *variable;
  TnPlace     inputs[TN_FUNCTION_MAX_INPUTS], input_gradients[TN_FUNCTION_MAX_INPUTS];
  TnPlace     outputs[TN_FUNCTION_MAX_OUTPUTS], output_gradients[TN_FUNCTION_MAX_OUTPUTS];
  TnPlace     saved, scratch;
  guint       accumulates; /* bit i: adds[i] is what the caller of the backward pass says */
  TnCall      call;
} TnStep;

struct _TnTape
{
  TnDtype         dtype;
  gboolean        training;
  guint           threads;
  GPtrArray      *values;    /* TnValue */
  GPtrArray      *nodes;     /* TnNode */
  GHashTable     *variables; /* TnVariable -> TnValue */
  GError         *error;
  guint           no_grad;
  gint            segment, n_segments;
  TnGradientFunc  gradient_func;
  gpointer        gradient_data;
  TnValue        *loss;
  GArray         *steps;     /* TnStep; NULL before planning */
  guint           n_forward; /* steps of the forward pass */
  GArray         *buffers;   /* TnInterval */
  TnTapeMemory    memory;
  guint8         *arena;
};

/* The value whose gradient array a value's is. */
TnValue *tn_value_gradient_head (TnValue *self);
gsize    tn_value_gradient_bytes (const TnValue *self);

/* Steps of both passes, in order, places empty. Fills runs_backward, runs_again, reached, gradient_joined. */
void     tn_tape_plan_steps   (TnTape *self);
/* Buffers, and places that name them. */
void     tn_tape_plan_memory  (TnTape *self);

G_END_DECLS
