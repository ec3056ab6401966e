/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/training-data.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/datasets/dataset.h"
#include "data/training/image-stream.h"
#include "data/training/token-stream.h"
#include "engine/error.h"

/* An id that no token file can exceed, where neither a tokenizer nor a model says how many there are. */
#define MOST_VOCABULARY 65536

struct _TnTrainingData
{
  TnTokenizer *tokenizer;
  TnTokenStream *tokens;
  TnImageStream *images;
  TnImageSet *set, *test;
  guint batch_size;
  gsize n_classes;
  guint n_validation, next; /* batch of validation, or of the test */
};

void
tn_training_data_free (TnTrainingData *self)
{
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_clear_pointer (&self->tokens, tn_token_stream_free);
  g_clear_pointer (&self->images, tn_image_stream_free);
  g_clear_pointer (&self->set, tn_image_set_unref);
  g_clear_pointer (&self->test, tn_image_set_unref);
  g_free (self);
}

static TnDataset *
open_dataset (TnTrainingData *self, const char *const *paths, const TnListener *listener, GError **error)
{
  return tn_dataset_open (paths, NULL, self->tokenizer, (guint) self->n_classes, listener, error);
}

static gboolean
find_vocabulary (TnTrainingData *self, const TnRecipe *recipe, TnModelFile *model, GError **error)
{
  const TnModelTensor *embedding = model != NULL ? tn_model_file_find_tensor (model, "token_embd.weight") : NULL;

  if (recipe->tokenizer_path != NULL)
    self->tokenizer = tn_tokenizer_find (recipe->tokenizer_path, model, error);
  else if (tn_dataset_needs_tokenizer ((const char *const *) recipe->data_paths, NULL) || model != NULL)
    {
      if (model == NULL)
        g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                             _ ("text needs a tokenizer: set tokenizer to a file, or to the word bytes"));
      else
        self->tokenizer = tn_tokenizer_find (NULL, model, error);
    }
  else
    {
      self->n_classes = recipe->vocabulary > 0 ? recipe->vocabulary : MOST_VOCABULARY;
      return TRUE;
    }
  if (self->tokenizer == NULL)
    return FALSE;
  self->n_classes = embedding != NULL ? (gsize) tn_tensor_rows (embedding->tensor) : tn_tokenizer_get_size (self->tokenizer);
  return TRUE;
}

static gboolean
open_tokens (TnTrainingData *self, const TnRecipe *recipe, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  const TnTokenSequenceOptions reading = {.validation_share = recipe->validation_path != NULL ? 0.0 : recipe->validation_share};
  const TnTokenSequenceOptions whole = {.validation_share = 0.0};
  const TnTokenStreamOptions options = {.seq_len = recipe->seq_len,
                                        .batch_size = recipe->batch_size,
                                        .seed = recipe->seed,
                                        .masked_token = -1};
  const char *validation_paths[] = {recipe->validation_path, NULL};
  g_autoptr (TnDataset) dataset = open_dataset (self, (const char *const *) recipe->data_paths, listener, error);
  g_autoptr (TnDataset) other = NULL;
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL, unused = NULL;

  if (dataset == NULL ||
      !tn_token_sequence_read_dataset (dataset, &reading, listener, cancellable, &training, &validation, error))
    return FALSE;
  if (recipe->validation_path != NULL &&
      ((other = open_dataset (self, validation_paths, listener, error)) == NULL ||
       !tn_token_sequence_read_dataset (other, &whole, listener, cancellable, &validation, &unused, error)))
    return FALSE;
  self->tokens = tn_token_stream_new (training, validation, &options, error);
  if (self->tokens == NULL)
    return FALSE;
  self->n_validation = tn_token_stream_n_validation_batches (self->tokens);
  return TRUE;
}

/* "train-images-idx3-ubyte.gz" has "train-labels-idx1-ubyte.gz" beside it. */
static char *
find_labels (const char *images)
{
  g_autofree char *folder = g_path_get_dirname (images), *name = g_path_get_basename (images);
  g_autoptr (GString) labels = g_string_new (name);

  if (strstr (name, "images") == NULL)
    return NULL;
  g_string_replace (labels, "images", "labels", 0);
  g_string_replace (labels, "idx3", "idx1", 0);
  return g_build_filename (folder, labels->str, NULL);
}

static gboolean
open_test (TnTrainingData *self, const char *path, GError **error)
{
  g_autofree char *labels = find_labels (path);
  gsize classes;

  self->test = tn_image_set_open (path, labels, error);
  if (self->test == NULL)
    return FALSE;
  classes = tn_image_set_n_classes (self->test);
  if (tn_image_set_n_features (self->test) == tn_image_set_n_features (self->set) && classes > 0 && classes <= self->n_classes)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: images of %zu numbers and %zu classes, expected %zu and 1 to %zu"), path,
               (gsize) tn_image_set_n_features (self->test), classes, (gsize) tn_image_set_n_features (self->set),
               self->n_classes);
  return FALSE;
}

