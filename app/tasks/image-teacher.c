/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/image-teacher.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/network-arrays.h"
#include "data/export/trained-model.h"
#include "data/files/mapped-file.h"
#include "data/models/safetensors.h"
#include "data/training/checkpoint.h"
#include "engine/error.h"

#define CHECKPOINT_SUFFIX ".checkpoint.safetensors"
#define WINDOW 3

/* Where its arrays are, and what is known of it. */
typedef struct
{
  const char *path;
  const char *prefix;      /* of names in the file */
  TnCheckpointFile *checkpoint;
  TnSafetensors *arrays;
  TnArchitecture architecture;
  TnTrainingPrecision *precision;
} Source;

static void
source_clear (Source *self)
{
  g_clear_pointer (&self->arrays, tn_safetensors_unref);
  g_clear_pointer (&self->checkpoint, tn_checkpoint_file_free);
  g_clear_pointer (&self->precision, tn_training_precision_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static gboolean
open_checkpoint (Source *self, GError **error)
{
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  const char *text;

  self->prefix = "model/";
  self->checkpoint = tn_checkpoint_file_open (self->path, error);
  text = self->checkpoint != NULL ? tn_checkpoint_file_get_text (self->checkpoint, "recipe", error) : NULL;
  if (text == NULL || !tn_recipe_load_text (recipe, self->path, text, strlen (text), error))
    return FALSE;
  self->arrays = tn_safetensors_ref (tn_checkpoint_file_get_arrays (self->checkpoint));
  self->architecture = recipe->architecture;
  self->precision = tn_recipe_make_precision (recipe, error);
  return self->precision != NULL;
}

static gboolean
open_model (Source *self, GError **error)
{
  g_autofree char *inside = g_build_filename (self->path, "model.safetensors", NULL);
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (g_file_test (self->path, G_FILE_TEST_IS_DIR) ? inside : self->path, error);
  const char *architecture, *rounding;

  self->prefix = "";
  self->arrays = file != NULL ? tn_safetensors_open (file, error) : NULL;
  if (self->arrays == NULL)
    return FALSE;
  architecture = tn_safetensors_get_metadata (self->arrays, TN_TRAINED_ARCHITECTURE_KEY);
  rounding = tn_safetensors_get_metadata (self->arrays, TN_TRAINED_ROUNDING_KEY);
  if (rounding != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: this teacher was trained to round (%s), and its model does not say how: expected its checkpoint"), self->path,
                   rounding);
      return FALSE;
    }
  self->architecture = architecture != NULL && strcmp (architecture, "cnn") == 0   ? TN_ARCHITECTURE_CNN
                       : architecture != NULL && strcmp (architecture, "mlp") == 0 ? TN_ARCHITECTURE_MLP
                                                                                    : TN_ARCHITECTURE_LLAMA;
  self->precision = tn_training_precision_new (error);
  return self->precision != NULL;
}

static const TnSafetensorsEntry *
find_matrix (const Source *self, const char *format, guint index)
{
  g_autofree char *number = g_strdup_printf ("%u", index);
  g_auto (GStrv) parts = g_strsplit (format, "#", 2);
  g_autofree char *name = g_strconcat (self->prefix, parts[0], parts[1] != NULL ? number : "", parts[1], NULL);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (self->arrays, name);

  return entry != NULL && entry->n_dims == 2 && entry->shape[0] <= 1 << 20 && entry->shape[1] <= 1 << 24 ? entry : NULL;
}

static TnNetwork *
make_mlp (const Source *self, GError **error)
{
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  const TnSafetensorsEntry *entry;

  for (guint i = 0; (entry = find_matrix (self, "fc.#.weight", i)) != NULL; i++)
    {
      const gsize ends[] = {(gsize) entry->shape[1], (gsize) entry->shape[0]};

      g_array_append_vals (sizes, i == 0 ? ends : ends + 1, i == 0 ? 2 : 1);
    }
  return tn_network_new_mlp ((const gsize *) (const void *) sizes->data, sizes->len, 0, self->precision, error);
}

static TnNetwork *
make_cnn (const Source *self, TnTrainingData *data, GError **error)
{
  g_autoptr (GArray) filters = g_array_new (FALSE, FALSE, sizeof (gsize));
  const TnSafetensorsEntry *entry, *last = find_matrix (self, "fc.weight", 0);
  TnCnnConfig config = {.n_classes = last != NULL ? (gsize) last->shape[0] : 0};

  tn_training_data_n_features (data, &config.channels, &config.height, &config.width);
  for (guint i = 0; (entry = find_matrix (self, "conv.#.weight", i)) != NULL; i++)
    {
      gsize n = (gsize) entry->shape[0];

      if (i == 0 && entry->shape[1] != config.channels * WINDOW * WINDOW)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: the teacher's images have %zu channels, these have %zu"), self->path,
                       (gsize) entry->shape[1] / (WINDOW * WINDOW), config.channels);
          return NULL;
        }
      g_array_append_val (filters, n);
    }
  config.n_layers = filters->len;
  config.filters = (const gsize *) (const void *) filters->data;
  return tn_network_new_cnn (&config, 0, self->precision, error);
}

TnNetwork *
tn_image_teacher_load (const char *path, TnTrainingData *data, GError **error)
{
  g_auto (Source) source = {.path = path};
  g_autoptr (TnNetwork) network = NULL;

  if (!(g_str_has_suffix (path, CHECKPOINT_SUFFIX) ? open_checkpoint (&source, error) : open_model (&source, error)))
    return NULL;
  if (source.architecture == TN_ARCHITECTURE_LLAMA)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: is no network on images: expected what training with arch mlp or cnn wrote"),
                   path);
      return NULL;
    }
  network = source.architecture == TN_ARCHITECTURE_MLP ? make_mlp (&source, error) : make_cnn (&source, data, error);
  if (network == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  if (!tn_network_take_arrays (network, source.arrays, source.prefix, path, error))
    return NULL;
  tn_network_freeze (network);
  return g_steal_pointer (&network);
}
