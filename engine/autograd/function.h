/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/shape.h"
#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

/* TnFunction: the one way to add an operation to a tape; ours are made of it, and so are a user's own. An example that is compiled and
 * tested stands in tests/engine/test-own-function.c.
 *
 * A function says what comes out of what goes in (infer), computes it (forward), and takes gradients of what came out back to what went
 * in (backward). It is told where everything lies: it allocates nothing, and keeps nothing between calls but what `saved` holds. A tape
 * may compute in float32 or, to check gradients, in float64: `dtype` says which; floats below are of that type. */

#define TN_FUNCTION_MAX_INPUTS 12
#define TN_FUNCTION_MAX_OUTPUTS 4

typedef enum
{
  TN_VALUE_FLOAT,  /* elements of the tape's dtype */
  TN_VALUE_INT32,  /* tokens, labels; has no gradient */
  TN_VALUE_PACKED, /* bytes whose layout the functions that share it know; its gradient is floats of its shape */
} TnValueKind;

typedef struct
{
  TnValueKind kind;
  TnShape     shape;
  gsize       bytes; /* of data; of a PACKED value its maker says how many */
} TnValueInfo;

/* What infer() is given, and fills in. */
typedef struct
{
  /*< given >*/
  TnDtype       dtype;    /* F32 or F64 */
  gboolean      training; /* FALSE: this tape only evaluates (no dropout; batch norm by its running statistics) */
  guint         threads;
  guint         n_inputs;
  TnValueInfo   inputs[TN_FUNCTION_MAX_INPUTS];
  gconstpointer attributes;
  /*< wanted; all 0 at first, kinds are FLOAT >*/
  guint         n_outputs;
  TnValueInfo   outputs[TN_FUNCTION_MAX_OUTPUTS]; /* bytes only of PACKED ones */
  gsize         saved_bytes;            /* kept from forward to backward; aligned to 64 */
  gsize         forward_scratch_bytes;  /* during the call only; aligned to 64 */
  gsize         backward_scratch_bytes;
  guint         reads_inputs;           /* bit i: backward reads the data of input i */
  guint         reads_outputs;          /* bit i: backward reads the data of output i */
} TnInference;

typedef struct
{
  TnDtype            dtype;
  gboolean           training;
  guint              threads;
  gboolean           again;      /* forward runs again for the backward pass: the same outputs, and nothing outside is changed */
  guint64            step;       /* of training: with the attributes' seed it makes the random numbers, also when forward runs again */
  gconstpointer      attributes;
  guint              n_inputs, n_outputs;
  const TnValueInfo *input_infos;
  const TnValueInfo *output_infos;
  const void        *inputs[TN_FUNCTION_MAX_INPUTS];            /* backward: NULL where reads_inputs does not ask for it */
  void              *outputs[TN_FUNCTION_MAX_OUTPUTS];          /* backward: NULL where reads_outputs does not ask for it */
  void              *saved;
  void              *scratch;
  /* backward only */
  const void        *output_gradients[TN_FUNCTION_MAX_OUTPUTS]; /* NULL: nothing depends on this output, which is a gradient of zeros */
  void              *input_gradients[TN_FUNCTION_MAX_INPUTS];   /* NULL: not wanted */
  gboolean           adds[TN_FUNCTION_MAX_INPUTS];              /* TRUE: add to what input_gradients[i] holds; FALSE: write all of it */
} TnCall;

typedef enum
{
  TN_FUNCTION_PLAIN             = 0,
  /* outputs[0] may be inputs[0]: the same elements, each read before it is written. */
  TN_FUNCTION_IN_PLACE          = 1 << 0,
  /* The gradient of input 0 is that of output 0, of as many elements. The two may be one array, which backward sees by equal pointers:
   * then it does nothing for input 0. */
  TN_FUNCTION_GRADIENT_PASSES   = 1 << 1,
  /* backward() reads each element of the gradient of output 0, and of inputs, before it writes that element of any gradient: those of
   * inputs may be written over what is not read later. */
  TN_FUNCTION_BACKWARD_IN_PLACE = 1 << 2,
} TnFunctionFlags;

typedef struct
{
  const char     *name;            /* "linear" */
  gsize           attribute_bytes; /* copied when the function is applied */
  TnFunctionFlags flags;
  /* TN_ERROR_SHAPE, TN_ERROR_ARGUMENT: names the input and what was expected; the tape puts the function's name in front. */
  gboolean (*infer)    (TnInference *inference, GError **error);
  void     (*forward)  (const TnCall *call);
  void     (*backward) (const TnCall *call); /* NULL: outputs have no gradient */
} TnFunction;

/* For infer(): TN_ERROR_SHAPE unless input i has n_dims dimensions, or exactly this shape; name: what it is, "weight". */
gboolean tn_inference_check_dims  (const TnInference *self, guint i, const char *name, guint n_dims, GError **error);
gboolean tn_inference_check_shape (const TnInference *self, guint i, const char *name, const TnShape *expected, GError **error);
/* TN_ERROR_ARGUMENT unless input i is of this kind. */
gboolean tn_inference_check_kind  (const TnInference *self, guint i, const char *name, TnValueKind kind, GError **error);

G_END_DECLS
