/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/autograd/function.h"
#include "engine/autograd/variable.h"

G_BEGIN_DECLS

/* TnTape: operations recorded once for a shape of batch, their memory planned, then replayed as often as wanted: a step allocates
 * nothing, and what it takes is known before. Reverse mode.
 *
 * Record (tn_tape_input(), tn_tape_variable(), functions), tn_tape_plan(), then for each batch fill the inputs, tn_tape_forward() and
 * tn_tape_backward(). A recording that fails returns NULL and goes on failing: the first error comes from tn_tape_plan(), so that the
 * lines of a model need no checks. Threads: one at a time; replays run parallel regions, so on the compute thread. */
typedef struct _TnTape  TnTape;
typedef struct _TnValue TnValue; /* what a function made, owned by its tape */

/* dtype: F32, or F64 to check gradients. training: FALSE for a tape that only evaluates. */
TnTape  *tn_tape_new           (TnDtype dtype, gboolean training);
void     tn_tape_free          (TnTape *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTape, tn_tape_free)
TnDtype  tn_tape_get_dtype     (TnTape *self);

/* Recording. */

/* FLOAT or INT32; the caller fills tn_value_get_data() before each replay. */
TnValue *tn_tape_input         (TnTape *self, TnValueKind kind, const TnShape *shape);
/* The same, filled already: data [shape], of the tape's dtype or int32, is copied. */
TnValue *tn_tape_constant      (TnTape *self, TnValueKind kind, const TnShape *shape, gconstpointer data);
/* Of the tape's dtype; the tape takes a reference. The same value every time it is asked for. */
TnValue *tn_tape_variable      (TnTape *self, TnVariable *variable);
/* attributes are copied. Returns output 0; outputs, if not NULL, takes all of them. */
TnValue *tn_tape_apply         (TnTape *self, const TnFunction *function, TnValue *const *inputs, guint n_inputs,
                                gconstpointer attributes, TnValue **outputs);
/* The same elements in another shape; no copy. */
TnValue *tn_tape_reshape       (TnTape *self, TnValue *value, const TnShape *shape);
/* The same elements, through which no gradient goes; no copy. */
TnValue *tn_tape_detach        (TnTape *self, TnValue *value);
/* What is recorded in between has no gradient, and keeps nothing for one. Nests. */
void     tn_tape_begin_no_grad (TnTape *self);
void     tn_tape_end_no_grad   (TnTape *self);
/* Activation checkpointing: what is recorded in between is forgotten after the forward pass, and computed again, to the same bits, when
 * the backward pass comes to it. Does not nest. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016. */
void     tn_tape_begin_recompute (TnTape *self);
void     tn_tape_end_recompute   (TnTape *self);
/* Its data can be read after the forward pass, until the next. */
void     tn_tape_keep          (TnTape *self, TnValue *value);
/* Makes the recording fail with this error (taken over), unless it has failed before. */
void     tn_tape_fail          (TnTape *self, GError *error);

const TnValueInfo *tn_value_get_info (TnValue *value);
gboolean tn_value_needs_gradient (TnValue *value);

/* Planning. */

typedef struct
{
  gsize arena_bytes;  /* all of what a replay uses beside variables and their gradients: one block of the pool */
  gsize forward_bytes;  /* what lives at the end of the forward pass: kept for the backward pass */
  gsize sum_bytes;    /* what it would be if nothing shared memory */
  guint n_functions, n_recomputed;
} TnTapeMemory;

/* loss: a scalar that gradients are of, or NULL for no backward pass. Nothing can be recorded afterwards. The tape holds no memory
 * yet: tn_tape_get_memory() says what it will hold. The first error of the recording; TN_ERROR_ARGUMENT: loss is no scalar. */
gboolean tn_tape_plan          (TnTape *self, TnValue *loss, GError **error);
void     tn_tape_get_memory    (TnTape *self, TnTapeMemory *memory);
/* TN_ERROR_MEMORY. */
gboolean tn_tape_allocate      (TnTape *self, GError **error);

/* Replaying. */

/* Of an input, the loss or a kept value; NULL before tn_tape_allocate(). Inputs stay as they are until they are overwritten. */
void    *tn_value_get_data     (TnValue *value);
/* For random numbers of functions. */
void     tn_tape_set_step      (TnTape *self, guint64 step);
/* G_IO_ERROR_CANCELLED, between two functions. */
gboolean tn_tape_forward       (TnTape *self, GCancellable *cancellable, GError **error);
/* After a forward pass. seed: the gradient of the loss (1, or a part of it where gradients are accumulated). accumulate: gradients of
 * variables are added to what they hold; else what they held is overwritten, and that of a variable that nothing depends on stays. */
gboolean tn_tape_backward      (TnTape *self, double seed, gboolean accumulate, GCancellable *cancellable, GError **error);

/* Called as soon as the gradient of a variable is complete, within tn_tape_backward(); variables without memory for it
 * (tn_variable_drop_gradient()) have it in gradient [count] during the call only. To be set before planning. Data may be changed: it is
 * not read any more in this replay. */
typedef void (*TnGradientFunc) (TnVariable *variable, void *gradient, gpointer user_data);
void     tn_tape_set_gradient_func (TnTape *self, TnGradientFunc func, gpointer user_data);

G_END_DECLS
