/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"
#include "engine/nn/training-layer.h"

G_BEGIN_DECLS

/* TnNetwork: something that can be trained: variables, and how they go onto a tape. Reference counted; recorded and trained by one thread
 * at a time. */
typedef struct _TnNetwork TnNetwork;

/* What goes in. */
typedef enum
{
  TN_NETWORK_TOKENS,   /* INT32 [n_sequences * length], sequences one behind another */
  TN_NETWORK_FEATURES, /* FLOAT [n_sequences, n_features]; length is 1 */
} TnNetworkInput;

typedef struct
{
  gsize n_sequences, length;
} TnNetworkShape;

typedef struct
{
  /* Onto the tape, up to what the last layer reads: [n_sequences * length, width]. NULL where recording failed. */
  TnValue *(*record)     (TnNetwork *self, TnTape *tape, TnValue *input, const TnNetworkShape *shape);
  /* The last layer: [rows, n_classes] from what record() gave. */
  TnValue *(*record_head) (TnNetwork *self, TnTape *tape, TnValue *hidden);
  void     (*free)       (TnNetwork *self);
} TnNetworkClass;

struct _TnNetwork
{
  /*< public, read-only >*/
  const TnNetworkClass *class;
  TnNetworkInput   input;
  gsize            n_features; /* of FEATURES */
  gsize            n_classes;  /* vocabulary, or classes */
  GPtrArray       *variables;  /* TnVariable, in the order of files; no name twice */
  GPtrArray       *layers;     /* TnTrainingLayer: linear and convolutional layers, in the order they run */
  TnVariable      *head;       /* [n_classes, width] where the loss may compute the last layer itself, without a bias; else NULL */
  TnTrainingPrecision *precision; /* of its layers */
  gboolean         frozen;     /* tn_network_freeze(): it is only read, batch norms keep their statistics */
  gboolean         recomputes; /* blocks are computed again for the backward pass; may be set */
  /*< private >*/
  gatomicrefcount  ref_count;
};

TnNetwork  *tn_network_ref   (TnNetwork *self);
void        tn_network_unref (TnNetwork *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnNetwork, tn_network_unref)

/* For those who make one: sets up what all have. */
void        tn_network_init  (TnNetwork *self, const TnNetworkClass *class, const TnTrainingPrecision *precision);
/* A new variable of standard normal numbers times deviation, by seed and name; deviation 0: every element is value. NULL on error. Owned
 * by the network. */
TnVariable *tn_network_add_variable (TnNetwork *self, const char *name, TnRole role, const TnShape *shape, double deviation, double value,
                                     guint64 seed, GError **error);
/* NULL when there is none. */
TnVariable *tn_network_find_variable (TnNetwork *self, const char *name);
/* Trains none of its variables: a teacher. */
void        tn_network_freeze (TnNetwork *self);
/* Elements of all variables. */
guint64     tn_network_count (TnNetwork *self);

/* The LLaMA family (engine/nn/model.h), from scratch: norms 1, matrices normal with this deviation (0: 0.02), those that end in the residual stream
 * divided by sqrt (2 n_layer) (Radford et al., GPT-2, 2019). sub_norms: BitNet's norms in front of the output and the down projection. */
TnNetwork  *tn_network_new_llama (const TnLlamaConfig *config, gboolean sub_norms, double deviation, guint64 seed,
                                  const TnTrainingPrecision *precision, GError **error);
/* With the parameters of a model, decoded. */
TnNetwork  *tn_network_new_from_model (TnModel *model, const TnTrainingPrecision *precision, GError **error);
/* A model over the latent variables as they are now, sharing their memory: norms are copied, so after a step it has to be made anew.
 * TN_ERROR_UNSUPPORTED: not of the LLaMA family. */
TnModel    *tn_network_make_model (TnNetwork *self, GError **error);
const TnLlamaConfig *tn_network_get_llama_config (TnNetwork *self);

/* NULL: the variable is no weight of a layer. */
TnTrainingLayer *tn_network_find_layer (TnNetwork *self, const TnVariable *weight);
/* The weight [out, in] of a layer as it multiplies by it now, rounded with its learned scales and times the factors of its outputs, to out. From any
 * thread; it works on the compute thread. TN_ERROR_MEMORY. */
gboolean    tn_network_round_layer (TnNetwork *self, const TnTrainingLayer *layer, float *out, GError **error);

/* Fully connected layers: sizes[0] features, hidden widths, sizes[n - 1] classes; biases; ReLU between. He initialization. Names "fc.0.weight",
 * "fc.0.bias", ... */
TnNetwork  *tn_network_new_mlp (const gsize *sizes, guint n, guint64 seed, const TnTrainingPrecision *precision, GError **error);

/* Filters of 3 x 3 with padding, each layer with a batch norm, ReLU and the largest of 2 x 2; then a fully connected layer. */
typedef struct
{
  gsize        channels, height, width; /* of the input: n_features = channels * height * width */
  guint        n_layers;
  const gsize *filters;                 /* [n_layers] */
  gsize        n_classes;
} TnCnnConfig;

/* Names "conv.0.weight", [filters, channels * 9], "bn.0.weight", "bn.0.running_mean", "fc.weight", ... Inputs are rounded image by image where their
 * scheme is one a token. TN_ERROR_SHAPE. */
TnNetwork  *tn_network_new_cnn (const TnCnnConfig *config, guint64 seed, const TnTrainingPrecision *precision, GError **error);

G_END_DECLS
