/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/models/model-file-private.h"
#include "engine/error.h"

#define MAGIC 0x616b3432u
#define V0_BYTES 28
#define HEADER_BYTES 256
#define N_FIELDS 7
/* Larger numbers are another kind of file: version 0 has no magic number. */
#define MAX_FIELD (1 << 24)
#define MAX_LAYERS (1 << 12)

typedef struct
{
  guint version;
  guint64 dim, hidden_dim, n_layers, n_heads, n_kv_heads, n_vocab, n_context;
  gboolean shared;
  guint group_size; /* version 2 */
} Header;

/* One kind of tensor, once or once a layer. */
typedef struct
{
  const char *source_name;
  const char *canonical_name; /* the layer is put in for %u; literal otherwise */
  gboolean per_layer;
  guint64 rows; /* 0: one-dimensional */
  guint64 columns;
  gboolean is_norm;
} Kind;

enum
{
  EMBEDDING,
  ATTENTION_NORM,
  WQ,
  WK,
  WV,
  WO,
  FFN_NORM,
  W1,
  W2,
  W3,
  FINAL_NORM,
  ROPE_TABLES,
  HEAD,
  N_KINDS
};

static const guint8 order_v0[] = {EMBEDDING, ATTENTION_NORM, WQ, WK, WV, WO, FFN_NORM, W1, W2, W3, FINAL_NORM, ROPE_TABLES, HEAD};
static const guint8 order_v1[] = {ATTENTION_NORM, FFN_NORM, FINAL_NORM, EMBEDDING, WQ, WK, WV, WO, W1, W2, W3, HEAD};

static void
describe_kinds (const Header *header, Kind kinds[N_KINDS])
{
  guint64 dim = header->dim, hidden = header->hidden_dim, kv_dim = dim / header->n_heads * header->n_kv_heads;
  Kind table[N_KINDS] = {
      [EMBEDDING] = {"token_embedding_table", "token_embd.weight", FALSE, header->n_vocab, dim},
      [ATTENTION_NORM] = {"rms_att_weight", "attn_norm.weight", TRUE, 0, dim, TRUE},
      [WQ] = {"wq", "attn_q.weight", TRUE, dim, dim},
      [WK] = {"wk", "attn_k.weight", TRUE, kv_dim, dim},
      [WV] = {"wv", "attn_v.weight", TRUE, kv_dim, dim},
      [WO] = {"wo", "attn_output.weight", TRUE, dim, dim},
      [FFN_NORM] = {"rms_ffn_weight", "ffn_norm.weight", TRUE, 0, dim, TRUE},
      [W1] = {"w1", "ffn_gate.weight", TRUE, hidden, dim},
      [W2] = {"w2", "ffn_down.weight", TRUE, dim, hidden},
      [W3] = {"w3", "ffn_up.weight", TRUE, hidden, dim},
      [FINAL_NORM] = {"rms_final_weight", "output_norm.weight", FALSE, 0, dim, TRUE},
      [ROPE_TABLES] = {NULL, NULL, FALSE, header->n_context, dim / header->n_heads},
      [HEAD] = {"wcls", "output.weight", FALSE, header->n_vocab, dim},
  };

  memcpy (kinds, table, sizeof table);
}

static gint64
read_int (const guint8 *data)
{
  gint32 number;

  memcpy (&number, data, sizeof number);
  return GINT32_FROM_LE (number);
}

static const char *const field_names[N_FIELDS] = {"dim",        "hidden_dim", "n_layers", "n_heads",
                                                  "n_kv_heads", "vocab_size", "seq_len"};

/* Index of the first field that is out of range, or -1. */
static int
read_fields (Header *header, const guint8 *data, gint64 fields[N_FIELDS])
{
  for (guint i = 0; i < N_FIELDS; i++)
    {
      fields[i] = read_int (data + 4 * i);
      if (i == 5 && header->version == 0)
        {
          header->shared = fields[i] > 0;
          fields[i] = ABS (fields[i]);
        }
      if (fields[i] < 1 || fields[i] > (i == 2 ? MAX_LAYERS : MAX_FIELD))
        return (int) i;
    }
  header->dim = (guint64) fields[0];
  header->hidden_dim = (guint64) fields[1];
  header->n_layers = (guint64) fields[2];
  header->n_heads = (guint64) fields[3];
  header->n_kv_heads = (guint64) fields[4];
  header->n_vocab = (guint64) fields[5];
  header->n_context = (guint64) fields[6];
  if (header->dim % header->n_heads != 0)
    return 3;
  return header->n_heads % header->n_kv_heads != 0 ? 4 : -1;
}

static guint64
count_elements (const Kind *kind)
{
  return MAX (kind->rows, 1) * kind->columns;
}

