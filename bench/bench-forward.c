/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "engine/device/device.h"
#include "engine/nn/model.h"
#include "engine/random.h"

/* GFLOP/s of the forward pass with loss beside the bare matrix product on the same threads in the same run; a line a figure.
 * bench-forward [WIDTH LAYERS SEQUENCES LENGTH [f32|f16|bf16]] */

#define ROUNDS 7

typedef struct
{
  TnModel *model;
  TnBatch *batch;
  double gemm, forward; /* GFLOP/s */
} Bench;

static void
add_random (GPtrArray *parameters, TnDtype dtype, char *name, guint64 rows, guint64 columns)
{
  const guint64 shape[] = {rows, columns};
  gboolean norm = rows == 1;
  TnParameter *parameter = g_new (TnParameter, 1);
  TnRandom random = tn_random_stream (1, name);
  double scale = 1.0 / sqrt ((double) columns);
  TnTensor *tensor =
      tn_tensor_new (norm ? TN_DTYPE_F32 : dtype, norm ? 1 : 2, norm ? shape + 1 : shape, TN_PURPOSE_WEIGHTS, NULL);
  void *data = tn_tensor_get_writable (tensor);

  for (guint64 i = 0; i < rows * columns; i++)
    {
      float value = norm ? 1.0f : (float) (scale * (2.0 * tn_random_uniform (&random) - 1.0));

      if (tensor->dtype == TN_DTYPE_F32)
        ((float *) data)[i] = value;
      else
        ((guint16 *) data)[i] = tensor->dtype == TN_DTYPE_F16 ? tn_f32_to_f16 (value) : tn_f32_to_bf16 (value);
    }
  *parameter = (TnParameter){name, g_strdup (name), tensor};
  g_ptr_array_add (parameters, parameter);
}

static TnModel *
make_model (guint width, guint layers, guint length, TnDtype dtype)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  guint head_dim = 64, kv = MAX (width / 4 / head_dim, 1) * head_dim, ff = (width * 8 / 3 + 63) / 64 * 64;
  const TnLlamaConfig config = {
      .n_vocab = 4096,
      .n_embd = width,
      .n_layer = layers,
      .n_head = width / head_dim,
      .n_head_kv = kv / head_dim,
      .head_dim = head_dim,
      .n_ff = ff,
      .n_context = length,
      .rope_dim = head_dim,
      .rope_base = 10000.0,
      .rope_scale = 1.0,
      .norm_epsilon = 1e-5,
      .tied = TRUE,
  };
  const struct
  {
    const char *name;
    guint rows, columns;
  } shapes[] = {
      {"attn_norm", 1, width}, {"attn_q", width, width},      {"attn_k", kv, width},
      {"attn_v", kv, width},   {"attn_output", width, width}, {"ffn_norm", 1, width},
      {"ffn_gate", ff, width}, {"ffn_up", ff, width},         {"ffn_down", width, ff},
  };
  g_autoptr (GError) error = NULL;
  TnModel *model;

  add_random (parameters, dtype, g_strdup ("token_embd.weight"), config.n_vocab, width);
  add_random (parameters, dtype, g_strdup ("output_norm.weight"), 1, width);
  for (guint layer = 0; layer < layers; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
      add_random (parameters, dtype, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name), shapes[i].rows,
                  shapes[i].columns);
  model = tn_model_new_llama (&config, parameters, 1, &error);
  if (model == NULL)
    g_error ("%s", error->message);
  return model;
}

static TnBatch *
make_batch (guint n, guint length, guint n_vocab)
{
  g_autofree gint32 *tokens = g_new (gint32, (gsize) n * length);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n);
  TnRandom random = tn_random_stream (1, "tokens");

  for (gsize i = 0; i < (gsize) n * length; i++)
    tokens[i] = (gint32) tn_random_below (&random, n_vocab);
  for (guint s = 0; s < n; s++)
    sequences[s] = (TnSequence){.length = length, .tokens = tokens + (gsize) s * length, .targets = tokens + (gsize) s * length};
  return tn_batch_new (sequences, n);
}

