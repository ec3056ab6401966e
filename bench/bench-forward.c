/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "bench/random-llama.h"
#include "engine/device/device.h"

/* GFLOP/s of the forward pass with loss beside the bare matrix product on the same threads in the same run; a line a figure.
 * bench-forward [WIDTH LAYERS SEQUENCES LENGTH [f32|f16|bf16]] */

#define ROUNDS 7

typedef struct
{
  TnModel *model;
  TnBatch *batch;
  double gemm, forward; /* GFLOP/s */
} Bench;

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
  g_autoptr (GError) error = NULL;
  TnLlamaConfig config;
  Bench self = {0};

  tn_device_prepare_process (argv);
  if (width == 0 || width % 64 != 0 || layers == 0 || sequences == 0 || length == 0)
    g_error ("the width is a multiple of 64, the other numbers are positive");
  config = tn_random_llama_config (width, layers, length);
  self.model = tn_random_llama_new (&config, dtype, &error);
  if (self.model == NULL)
    g_error ("%s", error->message);
  self.batch = tn_random_batch_new (sequences, length, config.n_vocab);
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