/* Fields are at most 2^24, so that products of two fit; the layers multiply 2^48 by 2^12. */
static guint64
tensor_bytes (const Header *header, const Kind *kind)
{
  guint64 n = count_elements (kind);

  return header->version == 2 && !kind->is_norm ? n + n / header->group_size * sizeof (float) : n * sizeof (float);
}

static const guint8 *
get_order (const Header *header, guint *n)
{
  *n = header->version == 0 ? G_N_ELEMENTS (order_v0) : G_N_ELEMENTS (order_v1);
  if (header->shared)
    --*n;
  return header->version == 0 ? order_v0 : order_v1;
}

static gboolean
file_bytes (const Header *header, guint64 *bytes)
{
  Kind kinds[N_KINDS];
  guint n;
  const guint8 *order = get_order (header, &n);

  describe_kinds (header, kinds);
  *bytes = header->version == 0 ? V0_BYTES : HEADER_BYTES;
  for (guint i = 0; i < n; i++)
    {
      const Kind *kind = &kinds[order[i]];
      guint64 all;

      if (!g_uint64_checked_mul (&all, tensor_bytes (header, kind), kind->per_layer ? header->n_layers : 1) ||
          !g_uint64_checked_add (bytes, *bytes, all))
        return FALSE;
    }
  return TRUE;
}

static gboolean
has_magic (const guint8 *data, gsize bytes)
{
  return bytes >= 4 && (guint32) read_int (data) == MAGIC;
}

guint64
tn_llama2c_expected_bytes (const guint8 *data, gsize bytes)
{
  Header header = {.version = 0};
  gint64 fields[N_FIELDS];
  guint64 expected;

  if (bytes < V0_BYTES || read_fields (&header, data, fields) >= 0 || !file_bytes (&header, &expected))
    return 0;
  return expected;
}

gboolean
tn_llama2c_recognise (const guint8 *data, gsize bytes)
{
  return has_magic (data, bytes) || (bytes >= V0_BYTES && tn_llama2c_expected_bytes (data, bytes) == bytes);
}

static gboolean
read_header (Header *header, TnMappedFile *file, GError **error)
{
  const char *path = tn_mapped_file_get_path (file);
  const guint8 *data = tn_mapped_file_get_data (file);
  gsize size = tn_mapped_file_get_size (file);
  gint64 fields[N_FIELDS];
  int wrong;

  if (has_magic (data, size))
    {
      gint64 version = size >= 8 ? read_int (data + 4) : 0;

      if (size < HEADER_BYTES)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: the file has %" PRIu64 " bytes, expected a llama2.c header of 256"), path, (guint64) size);
          return FALSE;
        }
      if (version != 1 && version != 2)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: byte 4: llama2.c version %" PRId64 ", expected 1 or 2"),
                       path, version);
          return FALSE;
        }
      header->version = (guint) version;
      data += 8;
    }
  wrong = read_fields (header, data, fields);
  if (wrong >= 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %d: %s is %" PRId64 ", expected %s"), path,
                   (header->version > 0 ? 8 : 0) + 4 * wrong, field_names[wrong], fields[wrong],
                   wrong == 3 && fields[3] > 0   ? _ ("a divisor of dim")
                   : wrong == 4 && fields[4] > 0 ? _ ("a divisor of n_heads")
                                                 : _ ("a positive number"));
      return FALSE;
    }
  if (header->version == 0)
    return TRUE;

  header->shared = data[4 * N_FIELDS] != 0;
  if (header->version == 2)
    {
      gint64 group_size = read_int (data + 4 * N_FIELDS + 1);

      if (group_size < 1 || header->dim % (guint64) group_size != 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: byte 37: group_size is %" PRId64 ", expected a divisor of dim"), path, group_size);
          return FALSE;
        }
      header->group_size = (guint) group_size;
    }
  return TRUE;
}

/* Keeps the file, and the scales where they had to be copied for their alignment. */
typedef struct
{
  TnMappedFile *file;
  float *scales;
} Owner;

static void
owner_free (gpointer data)
{
  Owner *self = data;

  tn_mapped_file_unref (self->file);
  tn_pool_release (tn_pool_default (), self->scales);
  g_free (self);
}

static void
owner_release (gpointer data, const void *start, gsize bytes)
{
  tn_mapped_file_release (((Owner *) data)->file, start, bytes);
}

