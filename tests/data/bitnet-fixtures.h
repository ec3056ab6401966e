/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "engine/random.h"
#include "engine/tensor/dtype.h"
#include "tests/data/model-bytes.h"

/* One small BitNet in many files: ternary codes, of which just half are zero, times a power of two, so that every form of the
 * weights holds them exactly, also masters whose mean magnitude has to be that power. */
typedef struct
{
  guint n_vocab, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
} Size;

/* Rows of whole blocks; and nothing that divides by anything. */
static const Size large = {61, 256, 2, 8, 2, 32, 512};
static const Size awkward = {61, 42, 2, 4, 2, 6, 53};

typedef enum
{
  HF_PACKED,  /* U8 and weight_scale, which multiplies */
  HF_INVERSE, /* the same, which divides */
  HF_MASTERS,
  GGUF_F32,
  GGUF_F16,
  GGUF_MASTERS,
  GGUF_SCALED, /* codes as F32, and ".scale" */
  GGUF_TQ2_0,
  GGUF_TQ1_0,
  GGUF_I2_S,
  N_FORMS
} Form;

#define N_LINEAR 7

static const struct
{
  const char *module, *name;
} linear[N_LINEAR] = {{"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"}, {"self_attn.v_proj", "attn_v"},
                      {"self_attn.o_proj", "attn_output"}, {"mlp.gate_proj", "ffn_gate"},  {"mlp.up_proj", "ffn_up"},
                      {"mlp.down_proj", "ffn_down"}};

typedef struct
{
  guint rows, columns;
} Shape;

static inline Shape
shape_of (const Size *size, guint kind)
{
  guint heads = size->n_head * size->head_dim, heads_kv = size->n_head_kv * size->head_dim;
  const Shape shapes[N_LINEAR] = {{heads, size->n_embd},     {heads_kv, size->n_embd},   {heads_kv, size->n_embd},
                                  {size->n_embd, heads},     {size->n_ff, size->n_embd}, {size->n_ff, size->n_embd},
                                  {size->n_embd, size->n_ff}};

  return shapes[kind];
}

static inline float
level_of (guint layer, guint kind)
{
  return ldexpf (1.0f, -3 - (gint) ((layer + kind) % 3));
}

/* Codes of a layer: an even number of elements, every pair of them a zero and a sign, in either order. */
static inline gint8 *
codes_of (const Size *size, guint layer, guint kind)
{
  TnRandom random = tn_random_stream (100 * layer + kind, "codes");
  Shape shape = shape_of (size, kind);
  guint n = shape.rows * shape.columns;
  gint8 *codes = g_new0 (gint8, n);

  g_assert_cmpuint (n % 2, ==, 0);
  for (guint i = 0; i < n; i += 2)
    codes[i + tn_random_below (&random, 2)] = tn_random_below (&random, 2) ? 1 : -1;
  return codes;
}

/* Embeddings and norms, the same in all files. */
static inline float *
floats_of (guint seed, guint n, float mean, float spread)
{
  TnRandom random = tn_random_stream (seed, "floats");
  float *x = g_new (float, n);

  for (guint i = 0; i < n; i++)
    x[i] = mean + spread * (float) tn_random_normal (&random);
  return x;
}

static inline guint8 *
pack_huggingface (const gint8 *codes, Shape shape, gsize *bytes)
{
  guint stride = (shape.rows + 3) / 4;
  guint8 *packed = g_malloc0 (*bytes = (gsize) stride * shape.columns);

  for (guint row = 0; row < shape.rows; row++)
    for (guint i = 0; i < shape.columns; i++)
      packed[row % stride * shape.columns + i] |= (guint8) ((codes[row * shape.columns + i] + 1) << 2 * (row / stride));
  return packed;
}

static inline guint8 *
pack_tq2_0 (const gint8 *codes, guint n, float level, gsize *bytes)
{
  guint8 *packed = g_malloc0 (*bytes = (gsize) n / 256 * 66);

  for (guint i = 0; i < n; i++)
    {
      guint16 half = tn_f32_to_f16 (level);

      packed[i / 256 * 66 + i % 256 / 128 * 32 + i % 32] |= (guint8) ((codes[i] + 1) << 2 * (i % 128 / 32));
      memcpy (packed + i / 256 * 66 + 64, &half, sizeof half);
    }
  return packed;
}

