/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/permute.h"

#include "engine/autograd/functions/real.h"
#include "engine/error.h"

/* Elements of a square that is read and written together, in each direction. */
#define TILE ((gsize) 32)

typedef struct
{
  guint n;
  guint order[TN_SHAPE_MAX_DIMS];
} Attributes;

/* An output of four dimensions (1 in front where there are fewer), and how far apart in the input its elements are. */
typedef struct
{
  gsize dims[TN_SHAPE_MAX_DIMS], strides[TN_SHAPE_MAX_DIMS];
} Layout;

static Layout
make_layout (const TnShape *input, const guint *order)
{
  Layout self = {.dims = {1, 1, 1, 1}};
  gsize strides[TN_SHAPE_MAX_DIMS], stride = 1;
  guint skipped = TN_SHAPE_MAX_DIMS - input->n_dims;

  for (guint k = input->n_dims; k-- > 0; stride *= input->dims[k])
    strides[k] = stride;
  for (guint k = 0; k < input->n_dims; k++)
    {
      self.dims[skipped + k] = input->dims[order[k]];
      self.strides[skipped + k] = strides[order[k]];
    }
  return self;
}

/* Planes of the last two dimensions go in strips of TILE rows, a strip in tiles. */
#define MOVE(REAL)                                                                                                               \
  for (gsize strip = 0; strip < n_strips; strip++)                                                                               \
    {                                                                                                                            \
      gsize plane = strip / strips, first = strip % strips * TILE, last = MIN (first + TILE, rows);                              \
      const REAL *from = (const REAL *) x + plane / layout->dims[1] * layout->strides[0] + plane % layout->dims[1] * layout->strides[1]; \
      REAL *to = (REAL *) y + plane * rows * columns;                                                                            \
                                                                                                                                 \
      for (gsize start = 0; start < columns; start += TILE)                                                                      \
        for (gsize row = first; row < last; row++)                                                                               \
          for (gsize i = start; i < MIN (start + TILE, columns); i++)                                                            \
            TN_PUT (adds, to[row * columns + i], from[row * layout->strides[2] + i * layout->strides[3]]);                       \
    }

static void
move (const TnCall *call, const Layout *layout, const void *x, void *y, gboolean adds)
{
  gsize rows = layout->dims[2], columns = layout->dims[3], strips = (rows + TILE - 1) / TILE;
  gsize n_strips = layout->dims[0] * layout->dims[1] * strips;
  int threads = n_strips * TILE * columns >= TN_PARALLEL_ELEMENTS ? (int) call->threads : 1;

  if (call->dtype == TN_DTYPE_F64)
    {
#pragma omp parallel for schedule(static) num_threads(threads)
      MOVE (double)
    }
  else
    {
#pragma omp parallel for schedule(static) num_threads(threads)
      MOVE (float)
    }
}

static gboolean
infer_permute (TnInference *inference, GError **error)
{
  const Attributes *attributes = inference->attributes;
  const TnShape *shape = &inference->inputs[0].shape;
  guint seen = 0;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  for (guint k = 0; k < attributes->n; k++)
    seen |= attributes->order[k] < shape->n_dims ? 1u << attributes->order[k] : 0;
  if (attributes->n != shape->n_dims || seen != (1u << shape->n_dims) - 1)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "the order of %u dimensions, expected each of the %u of x once", attributes->n,
                   shape->n_dims);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = (TnShape){.n_dims = shape->n_dims};
  for (guint k = 0; k < shape->n_dims; k++)
    inference->outputs[0].shape.dims[k] = shape->dims[attributes->order[k]];
  return TRUE;
}

static void
permute_forward (const TnCall *call)
{
  const Layout layout = make_layout (&call->input_infos[0].shape, ((const Attributes *) call->attributes)->order);

  move (call, &layout, call->inputs[0], call->outputs[0], FALSE);
}

static void
permute_backward (const TnCall *call)
{
  const Attributes *attributes = call->attributes;
  guint inverse[TN_SHAPE_MAX_DIMS] = {0};
  Layout layout;

  for (guint k = 0; k < attributes->n; k++)
    inverse[attributes->order[k]] = k;
  layout = make_layout (&call->output_infos[0].shape, inverse);
  move (call, &layout, call->output_gradients[0], call->input_gradients[0], call->adds[0]);
}

static TnValue *
permute (TnTape *tape, TnValue *x, const guint *order, guint n)
{
  static const TnFunction function = {.name = "permute",
                                      .attribute_bytes = sizeof (Attributes),
                                      .infer = infer_permute,
                                      .forward = permute_forward,
                                      .backward = permute_backward};
  Attributes attributes = {.n = n};

  for (guint k = 0; k < n; k++)
    attributes.order[k] = order[k];
  return tn_tape_apply (tape, &function, &x, 1, &attributes, NULL);
}

TnValue *
tn_tape_permute (TnTape *tape, TnValue *x, const guint *order)
{
  return x != NULL ? permute (tape, x, order, tn_value_get_info (x)->shape.n_dims) : NULL;
}

TnValue *
tn_tape_transpose (TnTape *tape, TnValue *x)
{
  guint n = x != NULL ? tn_value_get_info (x)->shape.n_dims : 0, order[TN_SHAPE_MAX_DIMS] = {0, 1, 2, 3};

  if (x != NULL && n < 2)
    {
      tn_tape_fail (tape, g_error_new (TN_ERROR, TN_ERROR_SHAPE, "transpose: x has %u dimensions, expected 2 or more", n));
      return NULL;
    }
  if (x == NULL)
    return NULL;
  order[n - 2] = n - 1;
  order[n - 1] = n - 2;
  return permute (tape, x, order, n);
}

TnValue *
tn_tape_split_heads (TnTape *tape, TnValue *x, gsize length, gsize heads)
{
  const TnShape *shape = x != NULL ? &tn_value_get_info (x)->shape : NULL;

  if (shape == NULL)
    return NULL;
  if (shape->n_dims != 2 || length == 0 || heads == 0 || shape->dims[0] % length != 0 || shape->dims[1] % heads != 0)
    {
      g_autofree char *text = tn_shape_to_string (shape);

      tn_tape_fail (tape, g_error_new (TN_ERROR, TN_ERROR_SHAPE, "split heads: x is %s, expected a matrix of sequences of %zu rows and %zu heads", text,
                                       length, heads));
      return NULL;
    }
  x = tn_tape_reshape (tape, x, &TN_SHAPE (shape->dims[0] / length, length, heads, shape->dims[1] / heads));
  return tn_tape_permute (tape, x, (const guint[]){0, 2, 1, 3});
}

TnValue *
tn_tape_join_heads (TnTape *tape, TnValue *x)
{
  TnShape shape;

  if (x == NULL)
    return NULL;
  shape = tn_value_get_info (x)->shape;
  if (shape.n_dims != 4)
    {
      tn_tape_fail (tape, g_error_new (TN_ERROR, TN_ERROR_SHAPE, "join heads: x has %u dimensions, expected 4", shape.n_dims));
      return NULL;
    }
  x = tn_tape_permute (tape, x, (const guint[]){0, 2, 1, 3});
  return tn_tape_reshape (tape, x, &TN_SHAPE (shape.dims[0] * shape.dims[2], shape.dims[1] * shape.dims[3]));
}
