/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/rotation.h"

#include <string.h>

#include "engine/autograd/functions/hadamard.h"
#include "engine/random.h"

#define MOST_BLOCK 4096

/* Rows [rows, columns] times diag (gain). */
static void
scale_columns (float *w, gsize rows, gsize columns, const float *gain)
{
  for (gsize row = 0; row < rows; row++)
    for (gsize i = 0; i < columns; i++)
      w[row * columns + i] *= gain[i];
}

/* A gain into the layers that read its norm. FALSE: no memory. */
static gboolean
fold_gain (TnModelEdit *edit, guint block, const char *norm, const char *const *parts, const gsize *rows, gsize width,
           GError **error)
{
  float *gain = tn_model_edit_take_block (edit, block, norm, error);

  if (gain == NULL)
    return error == NULL || *error == NULL;
  for (guint i = 0; parts[i] != NULL; i++)
    {
      float *w = tn_model_edit_take_block (edit, block, parts[i], error);

      if (w == NULL)
        return FALSE;
      scale_columns (w, rows[i], width, gain);
    }
  for (gsize i = 0; i < width; i++)
    gain[i] = 1.0f;
  return TRUE;
}

gboolean
tn_fold_norm_gains (TnModelEdit *edit, guint64 *added_bytes, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);
  gsize width = config->n_embd, heads = (gsize) config->n_head * config->head_dim,
        heads_kv = (gsize) config->n_head_kv * config->head_dim;
  float *gain, *head;

  if (!tn_model_edit_untie (edit, added_bytes, error))
    return FALSE;
  for (guint block = 0; block < config->n_layer; block++)
    if (!fold_gain (edit, block, "attn_norm", (const char *const[]){"attn_q", "attn_k", "attn_v", NULL},
                    (const gsize[]){heads, heads_kv, heads_kv}, width, error) ||
        !fold_gain (edit, block, "attn_sub_norm", (const char *const[]){"attn_output", NULL}, &width, heads, error) ||
        !fold_gain (edit, block, "ffn_norm", (const char *const[]){"ffn_gate", "ffn_up", NULL},
                    (const gsize[]){config->n_ff, config->n_ff}, width, error) ||
        !fold_gain (edit, block, "ffn_sub_norm", (const char *const[]){"ffn_down", NULL}, &width, config->n_ff, error))
      return FALSE;
  gain = tn_model_edit_take (edit, "output_norm.weight", error);
  head = gain != NULL ? tn_model_edit_take (edit, "output.weight", error) : NULL;
  if (head == NULL)
    return FALSE;
  scale_columns (head, config->n_vocab, width, gain);
  for (gsize i = 0; i < width; i++)
    gain[i] = 1.0f;
  return TRUE;
}

static gsize
get_block (gsize width)
{
  gsize block = 1;

  while (block < MOST_BLOCK && width % (block * 2) == 0)
    block *= 2;
  return block;
}

/* Rows become x R; signs may be NULL. */
static void
rotate_rows (float *w, gsize rows, gsize width, const float *signs, gsize block)
{
#pragma omp parallel for schedule(static)
  for (gsize row = 0; row < rows; row++)
    {
      float *x = w + row * width;

      for (gsize i = 0; signs != NULL && i < width; i++)
        x[i] *= signs[i];
      for (gsize i = 0; i < width; i += block)
        tn_hadamard_transform (x + i, block, x + i);
    }
}

/* W becomes R^T W: its columns are rotated as rows are above. */
static void
rotate_columns (float *w, gsize rows, gsize columns, const float *signs, gsize block)
{
#pragma omp parallel for schedule(static)
  for (gsize column = 0; column < columns; column++)
    {
      g_autofree float *x = g_new (float, rows);

      for (gsize i = 0; i < rows; i++)
        x[i] = w[i * columns + column];
      rotate_rows (x, 1, rows, signs, block);
      for (gsize i = 0; i < rows; i++)
        w[i * columns + column] = x[i];
    }
}

static gboolean
rotate_block (TnModelEdit *edit, guint index, const float *signs, gsize block, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);
  gsize width = config->n_embd, heads = (gsize) config->n_head * config->head_dim,
        heads_kv = (gsize) config->n_head_kv * config->head_dim;
  const struct
  {
    const char *part;
    gsize rows; /* 0: a writer */
    gsize columns;
  } layers[] = {
      {"attn_q", heads, width},      {"attn_k", heads_kv, width},       {"attn_v", heads_kv, width},
      {"attn_output", 0, heads},     {"ffn_gate", config->n_ff, width}, {"ffn_up", config->n_ff, width},
      {"ffn_down", 0, config->n_ff},
  };

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      float *w = tn_model_edit_take_block (edit, index, layers[i].part, error);

      if (w == NULL)
        return FALSE;
      if (layers[i].rows > 0)
        rotate_rows (w, layers[i].rows, width, signs, block);
      else
        rotate_columns (w, width, layers[i].columns, signs, block);
    }
  return TRUE;
}

gboolean
tn_rotate_residual (TnModelEdit *edit, guint64 seed, TnRotationReport *report, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);
  gsize width = config->n_embd;
  TnRandom random = tn_random_stream (seed, "rotation");
  g_autofree float *signs = g_new (float, width);
  float *embedding, *head;

  report->residual_block = get_block (width);
  for (gsize i = 0; i < width; i++)
    signs[i] = tn_random_below (&random, 2) == 0 ? 1.0f : -1.0f;
  if (!tn_fold_norm_gains (edit, &report->added_bytes, error) ||
      (embedding = tn_model_edit_take (edit, "token_embd.weight", error)) == NULL ||
      (head = tn_model_edit_take (edit, "output.weight", error)) == NULL)
    return FALSE;
  rotate_rows (embedding, config->n_vocab, width, signs, report->residual_block);
  rotate_rows (head, config->n_vocab, width, signs, report->residual_block);
  for (guint i = 0; i < config->n_layer; i++)
    if (!rotate_block (edit, i, signs, report->residual_block, error))
      return FALSE;
  return TRUE;
}

/* One block's values and what reads them. */
static gboolean
rotate_block_values (TnModelEdit *edit, guint index, gsize block, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);
  gsize heads = (gsize) config->n_head * config->head_dim, width = config->n_embd;
  float *v = tn_model_edit_take_block (edit, index, "attn_v", error);
  float *output = v != NULL ? tn_model_edit_take_block (edit, index, "attn_output", error) : NULL;

  if (output == NULL ||
      !fold_gain (edit, index, "attn_sub_norm", (const char *const[]){"attn_output", NULL}, &width, heads, error))
    return FALSE;
  for (gsize head = 0; head < config->n_head_kv; head++)
    rotate_columns (v + head * config->head_dim * width, config->head_dim, width, NULL, block);
  rotate_rows (output, width, heads, NULL, block);
  return TRUE;
}

gboolean
tn_rotate_values (TnModelEdit *edit, TnRotationReport *report, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);

  report->value_block = get_block (config->head_dim);
  for (guint i = 0; i < config->n_layer; i++)
    if (!rotate_block_values (edit, i, report->value_block, error))
      return FALSE;
  return TRUE;
}