/* Multiplications and additions of the linear layers, the attention (its causal half) and the head. */
static double
count_operations (TnModel *model, const TnBatch *batch)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  double weights = (double) config->n_vocab * config->n_embd, attention = 0.0;

  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    if (tn_parameter_is_linear (tn_model_get_parameter (model, i)))
      weights += (double) tn_model_get_parameter (model, i)->tensor->count;
  for (guint s = 0; s < batch->n_sequences; s++)
    attention += 2.0 * config->n_layer * config->n_head * config->head_dim * pow (batch->sequences[s].length, 2.0);
  return 2.0 * weights * (double) batch->n_tokens + attention;
}

/* All tokens by a square weight: what the library reaches when nothing else is asked of it. */
static double
measure_gemm (gsize tokens, gsize width)
{
  g_autofree float *a = g_new (float, tokens *width);
  g_autofree float *b = g_new (float, width *width);
  g_autofree float *c = g_new (float, tokens *width);
  double best = 0.0;

  for (gsize i = 0; i < tokens * width; i++)
    a[i] = (float) (i % 7) - 3.0f;
  for (gsize i = 0; i < width * width; i++)
    b[i] = (float) (i % 5) - 2.0f;
  for (guint round = 0; round < 3 * ROUNDS; round++)
    {
      double start = omp_get_wtime ();

      cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) tokens, (blasint) width, (blasint) width, 1.0f, a,
                   (blasint) width, b, (blasint) width, 0.0f, c, (blasint) width);
      best = MAX (best, 2.0e-9 * (double) (tokens * width * width) / (omp_get_wtime () - start));
    }
  return best;
}

static void
measure (gpointer user_data)
{
  Bench *self = user_data;
  double operations = count_operations (self->model, self->batch);
  guint width = tn_model_get_config (self->model)->n_embd;

  /* Turn about, so that both see the same load of the machine. */
  for (guint round = 0; round < ROUNDS; round++)
    {
      double start = omp_get_wtime ();
      g_autoptr (GError) error = NULL;
      TnLoss loss;

      if (!tn_model_forward (self->model, self->batch, NULL, NULL, &loss, NULL, &error))
        g_error ("%s", error->message);
      self->forward = MAX (self->forward, 1e-9 * operations / (omp_get_wtime () - start));
      self->gemm = MAX (self->gemm, measure_gemm (self->batch->n_tokens, width));
    }
}

int
main (int argc, char **argv)
{
  guint width = argc > 4 ? (guint) atoi (argv[1]) : 512, layers = argc > 4 ? (guint) atoi (argv[2]) : 4;
  guint sequences = argc > 4 ? (guint) atoi (argv[3]) : 4, length = argc > 4 ? (guint) atoi (argv[4]) : 256;
  const char *type = argc > 5 ? argv[5] : "f32";
  TnDtype dtype = g_str_equal (type, "f16") ? TN_DTYPE_F16 : g_str_equal (type, "bf16") ? TN_DTYPE_BF16 : TN_DTYPE_F32;
  Bench self = {0};

  tn_device_prepare_process (argv);
  if (width == 0 || width % 64 != 0 || layers == 0 || sequences == 0 || length == 0)
    g_error ("the width is a multiple of 64, the other numbers are positive");
  self.model = make_model (width, layers, length, dtype);
  self.batch = make_batch (sequences, length, tn_model_get_config (self.model)->n_vocab);
  tn_compute_run (measure, &self);
  g_print ("forward_gflops %.1f GFLOP/s\n", self.forward);
  g_print ("sgemm_gflops %.1f GFLOP/s\n", self.gemm);
  g_print ("forward_vs_sgemm %.3f ratio\n", self.forward / self.gemm);
  g_print ("# width %u, layers %u, %u x %u tokens, %s, %u threads, %s\n", width, layers, sequences, length, type,
           tn_device_get_threads (), tn_device_auto_select ()->blas);
  tn_batch_unref (self.batch);
  tn_model_unref (self.model);
  return 0;
}
