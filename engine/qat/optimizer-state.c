/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/optimizer-state.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/memory/pool.h"

static gsize
count_array_bytes (const TnStateArray *array)
{
  return array->count * tn_dtype_block_bytes (array->dtype);
}

static gsize
count_scratch (const TnVariable *variable, const TnOptimizerOptions *options)
{
  return tn_optimizer_choose (variable, options) == &tn_optimizer_muon
             ? tn_muon_count_scratch (variable, tn_device_get_threads ())
             : 0;
}

void
tn_optimizer_estimate (TnVariable *const *variables, guint n, const TnOptimizerOptions *options, TnOptimizerMemory *memory)
{
  gsize n_trained = 0, scratch = 0;

  *memory = (TnOptimizerMemory){0};
  for (guint i = 0; i < n; i++)
    {
      TnStateArray arrays[TN_STATE_MOST_ARRAYS];
      guint n_arrays;

      if (!variables[i]->trained)
        continue;
      n_trained++;
      n_arrays = tn_optimizer_choose (variables[i], options)->list_state (variables[i], options, arrays);
      for (guint a = 0; a < n_arrays; a++)
        memory->state_bytes += tn_pool_block_bytes (count_array_bytes (&arrays[a]));
      scratch = MAX (scratch, count_scratch (variables[i], options));
    }
  memory->state_bytes += tn_pool_block_bytes (n_trained * sizeof (guint64));
  memory->scratch_bytes = scratch > 0 ? tn_pool_block_bytes (scratch * sizeof (float)) : 0;
}

static gboolean
init_slot (TnSlot *slot, TnVariable *variable, const TnOptimizerOptions *options, GError **error)
{
  *slot = (TnSlot){.variable = tn_variable_ref (variable), .latent_limit = INFINITY};
  slot->method = tn_optimizer_choose (variable, options);
  slot->n_arrays = slot->method->list_state (variable, options, slot->arrays);
  slot->n_blocks = (variable->count + TN_GRADIENT_BLOCK - 1) / TN_GRADIENT_BLOCK;
  for (guint i = 0; i < slot->n_arrays; i++)
    {
      TnStateArray *array = &slot->arrays[i];

      array->data = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_OPTIMIZER, count_array_bytes (array), error);
      if (array->data == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
list_blocks (TnOptimizer *self)
{
  TnListedBlock *block;

  for (guint i = 0; i < self->n_slots; i++)
    {
      self->slots[i].first_block = self->n_blocks;
      self->n_blocks += self->slots[i].n_blocks;
    }
  block = self->blocks = g_new0 (TnListedBlock, self->n_blocks);
  for (guint i = 0; i < self->n_slots; i++)
    for (gsize first = 0, count = self->slots[i].variable->count; first < count; first += TN_GRADIENT_BLOCK)
      *block++ = (TnListedBlock){.slot = i, .block = {first, MIN (TN_GRADIENT_BLOCK, count - first)}};
}

static void
list_tensors (TnOptimizer *self)
{
  TnOptimizerTensor *tensor;
  guint n = 1;

  for (guint i = 0; i < self->n_slots; i++)
    n += self->slots[i].n_arrays;
  tensor = self->tensors = g_new0 (TnOptimizerTensor, n);
  self->n_tensors = n;
  *tensor++ = (TnOptimizerTensor){
      .name = g_strdup ("updates"),
      .dtype = TN_DTYPE_U64,
      .shape = TN_SHAPE (self->n_slots),
      .count = self->n_slots,
      .bytes = self->n_slots * sizeof *self->updates,
      .data = self->updates,
  };
  for (guint i = 0; i < self->n_slots; i++)
    for (guint a = 0; a < self->slots[i].n_arrays; a++)
      {
        const TnSlot *slot = &self->slots[i];
        const TnStateArray *array = &slot->arrays[a];

        *tensor++ = (TnOptimizerTensor){
            .name = g_strconcat (slot->variable->name, ".", array->suffix, NULL),
            .dtype = array->dtype,
            .shape = array->shaped ? slot->variable->shape : TN_SHAPE (array->count),
            .count = array->count,
            .bytes = count_array_bytes (array),
            .data = array->data,
        };
      }
}

static gboolean
allocate_shared (TnOptimizer *self, GError **error)
{
  TnPool *pool = tn_pool_default ();
  gsize count = 0;

  for (guint i = 0; i < self->n_slots; i++)
    count = MAX (count, count_scratch (self->slots[i].variable, &self->options));
  self->updates = tn_pool_alloc0 (pool, TN_PURPOSE_OPTIMIZER, self->n_slots * sizeof *self->updates, error);
  if (self->updates == NULL)
    return FALSE;
  self->scratch =
      (TnMuonScratch){.steps = self->options.newton_schulz_steps, .threads = tn_device_get_threads (), .count = count};
  if (count > 0)
    self->scratch.floats = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, count, sizeof (float), error);
  return count == 0 || self->scratch.floats != NULL;
}

TnOptimizer *
tn_optimizer_new (TnVariable *const *variables, guint n, const TnOptimizerOptions *options, GError **error)
{
  g_autoptr (TnOptimizer) self = NULL;

  if (!tn_optimizer_options_check (options, error))
    return NULL;
  self = g_new0 (TnOptimizer, 1);
  self->options = *options;
  self->slots = g_new0 (TnSlot, n);
  self->slot_of = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < n; i++)
    {
      TnSlot *slot = &self->slots[self->n_slots];

      if (!variables[i]->trained)
        continue;
      if (variables[i]->dtype != TN_DTYPE_F32)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: a variable of %s cannot be optimized; f32 was expected"),
                       variables[i]->name, tn_dtype_get_name (variables[i]->dtype));
          return NULL;
        }
      self->n_slots++;
      if (!init_slot (slot, variables[i], options, error))
        return NULL;
      g_hash_table_insert (self->slot_of, variables[i], slot);
    }
  if (!allocate_shared (self, error))
    return NULL;
  list_blocks (self);
  list_tensors (self);
  return g_steal_pointer (&self);
}

