/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/tensor/tensor.h"
#include "realdata.h"

/* The matrices of stories260K.bin (llama2.c, version 0), read without any of the readers under test, and what an independent
 * program found in them. */
typedef void (*StoriesFunc) (const char *name, const TnTensor *tensor, JsonObject *expected, gpointer user_data);

static inline void
stories_for_matrix (const char *name, const float *weights, guint64 rows, guint64 columns, JsonObject *truth, StoriesFunc func,
                    gpointer user_data)
{
  const guint64 shape[] = {rows, columns};
  g_autoptr (TnTensor) tensor = NULL;

  if (!json_object_has_member (truth, name))
    return;
  tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, weights, rows * columns * 4, NULL, NULL, NULL);
  func (name, tensor, json_object_get_object_member (truth, name), user_data);
}

/* Returns how many tensors were shown; 0 after marking the test as skipped. */
static inline guint
stories_foreach (StoriesFunc func, gpointer user_data)
{
  g_autofree char *path = tn_test_realdata ("stories260k/stories260K.bin");
  g_autofree char *truth_path = tn_test_realdata ("expected_stories260k.json");
  g_autofree char *bytes = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *truth;
  gint32 header[7];
  const float *weights;
  gsize size;

  if (path == NULL || truth_path == NULL)
    return 0;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  g_assert_true (json_parser_load_from_file (parser, truth_path, NULL));
  truth = json_object_get_object_member (json_node_get_object (json_parser_get_root (parser)), "tensors");
  memcpy (header, bytes, sizeof header);
  weights = (const float *) (const void *) (bytes + sizeof header);

  guint64 dim = (guint64) header[0], hidden = (guint64) header[1], layers = (guint64) header[2];
  guint64 kv_dim = dim / (guint64) header[3] * (guint64) header[4];
  const struct
  {
    const char *name; /* NULL: norms, which come as one block */
    guint64 rows, columns;
  } parts[] = {
      {NULL, 1, dim}, {"attn_q", dim, dim},      {"attn_k", kv_dim, dim},   {"attn_v", kv_dim, dim}, {"attn_output", dim, dim},
      {NULL, 1, dim}, {"ffn_gate", hidden, dim}, {"ffn_down", dim, hidden}, {"ffn_up", hidden, dim},
  };

  stories_for_matrix ("token_embd.weight", weights, (guint64) header[5], dim, truth, func, user_data);
  weights += (guint64) header[5] * dim;
  for (guint part = 0; part < G_N_ELEMENTS (parts); part++)
    for (guint64 layer = 0; layer < layers; layer++)
      {
        if (parts[part].name != NULL)
          {
            g_autofree char *name = g_strdup_printf ("blk.%" G_GUINT64_FORMAT ".%s.weight", layer, parts[part].name);

            stories_for_matrix (name, weights, parts[part].rows, parts[part].columns, truth, func, user_data);
          }
        weights += parts[part].rows * parts[part].columns;
      }
  g_assert_cmpuint ((gsize) ((const char *) weights - bytes), <=, size);
  return json_object_get_size (truth);
}
