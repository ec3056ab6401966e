/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/tape-private.h"

/* Which functions run, in which order, and which gradients are one array. */

TnValue *
tn_value_gradient_head (TnValue *self)
{
  TnValue *head = self->gradient_base;

  while (head->gradient_joined != NULL)
    head = head->gradient_joined;
  return head;
}

gsize
tn_value_gradient_bytes (const TnValue *self)
{
  return tn_shape_count (&self->info.shape) * (self->tape->dtype == TN_DTYPE_F64 ? sizeof (double) : sizeof (float));
}

static void
find_reached (TnTape *self)
{
  if (self->loss == NULL || !self->loss->needs_gradient)
    return;
  self->loss->gradient_base->reached = TRUE;
  for (guint i = self->nodes->len; i-- > 0;)
    {
      TnNode *node = g_ptr_array_index (self->nodes, i);

      for (guint k = 0; node->needs_gradient && k < node->inference.n_outputs; k++)
        node->runs_backward |= node->outputs[k]->gradient_base->reached;
      for (guint k = 0; node->runs_backward && k < node->inference.n_inputs; k++)
        if (node->inputs[k]->needs_gradient)
          node->inputs[k]->gradient_base->reached = TRUE;
    }
}

static guint
count_gradient_inputs (const TnNode *node)
{
  guint n = 0;

  for (guint i = 0; i < node->inference.n_inputs; i++)
    n += node->inputs[i]->needs_gradient;
  return n;
}

/* The gradient of what came out becomes that of what went in where nothing was added to the latter before, for else whoever reads
 * the former would read that, too; a variable's may hold what earlier batches left, which nobody may read. */
static gboolean
can_join (const TnNode *node)
{
  TnValue *from, *to;

  if ((node->function->flags & TN_FUNCTION_GRADIENT_PASSES) == 0 || !node->inputs[0]->needs_gradient)
    return FALSE;
  from = tn_value_gradient_head (node->outputs[0]);
  to = tn_value_gradient_head (node->inputs[0]);
  if (!from->reached || from == to || to->contributed || to == node->inputs[0]->tape->loss->gradient_base)
    return FALSE;
  if (tn_value_gradient_bytes (from) != tn_value_gradient_bytes (to))
    return FALSE;
  return to->variable == NULL || (count_gradient_inputs (node) == 1 && !from->gradient_read && from->variable == NULL);
}

static void
join_gradients (TnTape *self)
{
  if (self->loss == NULL)
    return;
  self->loss->gradient_base->contributed = TRUE;
  for (guint i = self->nodes->len; i-- > 0;)
    {
      TnNode *node = g_ptr_array_index (self->nodes, i);
      gboolean joins = node->runs_backward && can_join (node);

      if (!node->runs_backward)
        continue;
      for (guint k = 0; k < node->inference.n_outputs; k++)
        if (!joins || count_gradient_inputs (node) > 1)
          tn_value_gradient_head (node->outputs[k])->gradient_read = TRUE;
      if (joins)
        {
          TnValue *from = tn_value_gradient_head (node->outputs[0]), *to = tn_value_gradient_head (node->inputs[0]);

          from->gradient_joined = to;
          to->contributed = TRUE;
          to->gradient_read |= from->gradient_read;
        }
      for (guint k = 0; k < node->inference.n_inputs; k++)
        if (node->inputs[k]->needs_gradient)
          tn_value_gradient_head (node->inputs[k])->contributed = TRUE;
    }
}

static void
need_again (TnNode *node, const TnValue *value, GHashTable *needed)
{
  const TnValue *base = value->base;

  if (base->maker != NULL && base->maker->segment == node->segment)
    g_hash_table_add (needed, (gpointer) base);
}