static inline guint8 *
pack_tq1_0 (const gint8 *codes, guint n, float level, gsize *bytes)
{
  guint8 *packed = g_malloc0 (*bytes = (gsize) n / 256 * 54);

  for (guint block = 0; block < n / 256; block++)
    {
      const gint8 *x = codes + block * 256;
      guint8 *out = packed + block * 54;
      guint16 half = tn_f32_to_f16 (level);

      for (guint j = 0; j < 52; j++)
        {
          guint value = 0;

          for (guint t = 0; t < 5; t++)
            {
              guint i = j < 32 ? j + 32 * t : j < 48 ? 160 + (j - 32) + 16 * t : 240 + (j - 48) + 4 * t;

              value = value * 3 + (i < 256 && (j < 48 || t < 4) ? (guint) (x[i] + 1) : 0);
            }
          out[j] = (guint8) ((value * 256 + 242) / 243);
        }
      memcpy (out + 52, &half, sizeof half);
    }
  return packed;
}

static inline guint8 *
pack_i2_s (const gint8 *codes, guint n, float level, gsize *bytes)
{
  guint8 *packed = g_malloc0 (*bytes = n / 4 + 32);

  for (guint i = 0; i < n; i++)
    packed[i / 128 * 32 + i % 32] |= (guint8) ((codes[i] + 1) << (6 - 2 * (i % 128 / 32)));
  memcpy (packed + n / 4, &level, sizeof level);
  return packed;
}

/* codes times level as plain numbers of so many bytes: float32, or float16 where bfloat is FALSE. */
static inline guint8 *
pack_plain (const gint8 *codes, guint n, float level, guint width, gboolean bfloat, gsize *bytes)
{
  guint8 *packed = g_malloc (*bytes = (gsize) n * width);

  for (guint i = 0; i < n; i++)
    {
      float value = codes[i] * level;
      guint16 half = bfloat ? tn_f32_to_bf16 (value) : tn_f32_to_f16 (value);

      memcpy (packed + (gsize) i * width, width == 4 ? (const void *) &value : &half, width);
    }
  return packed;
}

/* A safetensors file being put together. */
typedef struct
{
  GString *header;
  GByteArray *data;
} Tensors;

static inline void
add_safetensor (Tensors *self, const char *name, const char *dtype, guint rows, guint columns, const void *data, gsize bytes)
{
  g_string_append_printf (self->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", self->header->len > 1 ? "," : "", name, dtype);
  if (rows > 0)
    g_string_append_printf (self->header, "%u,", rows);
  g_string_append_printf (self->header, "%u],\"data_offsets\":[%u,%u]}", columns, self->data->len,
                          self->data->len + (guint) bytes);
  put_bytes (self->data, data, bytes);
}

static inline void
add_safetensor_floats (Tensors *self, const char *name, guint rows, guint columns, guint seed, float mean, float spread)
{
  g_autofree float *x = floats_of (seed, MAX (rows, 1) * columns, mean, spread);

  add_safetensor (self, name, "F32", rows, columns, x, (gsize) MAX (rows, 1) * columns * sizeof *x);
}

static inline void
add_huggingface_layer (Tensors *self, const Size *size, Form form, gboolean sub_norms, guint layer)
{
  static const char *const norms[] = {"input_layernorm", "post_attention_layernorm", "self_attn.attn_sub_norm",
                                      "mlp.ffn_sub_norm"};

  for (guint i = 0; i < (sub_norms ? 4 : 2); i++)
    {
      g_autofree char *name = g_strdup_printf ("model.layers.%u.%s.weight", layer, norms[i]);
      guint width = i < 2 ? size->n_embd : i == 2 ? size->n_head * size->head_dim : size->n_ff;

      add_safetensor_floats (self, name, 0, width, 1000 + 10 * layer + i, 1.0f, 0.2f);
    }
  for (guint kind = 0; kind < N_LINEAR; kind++)
    {
      g_autofree char *name = g_strdup_printf ("model.layers.%u.%s.weight", layer, linear[kind].module);
      g_autofree char *scale_name = g_strconcat (name, "_scale", NULL);
      g_autofree gint8 *codes = codes_of (size, layer, kind);
      g_autofree guint8 *packed = NULL;
      Shape shape = shape_of (size, kind);
      float level = level_of (layer, kind);
      guint16 scale = tn_f32_to_bf16 (form == HF_INVERSE ? 1.0f / level : level);
      gsize bytes;

      if (form == HF_MASTERS)
        {
          packed = pack_plain (codes, shape.rows * shape.columns, 2.0f * level, 2, TRUE, &bytes);
          add_safetensor (self, name, "BF16", shape.rows, shape.columns, packed, bytes);
          continue;
        }
      packed = pack_huggingface (codes, shape, &bytes);
      add_safetensor (self, name, "U8", (shape.rows + 3) / 4, shape.columns, packed, bytes);
      add_safetensor (self, scale_name, "BF16", 0, 1, &scale, sizeof scale);
    }
}

/* sub_norms: a "bitnet", else a "llama". more: at the end of config.json. */
static inline char *
write_huggingface (const char *folder, const Size *size, Form form, gboolean sub_norms, const char *more)
{
  g_autofree char *config_name = g_build_filename (folder, "config.json", NULL);
  g_autofree char *weights_name = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config = g_strdup_printf (
      "{\"model_type\":\"%s\",\"hidden_size\":%u,\"intermediate_size\":%u,\"num_hidden_layers\":%u,\"num_attention_heads\":%u,"
      "\"num_key_value_heads\":%u,\"head_dim\":%u,\"vocab_size\":%u,\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,"
      "\"max_position_embeddings\":64,\"tie_word_embeddings\":true%s}",
      sub_norms ? "bitnet" : "llama", size->n_embd, size->n_ff, size->n_layer, size->n_head, size->n_head_kv, size->head_dim,
      size->n_vocab, more);
  g_autofree char *config_path = test_write (config_name, config, strlen (config));
  g_autofree char *weights_path = NULL;
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) data = g_byte_array_new (), file = NULL;
  Tensors tensors = {header, data};

  add_safetensor_floats (&tensors, "model.embed_tokens.weight", size->n_vocab, size->n_embd, 1, 0.0f, 1.0f);
  for (guint layer = 0; layer < size->n_layer; layer++)
    add_huggingface_layer (&tensors, size, form, sub_norms, layer);
  add_safetensor_floats (&tensors, "model.norm.weight", 0, size->n_embd, 2, 1.0f, 0.2f);
  g_string_append_c (header, '}');
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  file = build_safetensors (header->str, 0);
  put_bytes (file, data->data, data->len);
  weights_path = test_write_array (weights_name, file);
  return g_path_get_dirname (weights_path);
}

