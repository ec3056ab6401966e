/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/kernels/rope.h"
#include "engine/nn/batch.h"
#include "engine/nn/site.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

typedef enum
{
  TN_ACTIVATION_SILU,
  TN_ACTIVATION_RELU2,
} TnActivation;

/* The LLaMA family: RMSNorm, rotary embedding, grouped-query attention, gated feed-forward, no biases. */
typedef struct
{
  guint        n_vocab, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff, n_context;
  guint        rope_dim;     /* leading dimensions of a head that are rotated; head_dim usually */
  double       rope_base;    /* theta */
  double       rope_scale;   /* positions are divided by it (linear scaling); 1 usually */
  double       norm_epsilon;
  TnRopeLayout rope_layout;
  TnActivation activation;
  gboolean     tied;         /* the head is the embedding */
  gint32       bos, eos;     /* -1: none named */
} TnLlamaConfig;

/* TN_ERROR_SHAPE: a size that is 0 or too large, or sizes that do not fit each other. */
gboolean tn_llama_config_validate (const TnLlamaConfig *config, GError **error);

typedef struct
{
  char     *name;        /* canonical (GGUF): "blk.3.ffn_down.weight" */
  char     *source_name; /* as the file has it */
  TnTensor *tensor;
} TnParameter;

void tn_parameter_free (TnParameter *self);

/* Architecture + named parameters + sites. Reference counted; read-only after creation, so any thread may use it;
 * tn_model_forward() must run one call at a time (use tn_compute_run()). */
typedef struct _TnModel TnModel;

/* Checks that every parameter exists and has the shape the config asks for: TN_ERROR_SHAPE and TN_ERROR_NOT_FOUND name it.
 * parameters: TnParameter, element-type full; the model takes a reference. */
TnModel             *tn_model_new_llama      (const TnLlamaConfig *config, GPtrArray *parameters, guint64 fingerprint, GError **error);
TnModel             *tn_model_ref            (TnModel *self);
void                 tn_model_unref          (TnModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnModel, tn_model_unref)
const TnLlamaConfig *tn_model_get_config     (TnModel *self);
guint64              tn_model_get_fingerprint (TnModel *self);
guint                tn_model_n_parameters   (TnModel *self);
const TnParameter   *tn_model_get_parameter  (TnModel *self, guint index);
const TnParameter   *tn_model_find_parameter (TnModel *self, const char *name);
/* TRUE for weights of linear layers inside blocks: what quantization is about (not embeddings, head and norms). */
gboolean             tn_parameter_is_linear  (const TnParameter *parameter);
guint                tn_model_n_sites        (TnModel *self);
const TnSite        *tn_model_get_site       (TnModel *self, guint index);
/* -1 when there is none of that name. */
gint                 tn_model_find_site      (TnModel *self, const char *name);
/* The same model with one tensor replaced (shape must fit; name: canonical). */
TnModel             *tn_model_with_parameter (TnModel *self, const char *name, TnTensor *tensor, GError **error);

/* Called once a batch for every wanted site that is not shared with an earlier one, on the compute thread:
 * x: [batch->n_tokens, site->width], rows in the order of the batch, valid during the call only. */
typedef void (*TnSiteFunc) (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data);

typedef struct
{
  TnSiteKind    kinds;     /* sites to show to observe; 0: none */
  TnSiteFunc    observe;
  gpointer      user_data;
  GCancellable *cancellable;
} TnForwardOptions;

/* What the batch loses, over the rows that have a target: nats, how many there are, and of how many the best guess is the target
 * (smallest id wins ties). Sums of double over rows, in order. */
typedef struct
{
  double   nll_sum;
  guint64  n_scored;
  guint64  n_correct;
} TnLoss;

/* The whole batch through the model; a sequence's activations depend on that sequence alone, to the bit, for any batch,
 * order and number of threads. logits: [n_tokens, n_vocab] or NULL. loss: needs targets; NULL where not wanted (then the head
 * is computed only if a site or logits ask for it). row_nll: [n_tokens] in nats, 0 where not scored; or NULL. TN_ERROR_DATA: a token
 * outside the vocabulary; TN_ERROR_ARGUMENT: a sequence longer than the context; TN_ERROR_MEMORY. */
gboolean tn_model_forward (TnModel *self, const TnBatch *batch, const TnForwardOptions *options,
                           float *logits, TnLoss *loss, double *row_nll, GError **error);

/* Bytes of pool memory that a forward pass over so many tokens in sequences of at most so long takes at its peak. */
gsize    tn_model_estimate_forward_bytes (TnModel *self, gsize n_tokens, guint longest, TnSiteKind kinds);

G_END_DECLS
