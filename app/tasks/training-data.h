/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/recipe.h"
#include "data/models/model-file.h"
#include "data/tokenizers/tokenizer.h"
#include "data/training/stream-position.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* What a recipe trains on: a stream of tokens, or of images with labels. One thread at a time. */
typedef struct _TnTrainingData TnTrainingData;

/* Opens and reads the data that the recipe names. model: whose tokenizer is taken where the recipe names none; or NULL. */
TnTrainingData  *tn_training_data_open         (const TnRecipe *recipe, TnModelFile *model, const TnListener *listener,
                                                GCancellable *cancellable, GError **error);
void             tn_training_data_free         (TnTrainingData *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTrainingData, tn_training_data_free)
/* NULL: images, or tokens without one. */
TnTokenizer     *tn_training_data_get_tokenizer (TnTrainingData *self);
/* Classes, or the vocabulary. */
gsize            tn_training_data_n_classes    (TnTrainingData *self);
/* Of an image: channels, height and width; 0 of tokens. */
gsize            tn_training_data_n_features   (TnTrainingData *self, gsize *channels, gsize *height, gsize *width);
guint64          tn_training_data_fingerprint  (TnTrainingData *self);
TnStreamPosition tn_training_data_get_position (TnTrainingData *self);
gboolean         tn_training_data_set_position (TnTrainingData *self, TnStreamPosition position, GError **error);
/* TnFillFunc: the next batch; user_data is the data. */
gboolean         tn_training_data_fill         (gpointer inputs, gint32 *targets, gpointer self, GError **error);
/* Batches of validation, at most what the recipe allows. Before each evaluation: tn_training_data_rewind(). */
guint            tn_training_data_n_validation (TnTrainingData *self);
void             tn_training_data_rewind       (TnTrainingData *self);
gboolean         tn_training_data_fill_validation (gpointer inputs, gint32 *targets, gpointer self, GError **error);
/* The same of the recipe's test images; 0 without. */
guint            tn_training_data_n_test       (TnTrainingData *self);
gboolean         tn_training_data_fill_test    (gpointer inputs, gint32 *targets, gpointer self, GError **error);

G_END_DECLS