#define KEY_U32 4
#define KEY_F32 6
#define KEY_STRING 8

/* A GGUF file being put together. */
typedef struct
{
  GByteArray *infos, *data;
  guint64 n;
} Gguf;

static inline void
add_gguf (Gguf *self, const char *name, guint type, guint rows, guint columns, const void *data, gsize bytes)
{
  put_string (self->infos, name);
  put_u32 (self->infos, rows > 0 ? 2 : 1);
  put_u64 (self->infos, columns);
  if (rows > 0)
    put_u64 (self->infos, rows);
  put_u32 (self->infos, type);
  put_u64 (self->infos, self->data->len);
  put_bytes (self->data, data, bytes);
  put_zeros (self->data, (32 - self->data->len % 32) % 32);
  self->n++;
}

static inline void
add_gguf_floats (Gguf *self, const char *name, guint rows, guint columns, guint seed, float mean, float spread)
{
  g_autofree float *x = floats_of (seed, MAX (rows, 1) * columns, mean, spread);

  add_gguf (self, name, 0, rows, columns, x, (gsize) MAX (rows, 1) * columns * sizeof *x);
}

static inline void
add_gguf_layer (Gguf *self, const Size *size, Form form, guint layer)
{
  static const char *const norms[] = {"attn_norm", "ffn_norm", "attn_sub_norm", "ffn_sub_norm"};

  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", layer, norms[i]);
      guint width = i < 2 ? size->n_embd : i == 2 ? size->n_head * size->head_dim : size->n_ff;

      add_gguf_floats (self, name, 0, width, 1000 + 10 * layer + i, 1.0f, 0.2f);
    }
  for (guint kind = 0; kind < N_LINEAR; kind++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", layer, linear[kind].name);
      g_autofree char *scale_name = g_strdup_printf ("blk.%u.%s.scale", layer, linear[kind].name);
      g_autofree gint8 *codes = codes_of (size, layer, kind);
      g_autofree guint8 *packed = NULL;
      Shape shape = shape_of (size, kind);
      float level = level_of (layer, kind);
      guint n = shape.rows * shape.columns, type = 0;
      gsize bytes = 0;

      switch (form)
        {
        case GGUF_F32:
          packed = pack_plain (codes, n, level, 4, FALSE, &bytes);
          break;
        case GGUF_F16:
          packed = pack_plain (codes, n, level, 2, FALSE, &bytes);
          type = 1;
          break;
        case GGUF_MASTERS:
          /* A little more and less than twice the level, so that the magnitudes differ. */
          packed = pack_plain (codes, n, 2.0f * level, 4, FALSE, &bytes);
          for (guint i = 0, k = 0; i < n; i++)
            if (codes[i] != 0 && k++ < n / 4 * 2)
              ((float *) packed)[i] *= k % 2 == 0 ? 1.25f : 0.75f;
          break;
        case GGUF_SCALED:
          packed = pack_plain (codes, n, 1.0f, 4, FALSE, &bytes);
          add_gguf (self, scale_name, 0, 0, 1, &level, sizeof level);
          break;
        case GGUF_TQ2_0:
          packed = pack_tq2_0 (codes, n, level, &bytes);
          type = 35;
          break;
        case GGUF_TQ1_0:
          packed = pack_tq1_0 (codes, n, level, &bytes);
          type = 34;
          break;
        case GGUF_I2_S:
          packed = pack_i2_s (codes, n, level, &bytes);
          type = 36;
          break;
        case HF_PACKED:
        case HF_INVERSE:
        case HF_MASTERS:
        case N_FORMS:
        default:
          g_assert_not_reached ();
        }
      add_gguf (self, name, type, shape.rows, shape.columns, packed, bytes);
    }
}

