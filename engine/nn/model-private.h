/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/input-rounding.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* The linear layers of a block, in the order of their sites. */
typedef enum
{
  TN_LAYER_ATTN_Q,
  TN_LAYER_ATTN_K,
  TN_LAYER_ATTN_V,
  TN_LAYER_ATTN_OUTPUT,
  TN_LAYER_FFN_GATE,
  TN_LAYER_FFN_UP,
  TN_LAYER_FFN_DOWN,
  TN_N_LAYERS
} TnLayerKind;

typedef struct
{
  const TnTensor *weights[TN_N_LAYERS]; /* of products in fp32; NULL where ternary is not */
  const TnTensor *ternary[TN_N_LAYERS]; /* of a BitLinear */
  TnInputRounding inputs[TN_N_LAYERS];
  float          *attn_norm, *ffn_norm; /* [n_embd] in fp32 */
  float          *attn_sub_norm;        /* [n_head * head_dim] before the output projection, or NULL */
  float          *ffn_sub_norm;         /* [n_ff] before the down projection, or NULL */
  guint           first_site;           /* of the block: (in, out) of each linear layer, then the residual */
} TnBlockLayers;

struct _TnModel
{
  gatomicrefcount ref_count;
  TnLlamaConfig   config;
  guint64         fingerprint;
  GPtrArray      *parameters; /* TnParameter */
  GHashTable     *by_name;    /* name -> TnParameter */
  GPtrArray      *sites;      /* TnSite */
  GHashTable     *sites_by_name; /* name -> index + 1 */
  TnBlockLayers  *blocks;     /* [n_layer] */
  const TnTensor *embedding;  /* [n_vocab, n_embd] */
  const TnTensor *head;       /* the same when tied */
  float          *output_norm;
  float          *rope_factors;  /* [rope_dim / 2]: what the frequencies are divided by, or NULL */
  gsize           mapped_bytes;  /* of weights that lie in files */
};

static inline const TnTensor *
tn_block_layer_weight (const TnBlockLayers *self, TnLayerKind kind)
{
  return self->ternary[kind] != NULL ? self->ternary[kind] : self->weights[kind];
}

/* The linear layer whose weight has this name; FALSE when there is none. */
gboolean tn_model_find_layer (const TnModel *self, const char *name, guint *block, TnLayerKind *kind);
/* The same model with other linear layers. layers, inputs: [n_layer * TN_N_LAYERS], block by block; a NULL weight stays. */
TnModel *tn_model_with_layers (TnModel *self, TnTensor *const *layers, const TnInputRounding *inputs, GError **error);

static inline const TnSite *
tn_model_layer_site (const TnModel *self, guint block, TnLayerKind kind, TnSiteKind which)
{
  return g_ptr_array_index (self->sites, self->blocks[block].first_site + 2 * kind + (which == TN_SITE_OUTPUT ? 1 : 0));
}

/* From the end: head's input, logits. */
static inline const TnSite *
tn_model_head_site (const TnModel *self, TnSiteKind which)
{
  return g_ptr_array_index (self->sites, self->sites->len - (which == TN_SITE_INPUT ? 2 : 1));
}

static inline TnRopeFunc
tn_llama_rope (const TnLlamaConfig *config)
{
  return tn_rope_get_func (config->rope_layout);
}

G_END_DECLS