static gboolean
open_images (TnTrainingData *self, const TnRecipe *recipe, GError **error)
{
  g_autofree char *labels =
      recipe->labels_path != NULL ? g_strdup (recipe->labels_path) : find_labels (recipe->data_paths[0]);
  TnImageStreamOptions options = {.batch_size = recipe->batch_size, .seed = recipe->seed, .most_shift = recipe->shift};

  if (recipe->data_paths[1] != NULL || recipe->validation_path != NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("images come from one file: validation-share says how many are held out"));
      return FALSE;
    }
  self->set = tn_image_set_open (recipe->data_paths[0], labels, error);
  if (self->set == NULL)
    return FALSE;
  options.n_validation = (guint64) (recipe->validation_share * (double) tn_image_set_count (self->set));
  self->images = tn_image_stream_new (self->set, &options, error);
  if (self->images == NULL)
    return FALSE;
  self->n_classes = tn_image_set_n_classes (self->set);
  self->n_validation = tn_image_stream_n_validation_batches (self->images);
  self->batch_size = recipe->batch_size;
  return recipe->test_path == NULL || open_test (self, recipe->test_path, error);
}

TnTrainingData *
tn_training_data_open (const TnRecipe *recipe, TnModelFile *model, const TnListener *listener, GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (TnTrainingData) self = g_new0 (TnTrainingData, 1);
  gboolean ok;

  if (recipe->data_paths == NULL || recipe->data_paths[0] == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--data PATH is missing"));
      return NULL;
    }
  if (recipe->test_path != NULL && (recipe->architecture == TN_ARCHITECTURE_LLAMA || model != NULL))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("test is of images; ternion eval scores a model on text"));
      return NULL;
    }
  if (recipe->architecture == TN_ARCHITECTURE_LLAMA || model != NULL)
    ok = find_vocabulary (self, recipe, model, error) && open_tokens (self, recipe, listener, cancellable, error);
  else
    ok = open_images (self, recipe, error);
  if (recipe->validation_batches > 0)
    self->n_validation = MIN (self->n_validation, recipe->validation_batches);
  return ok ? g_steal_pointer (&self) : NULL;
}

TnTokenizer *
tn_training_data_get_tokenizer (TnTrainingData *self)
{
  return self->tokenizer;
}

gsize
tn_training_data_n_classes (TnTrainingData *self)
{
  return self->n_classes;
}

gsize
tn_training_data_n_features (TnTrainingData *self, gsize *channels, gsize *height, gsize *width)
{
  guint c = 0, h = 0, w = 0;

  if (self->set != NULL)
    tn_image_set_get_shape (self->set, &c, &h, &w);
  *channels = c;
  *height = h;
  *width = w;
  return (gsize) c * h * w;
}

guint64
tn_training_data_fingerprint (TnTrainingData *self)
{
  return self->tokens != NULL ? tn_token_stream_fingerprint (self->tokens) : tn_image_stream_fingerprint (self->images);
}

TnStreamPosition
tn_training_data_get_position (TnTrainingData *self)
{
  return self->tokens != NULL ? tn_token_stream_get_position (self->tokens) : tn_image_stream_get_position (self->images);
}

gboolean
tn_training_data_set_position (TnTrainingData *self, TnStreamPosition position, GError **error)
{
  return self->tokens != NULL ? tn_token_stream_set_position (self->tokens, position, error)
                              : tn_image_stream_set_position (self->images, position, error);
}

gboolean
tn_training_data_fill (gpointer inputs, gint32 *targets, gpointer data, GError **error)
{
  TnTrainingData *self = data;

  if (self->tokens != NULL)
    return tn_token_stream_fill (self->tokens, inputs, targets, error);
  tn_image_stream_fill (self->images, inputs, targets);
  return TRUE;
}

guint
tn_training_data_n_validation (TnTrainingData *self)
{
  return self->n_validation;
}

void
tn_training_data_rewind (TnTrainingData *self)
{
  self->next = 0;
}

gboolean
tn_training_data_fill_validation (gpointer inputs, gint32 *targets, gpointer data, GError **error)
{
  TnTrainingData *self = data;
  guint batch = self->next++;

  if (self->tokens != NULL)
    return tn_token_stream_fill_validation (self->tokens, batch, inputs, targets, error);
  tn_image_stream_fill_validation (self->images, batch, inputs, targets);
  return TRUE;
}

guint
tn_training_data_n_test (TnTrainingData *self)
{
  return self->test != NULL ? (guint) ((tn_image_set_count (self->test) + self->batch_size - 1) / self->batch_size) : 0;
}

gboolean
tn_training_data_fill_test (gpointer inputs, gint32 *targets, gpointer data, GError **error)
{
  TnTrainingData *self = data;

  tn_image_stream_fill_from (self->images, self->test, (guint64) self->next++ * self->batch_size, inputs, targets);
  return TRUE;
}