static inline void
put_number (GByteArray *out, const char *architecture, const char *key, guint value)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", architecture, key);

  put_string (out, name);
  put_u32 (out, KEY_U32);
  put_u32 (out, value);
}

static inline void
put_real (GByteArray *out, const char *architecture, const char *key, float value)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", architecture, key);

  put_string (out, name);
  put_u32 (out, KEY_F32);
  put_f32 (out, value);
}

static inline char *
write_gguf (const char *name, const Size *size, Form form, const char *architecture)
{
  g_autoptr (GByteArray) out = g_byte_array_new (), infos = g_byte_array_new (), data = g_byte_array_new ();
  Gguf gguf = {infos, data, 0};

  add_gguf_floats (&gguf, "token_embd.weight", size->n_vocab, size->n_embd, 1, 0.0f, 1.0f);
  for (guint layer = 0; layer < size->n_layer; layer++)
    add_gguf_layer (&gguf, size, form, layer);
  add_gguf_floats (&gguf, "output_norm.weight", 0, size->n_embd, 2, 1.0f, 0.2f);
  put_bytes (out, "GGUF", 4);
  put_u32 (out, 3);
  put_u64 (out, gguf.n);
  put_u64 (out, 10);
  put_string (out, "general.architecture");
  put_u32 (out, KEY_STRING);
  put_string (out, architecture);
  put_number (out, architecture, "context_length", 64);
  put_number (out, architecture, "embedding_length", size->n_embd);
  put_number (out, architecture, "block_count", size->n_layer);
  put_number (out, architecture, "feed_forward_length", size->n_ff);
  put_number (out, architecture, "attention.head_count", size->n_head);
  put_number (out, architecture, "attention.head_count_kv", size->n_head_kv);
  put_number (out, architecture, "attention.key_length", size->head_dim);
  put_number (out, architecture, "attention.value_length", size->head_dim);
  put_real (out, architecture, "attention.layer_norm_rms_epsilon", 1e-5f);
  put_bytes (out, infos->data, infos->len);
  put_zeros (out, (32 - out->len % 32) % 32);
  put_bytes (out, data->data, data->len);
  return test_write_array (name, out);
}

#define AUTO                                                                                                                     \
  ",\"hidden_act\":\"relu2\",\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\","           \
  "\"quantization_mode\":"

static inline char *
write_form (const Size *size, Form form, gboolean silu)
{
  g_autofree char *name = g_strdup_printf ("form-%d%s", form, form >= GGUF_F32 ? ".gguf" : "");

  if (form >= GGUF_F32)
    return write_gguf (name, size, form, silu ? "bitnet" : form % 2 == 0 ? "bitnet-b1.58" : "bitnet-25");
  if (silu)
    return write_huggingface (name, size, form, TRUE,
                              form == HF_PACKED ? ",\"hidden_act\":\"silu\",\"quantization_config\":{\"quant_method\":\"bitnet\","
                                                  "\"linear_class\":\"autobitlinear\",\"quantization_mode\":\"offline\"}"
                              : form == HF_INVERSE
                                  ? ",\"hidden_act\":\"silu\",\"quantization_config\":{\"quant_method\":\"bitnet\"}"
                                  : ",\"hidden_act\":\"silu\"");
  return write_huggingface (name, size, form, TRUE,
                            form == HF_PACKED ? AUTO "\"offline\"}"
                            : form == HF_INVERSE
                                ? ",\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"bitlinear\"}"
                                : AUTO "\"online\"}");
}