/* Nodes first .. last are a segment: those run again whose outputs its backward pass reads, and those that these need. */
static void
find_again (TnTape *self, guint first, guint last)
{
  g_autoptr (GHashTable) needed = g_hash_table_new (NULL, NULL);

  for (guint i = last + 1; i-- > first;)
    {
      TnNode *node = g_ptr_array_index (self->nodes, i);
      const TnInference *inference = &node->inference;

      for (guint k = 0; node->runs_backward && k < inference->n_inputs; k++)
        if ((inference->reads_inputs >> k & 1) != 0)
          need_again (node, node->inputs[k], needed);
      for (guint k = 0; node->runs_backward && k < inference->n_outputs; k++)
        if ((inference->reads_outputs >> k & 1) != 0)
          need_again (node, node->outputs[k], needed);
    }
  for (guint i = last + 1; i-- > first;)
    {
      TnNode *node = g_ptr_array_index (self->nodes, i);

      node->runs_again = node->runs_backward && node->inference.saved_bytes > 0;
      for (guint k = 0; k < node->inference.n_outputs; k++)
        node->runs_again |= g_hash_table_contains (needed, node->outputs[k]->base);
      for (guint k = 0; node->runs_again && k < node->inference.n_inputs; k++)
        need_again (node, node->inputs[k], needed);
      self->memory.n_recomputed += node->runs_again;
    }
}

static void
add_step (TnTape *self, TnStepKind kind, TnNode *node, gboolean again)
{
  TnStep step = {.kind = kind, .node = node, .again = again};

  g_array_append_val (self->steps, step);
}

/* The segment that ends with node `last`, before its backward pass. */
static void
add_again_steps (TnTape *self, guint last)
{
  const TnNode *node = g_ptr_array_index (self->nodes, last);
  guint first = last;

  while (first > 0 && ((const TnNode *) g_ptr_array_index (self->nodes, first - 1))->segment == node->segment)
    first--;
  find_again (self, first, last);
  for (guint i = first; i <= last; i++)
    if (((TnNode *) g_ptr_array_index (self->nodes, i))->runs_again)
      add_step (self, TN_STEP_FORWARD, g_ptr_array_index (self->nodes, i), TRUE);
}

static gboolean
touches (const TnNode *node, const TnValue *value)
{
  for (guint i = 0; i < node->inference.n_inputs; i++)
    if (node->inputs[i]->base == value || node->inputs[i]->gradient_base == value ||
        tn_value_gradient_head (node->inputs[i]) == value)
      return TRUE;
  for (guint i = 0; i < node->inference.n_outputs; i++)
    if (tn_value_gradient_head (node->outputs[i]) == value)
      return TRUE;
  return FALSE;
}

/* Behind the last step that reads the variable or adds to its gradient: found from the end, so inserted from the end. */
static void
add_gradient_steps (TnTape *self)
{
  GHashTableIter iter;
  gpointer key, data;
  g_autoptr (GPtrArray) waiting = g_ptr_array_new ();

  g_hash_table_iter_init (&iter, self->variables);
  while (g_hash_table_iter_next (&iter, &key, &data))
    if (((TnValue *) data)->reached)
      g_ptr_array_add (waiting, data);
  for (guint i = self->steps->len; i-- > self->n_forward && waiting->len > 0;)
    for (guint k = 0; k < waiting->len; k++)
      {
        const TnStep *step = &g_array_index (self->steps, TnStep, i);
        TnValue *value = g_ptr_array_index (waiting, k);
        TnStep done = {.kind = TN_STEP_GRADIENT, .variable = value->variable};

        if (step->node == NULL || !touches (step->node, value))
          continue;
        g_array_insert_val (self->steps, i + 1, done);
        g_ptr_array_remove_index (waiting, k--);
      }
}

void
tn_tape_plan_steps (TnTape *self)
{
  gint done = TN_NOWHERE;

  self->steps = g_array_new (FALSE, TRUE, sizeof (TnStep));
  self->memory.n_functions = self->nodes->len;
  for (guint i = 0; i < self->nodes->len; i++)
    add_step (self, TN_STEP_FORWARD, g_ptr_array_index (self->nodes, i), FALSE);
  self->n_forward = self->steps->len;
  if (self->loss == NULL)
    return;
  find_reached (self);
  join_gradients (self);
  add_step (self, TN_STEP_SEED, NULL, FALSE);
  for (guint i = self->nodes->len; i-- > 0;)
    {
      TnNode *node = g_ptr_array_index (self->nodes, i);

      if (node->segment != TN_NOWHERE && node->segment != done)
        {
          add_again_steps (self, i);
          done = node->segment;
        }
      if (node->runs_backward)
        add_step (self, TN_STEP_BACKWARD, node, FALSE);
    }
  add_gradient_steps (self);
}
