/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-reader.h"
#include "data/files/mapped-file.h"
#include "data/models/gguf.h"
#include "data/models/model-file.h"
#include "data/models/safetensors.h"
#include "engine/error.h"

G_BEGIN_DECLS

/* What a file says of a part of itself; looked at when the model is loaded. */
typedef struct
{
  const char     *name;   /* of the tensor */
  const TnTensor *tensor; /* one of the file's: what the bytes belong to */
  const guint8   *data;
  guint64         bytes;
  guint32         crc32c;
} TnModelChecksum;

/* Where the linear layers of a BitNet get their ternary weights. */
typedef enum
{
  TN_BITNET_NONE,    /* the model is none */
  TN_BITNET_PACKED,  /* Hugging Face: U8 codes and a weight_scale */
  TN_BITNET_MASTERS, /* ternarized by absmean when the model is loaded */
  TN_BITNET_STORED,  /* GGUF, and safetensors of our own: as stored where that is ternary, else like masters */
} TnBitnetSource;

struct _TnModelFile
{
  gatomicrefcount ref_count;
  char           *path;
  const char     *format;
  char           *architecture;
  GPtrArray      *files;          /* paths */
  guint64         bytes;
  guint64         n_elements;
  GPtrArray      *tensors;        /* TnModelTensor */
  GHashTable     *by_name;        /* canonical name -> TnModelTensor */
  GHashTable     *by_source_name;
  GHashTable     *metadata;
  GError         *cannot_run;     /* what tn_model_file_load() answers; NULL when config holds */
  char           *config_json;    /* config.json of Hugging Face as it stands there, or NULL */
  GArray         *checksums;      /* TnModelChecksum */
  TnLlamaConfig   config;
  struct
  {
    TnBitnetSource source;
    gboolean       sub_norms;     /* norms before the output and down projections */
    gboolean       scale_divides; /* PACKED: weight = code / weight_scale, else code * weight_scale */
    GPtrArray     *exceptions;    /* names of modules that are no BitLinear */
  } bitnet;
  GMutex          mutex;          /* over the two below */
  gboolean        has_fingerprint;
  guint64         fingerprint;
};

/* What readers build a file with. Format is static. */
TnModelFile *tn_model_file_new          (const char *path, const char *format, const char *architecture);
/* A file its tensors lie in; its bytes count. */
void         tn_model_file_add_part     (TnModelFile *self, TnMappedFile *file);
/* name: canonical, NULL for the source's own (also used where the canonical one is taken). Takes over tensor. dtype_name lives as
 * long as the tensor. */
void         tn_model_file_add_tensor   (TnModelFile *self, const char *name, const char *source_name, const char *dtype_name, TnTensor *tensor);
/* The same tensor in a layout that is understood; takes over tensor. dtype_name is static. */
void         tn_model_file_replace_tensor (TnModelFile *self, TnModelTensor *entry, const char *dtype_name, TnTensor *tensor);
/* Takes over value, and cuts it when it is long. */
void         tn_model_file_add_metadata (TnModelFile *self, const char *key, char *value);
/* Tensors of one safetensors file, those that are quantized (data/models/packed-tensor.h) as what they stand for; rename: to canonical names. */
gboolean     tn_model_file_add_safetensors (TnModelFile *self, TnSafetensors *file, gboolean rename, GError **error);
/* Tensors of a GGUF file, and of the other parts of a model of several (llama.cpp, tools/gguf-split) where it is the first. TN_ERROR_UNSUPPORTED:
 * it is another part; TN_ERROR_FORMAT, TN_ERROR_NOT_FOUND: the parts do not belong together, one is missing. */
gboolean     tn_model_file_add_gguf     (TnModelFile *self, TnMappedFile *file, TnGguf *gguf, GError **error);
/* The first reason counts. */
void         tn_model_file_refuse_run   (TnModelFile *self, TnErrorCode code, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Readers of the formats. */
TnModelFile *tn_model_file_open_gguf        (TnMappedFile *file, GError **error);
TnModelFile *tn_model_file_open_safetensors (TnMappedFile *file, GError **error);
TnModelFile *tn_model_file_open_llama2c     (TnMappedFile *file, GError **error);
/* folder/config.json with folder/model.safetensors, its shards, or the only safetensors file there. */
TnModelFile *tn_model_file_open_huggingface (const char *folder, GError **error);
/* index: a parsed model.safetensors.index.json that lies in folder. */
TnModelFile *tn_model_file_open_shards      (const char *index_path, const TnJsonNode *index, GError **error);

/* Whether the bytes are a llama2.c checkpoint: the magic number of version 1 and later, or a version 0 header and exactly the size
 * that follows from it. */
gboolean     tn_llama2c_recognise (const guint8 *data, gsize bytes);
/* For the message about a file that is nothing: the size a plausible version 0 header asks for, 0 when it is not plausible. */
guint64      tn_llama2c_expected_bytes (const guint8 *data, gsize bytes);

/* "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"; NULL for names that are not LLaMA's. Free with g_free(). */
char        *tn_huggingface_canonical_name (const char *name);
/* Fills config of self from a parsed config.json, or says why the model cannot run. */
void         tn_huggingface_read_config (TnModelFile *self, const TnJsonNode *config);

/* "blk.3.ffn_up.weight" -> "model.layers.3.mlp.up_proj.weight"; NULL for names that are not LLaMA's. Free with g_free(). */
char        *tn_huggingface_source_name (const char *canonical);

/* "quantization_config" of a model whose quant_method is bitnet. */
void         tn_bitnet_read_quantization (TnModelFile *self, const TnJsonNode *quantization);
/* Once all tensors and the config are there: packed tensors become readable, metadata "ternion.reader.…" say what was decided. */
void         tn_bitnet_prepare (TnModelFile *self);
/* The weight of a linear layer with what multiplies its product; marks that tensor as used. A new reference. */
TnTensor    *tn_bitnet_scale_weight (TnModelFile *self, const char *name, TnTensor *tensor, GHashTable *used, GError **error);
/* The model with BitLinear layers. */
TnModel     *tn_bitnet_convert (TnModelFile *self, TnModel *model, GError **error);

/* Checks the numbers of self->config against each other; refuses the run naming the first that is wrong. */
void         tn_llama_config_check (TnModelFile *self);

G_END_DECLS