void
tn_optimizer_free (TnOptimizer *self)
{
  TnPool *pool = tn_pool_default ();

  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_slots; i++)
    {
      for (guint a = 0; a < self->slots[i].n_arrays; a++)
        tn_pool_release (pool, self->slots[i].arrays[a].data);
      tn_variable_unref (self->slots[i].variable);
    }
  for (guint i = 0; i < self->n_tensors; i++)
    g_free (self->tensors[i].name);
  tn_pool_release (pool, self->updates);
  tn_pool_release (pool, self->scratch.floats);
  g_hash_table_unref (self->slot_of);
  g_free (self->tensors);
  g_free (self->blocks);
  g_free (self->slots);
  g_free (self);
}

TnSlot *
tn_optimizer_find_slot (TnOptimizer *self, TnVariable *variable)
{
  return g_hash_table_lookup (self->slot_of, variable);
}

const TnOptimizerTensor *
tn_optimizer_get_tensors (TnOptimizer *self, guint *n)
{
  *n = self->n_tensors;
  return self->tensors;
}

gboolean
tn_optimizer_restore (TnOptimizer *self, const char *name, TnDtype dtype, gsize count, const void *data, GError **error)
{
  for (guint i = 0; i < self->n_tensors; i++)
    {
      const TnOptimizerTensor *tensor = &self->tensors[i];

      if (strcmp (tensor->name, name) != 0)
        continue;
      if (tensor->dtype != dtype || tensor->count != count)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("state %s: %s of %zu elements; %s of %zu was expected"), name,
                       tn_dtype_get_name (dtype), count, tn_dtype_get_name (tensor->dtype), tensor->count);
          return FALSE;
        }
      memcpy (tensor->data, data, tensor->bytes);
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("state %s: the optimizer %s of this model has none of that name"), name,
               tn_optimizer_method_get_name (self->options.method));
  return FALSE;
}
