/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/checkpoint-model.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/network-arrays.h"
#include "app/tasks/train-network.h"
#include "app/tasks/train-state.h"
#include "data/export/trained-model.h"
#include "engine/device/device.h"
#include "engine/error.h"

#define PREFIX "model/"

/* What the network is made from, on the compute thread. */
typedef struct
{
  TnCheckpointFile *file;
  const TnTrainOptions *options;
  TnModelFile *model;     /* or NULL */
  TnTrainingData *data;   /* where model is NULL */
  TnNetwork *network;
  GError **error;
} Source;

static void
source_clear (Source *self)
{
  g_clear_pointer (&self->network, tn_network_unref);
  g_clear_pointer (&self->data, tn_training_data_free);
  g_clear_pointer (&self->model, tn_model_file_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

/* What a run from scratch wrote has the network's own form; a model it started from may keep its rows in another order. */
static char *
find_written (TnCheckpointFile *file)
{
  g_autofree char *checkpoints = g_path_get_dirname (tn_checkpoint_file_get_path (file));
  g_autofree char *run = g_path_get_dirname (checkpoints), *model = g_build_filename (run, "model", NULL),
                  *weights = g_build_filename (model, "model.safetensors", NULL);

  return g_file_test (weights, G_FILE_TEST_EXISTS) ? g_steal_pointer (&model) : NULL;
}

static gboolean
open_source (Source *self, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autofree char *written = self->options->model_path == NULL ? find_written (self->file) : NULL;
  const char *path = self->options->model_path != NULL ? self->options->model_path : written;

  if (path != NULL)
    return (self->model = tn_model_file_open (path, error)) != NULL &&
           (written != NULL || tn_training_checkpoint_check_model (self->file, self->model, error));
  self->data = tn_training_data_open (self->options->recipe, NULL, listener, cancellable, error);
  return self->data != NULL;
}

static void
make_network (gpointer user_data)
{
  Source *self = user_data;
  g_autoptr (TnTrainingPrecision) precision = tn_recipe_make_precision (self->options->recipe, self->error);
  g_autoptr (TnNetwork) network = NULL;

  if (precision == NULL)
    return;
  network = tn_train_make_network (self->options->recipe, self->model, self->data, precision, self->error);
  if (network != NULL && tn_network_take_arrays (network, tn_checkpoint_file_get_arrays (self->file), PREFIX,
                                                 tn_checkpoint_file_get_path (self->file), self->error))
    self->network = g_steal_pointer (&network);
}

static TnTokenizer *
find_tokenizer (const Source *self)
{
  if (self->data != NULL)
    return tn_training_data_get_tokenizer (self->data) != NULL ? tn_tokenizer_ref (tn_training_data_get_tokenizer (self->data)) : NULL;
  return tn_tokenizer_find (self->options->recipe->tokenizer_path, self->model, NULL);
}

gboolean
tn_checkpoint_write_model (TnCheckpointFile *file, const TnTrainOptions *options, const char *folder, const TnListener *listener,
                           GCancellable *cancellable, GError **error)
{
  g_auto (Source) source = {.file = file, .options = options, .error = error};
  g_autoptr (TnTokenizer) tokenizer = NULL;

  if (tn_train_is_on_images (options))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: is of a network on images, expected one of the LLaMA family: only those are analyzed"),
                   tn_checkpoint_file_get_path (file));
      return FALSE;
    }
  if (!open_source (&source, listener, cancellable, error))
    return FALSE;
  tn_compute_run (make_network, &source);
  if (source.network == NULL)
    return FALSE;
  tokenizer = find_tokenizer (&source);
  return tn_trained_model_write (source.network, "llama", tokenizer, folder, listener, error);
}
