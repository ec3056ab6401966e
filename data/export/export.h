/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/export/export-item.h"
#include "engine/quant/plan.h"

G_BEGIN_DECLS

/* A model into a new file, with its linear layers rounded to schemes. The file is read back and compared with what was meant, to the bit,
 * before it takes its name; on failure nothing is left behind. Memory holds a chunk of rows at a time. */

typedef struct
{
  TnPlan         *plan;       /* schemes of weights, or NULL */
  const TnScheme *scheme;     /* of every linear layer, without a plan; NULL: type alone */
  TnDtype     type;           /* what quantized weights are stored in; INVALID: what the format has for their scheme */
  const char *tokenizer_path; /* or NULL: what belongs to the model */
  const char *activations;    /* fixed scales of the inputs of linear layers (data/models/activation-scales.h), written into GGUF and safetensors;
                                 NULL: those of a GGUF source stay */
} TnExportOptions;

typedef struct
{
  char    *name;        /* canonical */
  char    *scheme;      /* NULL: kept */
  char    *type;        /* as the file has it: "TQ2_0", "F16", "4 bits" */
  guint64  bytes;       /* scales counted */
  double   sqnr_db;     /* as stored, against the source; NaN where bytes were copied */
  double   scale_change; /* largest relative change of a scale by its type */
} TnExportedTensor;

typedef struct
{
  guint64    bytes;   /* of all files */
  GPtrArray *tensors; /* TnExportedTensor */
} TnExportResult;

void     tn_export_result_clear (TnExportResult *self);

/* GGUF, version 3. A GGUF source keeps its metadata byte for byte but for general.file_type and general.quantization_version; another source has to be a
 * model that can run. type: a float or a block form of GGUF. TN_ERROR_SHAPE: rows that do not fit, with what would. */
gboolean tn_export_gguf         (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                                 TnExportResult *result, GError **error);
/* One safetensors file: packed codes and scales (data/models/packed-tensor.h), or rounded values where type is F32, F16 or BF16. */
gboolean tn_export_safetensors  (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                                 TnExportResult *result, GError **error);
/* A folder with a BitNet checkpoint as Hugging Face has it (data/models/ternary-tensor.h): its linear layers are ternary, a scale a tensor, or kept; what
 * reads it rounds the inputs of ternary layers to int8, a scale a token. TN_ERROR_UNSUPPORTED: another scheme, a model that cannot run. */
gboolean tn_export_bitnet       (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                                 TnExportResult *result, GError **error);

/* The dtype of a name as GGUF spells it ("Q4_0"); INVALID when it cannot be written. */
TnDtype  tn_export_type_parse   (const char *name);

G_END_DECLS
