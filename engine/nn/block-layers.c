/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/block-layers.h"

/* Layers that read the same x. */
static const struct
{
  TnLayerKind first;
  guint n;
} groups[] = {{TN_LAYER_ATTN_Q, 3}, {TN_LAYER_ATTN_OUTPUT, 1}, {TN_LAYER_FFN_GATE, 2}, {TN_LAYER_FFN_DOWN, 1}};

static gsize
align (gsize bytes)
{
  return (bytes + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
}

static gboolean
reads_int8 (const TnBlockLayers *block, TnLayerKind first, guint n)
{
  for (guint i = first; i < first + n; i++)
    if (tn_input_rounding_is_int8 (&block->inputs[i]))
      return TRUE;
  return FALSE;
}

static void
plan_group (TnLayerScratch *self, const TnBlockLayers *block, TnLayerKind first, guint n, gsize n_rows)
{
  gsize width = (gsize) tn_tensor_columns (tn_block_layer_weight (block, first));

  if (reads_int8 (block, first, n))
    self->int8_bytes = MAX (self->int8_bytes, align (tn_int8_rows_bytes (n_rows, width)));
  for (guint i = first; i < first + n; i++)
    if (block->ternary[i] != NULL)
      self->product_bytes = MAX (self->product_bytes, align (tn_bit_linear_scratch_bytes (width, self->threads)));
    else if (block->inputs[i].rounds)
      self->rounded_bytes = MAX (self->rounded_bytes, align (n_rows * width * sizeof (float)));
}

void
tn_layer_scratch_plan (TnLayerScratch *self, const TnModel *model, gsize n_rows, guint threads)
{
  *self = (TnLayerScratch){.threads = threads};
  for (guint i = 0; i < model->config.n_layer; i++)
    for (guint k = 0; k < G_N_ELEMENTS (groups); k++)
      plan_group (self, &model->blocks[i], groups[k].first, groups[k].n, n_rows);
}

static gsize
count_bytes (const TnLayerScratch *self)
{
  return self->int8_bytes + self->rounded_bytes + self->product_bytes;
}

gsize
tn_layer_scratch_bytes (const TnLayerScratch *self)
{
  return count_bytes (self) > 0 ? tn_pool_block_bytes (count_bytes (self)) : 0;
}

gboolean
tn_layer_scratch_init (TnLayerScratch *self, GError **error)
{
  if (count_bytes (self) == 0)
    return TRUE;
  self->memory = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, count_bytes (self), error);
  return self->memory != NULL;
}

void
tn_layer_scratch_clear (TnLayerScratch *self)
{
  tn_pool_release (tn_pool_default (), self->memory);
  self->memory = NULL;
}

gboolean
tn_block_layers_fuse (const TnBlockLayers *block, TnLayerKind first, guint n)
{
  for (guint i = first; i < first + n; i++)
    if (!tn_input_rounding_is_int8 (&block->inputs[i]))
      return FALSE;
  return TRUE;
}

/* Products in fp32 of those layers whose input is rounded like that of layer like. */
static void
run_alike (const TnBlockLayers *block, TnLayerKind first, guint n, TnLayerKind like, const float *x, float *const *y,
           gboolean *done, TnFloatProducts float_products, gpointer user_data)
{
  TnLinear layers[TN_N_LAYERS];
  guint n_alike = 0;

  for (guint i = first; i < first + n; i++)
    if (!done[i] && tn_input_rounding_equal (&block->inputs[i], &block->inputs[like]))
      {
        layers[n_alike++] = (TnLinear){block->weights[i], y[i - first]};
        done[i] = TRUE;
      }
  float_products (layers, n_alike, x, user_data);
}

void
tn_block_layers_forward (const TnBlockLayers *block, TnLayerKind first, guint n, const float *x, const float *gain,
                         double epsilon, gsize n_rows, float *const *y, const TnLayerScratch *scratch,
                         TnFloatProducts float_products, gpointer user_data)
{
  gsize width = (gsize) tn_tensor_columns (tn_block_layer_weight (block, first));
  guint8 *products = scratch->memory != NULL ? scratch->memory + scratch->int8_bytes : NULL;
  float *rounded = (float *) (scratch->memory != NULL ? products + scratch->product_bytes : NULL);
  TnBitLinear ternary[TN_N_LAYERS];
  gboolean done[TN_N_LAYERS] = {FALSE};
  guint n_ternary = 0;
  TnInt8Rows rows;

  if (reads_int8 (block, first, n))
    {
      tn_int8_rows_place (&rows, scratch->memory, n_rows, width);
      tn_int8_rows_quantize (&rows, x, gain, epsilon, n_rows, width, scratch->threads);
    }
  for (guint i = first; i < first + n; i++)
    if (block->ternary[i] != NULL)
      {
        ternary[n_ternary++] = (TnBitLinear){block->ternary[i], y[i - first]};
        done[i] = TRUE;
      }
  if (n_ternary > 0)
    tn_bit_linear_forward (ternary, n_ternary, &rows, n_rows, products, scratch->threads);
  for (guint i = first; i < first + n; i++)
    {
      const TnInputRounding *input = &block->inputs[i];

      if (done[i])
        continue;
      if (tn_input_rounding_is_int8 (input))
        tn_int8_rows_decode (&rows, n_rows, width, rounded, scratch->threads);
      else if (input->rounds)
        tn_input_rounding_apply (input, x, n_rows, width, rounded, scratch->threads);
      run_alike (block, first, n, i, input->rounds ? rounded : x, y, done, float_products, user_data);
    }
}
