/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-glib/json-glib.h>

#include "data/models/model-file.h"

G_BEGIN_DECLS

/* A config.json as Hugging Face has it: the model's own where there is one, else written from what its file says. TN_ERROR_UNSUPPORTED when it cannot
 * be told. The caller owns the node, an object. */
JsonNode *tn_config_json_new     (TnModelFile *model, GError **error);
/* From a configuration alone. is_bitnet: with norms in front of the output and down projections. float_type: "float32", …; path: for messages. */
JsonNode *tn_config_json_from_llama (const TnLlamaConfig *config, gboolean is_bitnet, const char *float_type, const char *path, GError **error);
char     *tn_config_json_to_text (JsonNode *config, gboolean pretty);

G_END_DECLS
