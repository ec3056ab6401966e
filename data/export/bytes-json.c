/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/bytes-json.h"

#include <json-glib/json-glib.h>

#include "data/files/json-members.h"
#include "data/tokenizers/byte-level.h"

#define N_BYTES 256

static void
add_byte_level (JsonBuilder *builder, const char *name)
{
  tn_json_open_object (builder, name);
  tn_json_add_string (builder, "type", "ByteLevel");
  tn_json_add_bool (builder, "add_prefix_space", FALSE);
  tn_json_add_bool (builder, "trim_offsets", TRUE);
  tn_json_add_bool (builder, "use_regex", TRUE);
  json_builder_end_object (builder);
}

static void
add_bos (JsonBuilder *builder, gint32 bos)
{
  tn_json_open_array (builder, "added_tokens");
  if (bos >= 0)
    {
      json_builder_begin_object (builder);
      tn_json_add_integer (builder, "id", bos);
      tn_json_add_string (builder, "content", "<|bos|>");
      tn_json_add_bool (builder, "single_word", FALSE);
      tn_json_add_bool (builder, "lstrip", FALSE);
      tn_json_add_bool (builder, "rstrip", FALSE);
      tn_json_add_bool (builder, "normalized", FALSE);
      tn_json_add_bool (builder, "special", TRUE);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_model (JsonBuilder *builder)
{
  tn_json_open_object (builder, "model");
  tn_json_add_string (builder, "type", "BPE");
  tn_json_open_object (builder, "vocab");
  for (guint byte = 0; byte < N_BYTES; byte++)
    {
      char piece[7] = "";

      g_unichar_to_utf8 (tn_byte_level_character ((guint8) byte), piece);
      tn_json_add_integer (builder, piece, byte);
    }
  json_builder_end_object (builder);
  tn_json_open_array (builder, "merges");
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

char *
tn_bytes_tokenizer_to_json (TnTokenizer *tokenizer)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "version", "1.0");
  add_bos (builder, tn_tokenizer_get_bos (tokenizer));
  add_byte_level (builder, "pre_tokenizer");
  add_byte_level (builder, "decoder");
  add_model (builder);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, TRUE);
}