static TnTensor *
create_tensor (const Header *header, const Kind *kind, TnMappedFile *file, const guint8 *data, GError **error)
{
  guint64 shape[2] = {kind->rows, kind->columns};
  gboolean is_matrix = kind->rows > 0;
  gboolean grouped = header->version == 2 && !kind->is_norm;
  guint64 n = count_elements (kind);
  g_autofree Owner *owner = g_new0 (Owner, 1);
  const float *scales = NULL;
  TnTensor *tensor;

  if (grouped)
    {
      gsize bytes = (gsize) (n / header->group_size) * sizeof (float);

      scales = (const float *) (gconstpointer) (data + n);
      if ((uintptr_t) scales % sizeof (float) != 0)
        {
          owner->scales = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_WEIGHTS, bytes, error);
          if (owner->scales == NULL)
            return NULL;
          memcpy (owner->scales, scales, bytes);
          scales = owner->scales;
        }
    }
  owner->file = tn_mapped_file_ref (file);
  tensor = tn_tensor_new_mapped (grouped ? TN_DTYPE_Q8_GROUP : TN_DTYPE_F32, is_matrix ? 2 : 1, is_matrix ? shape : shape + 1,
                                 data, grouped ? n : n * sizeof (float), g_steal_pointer (&owner), owner_free, owner_release);
  tensor->scales = scales;
  tensor->group_size = header->group_size;
  return tensor;
}

static gboolean
add_tensors (TnModelFile *self, const Header *header, TnMappedFile *file, GError **error)
{
  Kind kinds[N_KINDS];
  guint n;
  const guint8 *order = get_order (header, &n);
  const guint8 *data = tn_mapped_file_get_data (file) + (header->version == 0 ? V0_BYTES : HEADER_BYTES);

  describe_kinds (header, kinds);
  for (guint i = 0; i < n; i++)
    {
      const Kind *kind = &kinds[order[i]];
      guint n_layers = kind->per_layer ? (guint) header->n_layers : 1;

      for (guint layer = 0; layer < n_layers; layer++, data += tensor_bytes (header, kind))
        {
          g_autofree char *name = NULL;
          g_autofree char *source_name = NULL;
          TnTensor *tensor;

          if (kind->source_name == NULL)
            continue;
          name = kind->per_layer ? g_strdup_printf ("blk.%u.%s", layer, kind->canonical_name) : g_strdup (kind->canonical_name);
          source_name = kind->per_layer ? g_strdup_printf ("%s.%u", kind->source_name, layer) : g_strdup (kind->source_name);
          tensor = create_tensor (header, kind, file, data, error);
          if (tensor == NULL)
            return FALSE;
          tn_model_file_add_tensor (self, name, source_name, tensor->dtype == TN_DTYPE_F32 ? "F32" : "Q80", tensor);
        }
    }
  return TRUE;
}

static void
describe (TnModelFile *self, const Header *header)
{
  const struct
  {
    const char *name;
    guint64 value;
  } fields[] = {
      {"version", header->version},       {"dim", header->dim},           {"hidden_dim", header->hidden_dim},
      {"n_layers", header->n_layers},     {"n_heads", header->n_heads},   {"n_kv_heads", header->n_kv_heads},
      {"vocab_size", header->n_vocab},    {"seq_len", header->n_context}, {"shared_classifier", header->shared},
      {"group_size", header->group_size},
  };

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    tn_model_file_add_metadata (self, fields[i].name, g_strdup_printf ("%" PRIu64, fields[i].value));
  self->config = (TnLlamaConfig){
      .n_vocab = (guint) header->n_vocab,
      .n_embd = (guint) header->dim,
      .n_layer = (guint) header->n_layers,
      .n_head = (guint) header->n_heads,
      .n_head_kv = (guint) header->n_kv_heads,
      .head_dim = (guint) (header->dim / header->n_heads),
      .n_ff = (guint) header->hidden_dim,
      .n_context = (guint) header->n_context,
      .rope_dim = (guint) (header->dim / header->n_heads),
      .rope_base = 10000.0,
      .rope_scale = 1.0,
      .norm_epsilon = 1e-5,
      .rope_layout = TN_ROPE_INTERLEAVED,
      .activation = TN_ACTIVATION_SILU,
      .tied = header->shared,
      .bos = header->n_vocab > 2 ? 1 : -1,
      .eos = header->n_vocab > 2 ? 2 : -1,
  };
  tn_llama_config_check (self);
}

TnModelFile *
tn_model_file_open_llama2c (TnMappedFile *file, GError **error)
{
  g_autoptr (TnModelFile) self = NULL;
  const char *path = tn_mapped_file_get_path (file);
  Header header = {.version = 0};
  guint64 expected;

  if (!read_header (&header, file, error))
    return NULL;
  if (!file_bytes (&header, &expected))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the sizes in the llama2.c header overflow"), path);
      return NULL;
    }
  if (expected != tn_mapped_file_get_size (file))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the file has %" PRIu64 " bytes, expected %" PRIu64 " from the llama2.c header (version %u)"), path,
                   (guint64) tn_mapped_file_get_size (file), expected, header.version);
      return NULL;
    }
  self = tn_model_file_new (path, "llama2c", "llama");
  tn_model_file_add_part (self, file);
  describe (self, &header);
  return add_tensors (self, &header, file, error) ? g_steal_pointer (&self) : NULL;
}
