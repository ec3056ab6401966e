/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"
#include "data/export/export.h"

G_BEGIN_DECLS

typedef struct
{
  char *model_path;
  char *plan_path;      /* or NULL */
  char *scheme;         /* of every linear layer, or NULL */
  char *method;         /* how scales are found (app/tasks/method-choice.h), or NULL */
  char *objective;      /* of --method auto, or NULL */
  char *type;           /* of what is quantized, as GGUF names it; NULL: as the scheme wants it */
  char *stats_path;     /* statistics of the activations, whose fixed scales go into the file; or NULL */
  char *activations;    /* with them: the scheme of the inputs of every linear layer; NULL: int8 */
  char *tokenizer_path; /* or NULL */
  char *out_path;       /* NAME.gguf, NAME.safetensors, else a folder for a BitNet checkpoint */
} TnQuantizeOptions;

void tn_quantize_options_free (TnQuantizeOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnQuantizeOptions, tn_quantize_options_free)

typedef struct
{
  char          *out;
  guint          n_activations; /* fixed scales in the file */
  TnExportResult export;
  double         seconds;
} TnQuantizeResult;

void     tn_quantize_result_clear (TnQuantizeResult *self);

/* TN_ERROR_ARGUMENT: options that contradict each other; found before any work. */
gboolean tn_quantize_check        (const TnQuantizeOptions *options, GError **error);
/* A job that writes the quantized model and reads it back. Takes over options. result is filled when it ends and must outlive the job. */
TnJob   *tn_quantize_job_new      (TnQuantizeOptions *options, TnWorkspace *workspace, TnQuantizeResult *result);

G_END_DECLS
