/* SPDX-License-Identifier: Apache-2.0 */
#include <omp.h>
#include <string.h>

#include "engine/autograd/functions/convolution-private.h"
#include "engine/autograd/functions/real.h"
#include "engine/kernels/column-sums.h"
#include "engine/kernels/matrix-multiply.h"

/* Of columns at a time, if a row of windows takes no more: with what they are multiplied by they fit into the second cache. */
#define BLOCK_FLOATS 65536
/* Of the batch, whose gradients of the weight are summed apart. */
#define PARTS 8

/* Rows of windows [first, first + n) of an image. */
typedef struct
{
  gsize first, n;
} Block;

static gsize
rows_of_block (const Convolution *self)
{
  return CLAMP (BLOCK_FLOATS / MAX (self->depth * self->sizes.out[1], 1), 1, self->sizes.out[0]);
}

static gsize
count_columns (const Convolution *self)
{
  return (self->depth * rows_of_block (self) * self->sizes.out[1] + 15) / 16 * 16;
}

static gsize
count_parts (const Convolution *self)
{
  return MIN (self->sizes.n, PARTS);
}

/* Floats of scratch of a thread. */
static gsize
count_forward (const Convolution *self)
{
  gsize n = rows_of_block (self) * self->sizes.out[1];

  return count_columns (self) + tn_matrix_multiply_scratch (TN_MULTIPLY_PLAIN, self->out, n, self->depth, 1) / sizeof (float);
}

static gsize
count_backward (const Convolution *self)
{
  gsize n = rows_of_block (self) * self->sizes.out[1];
  gsize weight = tn_matrix_multiply_scratch (TN_MULTIPLY_B_TRANSPOSED, self->out, self->depth, n, 1);
  gsize input = tn_matrix_multiply_scratch (TN_MULTIPLY_A_TRANSPOSED, self->depth, n, self->out, 1);

  return count_columns (self) + MAX (weight, input) / sizeof (float);
}

static gsize
count_weight_parts (const Convolution *self)
{
  return (count_parts (self) * self->out * self->depth + 15) / 16 * 16;
}

gsize
tn_convolution_forward_scratch (const Convolution *self, guint threads)
{
  return threads * count_forward (self) * sizeof (float);
}

gsize
tn_convolution_backward_scratch (const Convolution *self, guint threads)
{
  return (count_weight_parts (self) + threads * count_backward (self)) * sizeof (float);
}

/* Along a row of windows, the element in their column v: windows [first, first + n) have it inside the image, from place on, a
 * stride apart. */
typedef struct
{
  gsize first, n, place;
} Run;

static Run
get_run (const Convolution *self, gsize v)
{
  gsize stride = self->window.stride[1], padding = self->window.padding[1], n = self->sizes.out[1];
  gsize first = MIN (v < padding ? (padding - v + stride - 1) / stride : 0, n);
  gsize end = self->sizes.in[1] + padding > v ? (self->sizes.in[1] + padding - v + stride - 1) / stride : 0;

  end = CLAMP (end, first, n);
  return (Run){first, end - first, end > first ? first * stride + v - padding : 0};
}

static void
lay_out_row (const Convolution *self, const float *line, Run run, float *columns)
{
  gsize stride = self->window.stride[1], end = run.first + run.n;

  if (run.first > 0)
    memset (columns, 0, run.first * sizeof (float));
  if (stride == 1)
    memcpy (columns + run.first, line + run.place, run.n * sizeof (float));
  else
    for (gsize j = 0; j < run.n; j++)
      columns[run.first + j] = line[run.place + j * stride];
  if (end < self->sizes.out[1])
    memset (columns + end, 0, (self->sizes.out[1] - end) * sizeof (float));
}

/* Back: what the columns hold is added where it came from. */
static void
gather_row (const Convolution *self, float *line, Run run, const float *columns)
{
  gsize stride = self->window.stride[1];

  if (stride == 1)
    for (gsize j = 0; j < run.n; j++)
      line[run.place + j] += columns[run.first + j];
  else
    for (gsize j = 0; j < run.n; j++)
      line[run.place + j * stride] += columns[run.first + j];
}

/* The line of a plane that row u of the windows of row i is, or G_MAXSIZE where it is outside. */
static gsize
find_line (const Convolution *self, gsize i, gsize u)
{
  gsize place = i * self->window.stride[0] + u, padding = self->window.padding[0];

  return place >= padding && place - padding < self->sizes.in[0] ? place - padding : G_MAXSIZE;
}

/* columns [channels x window, windows of the block] of an image x. */
static void
lay_out (const Convolution *self, const float *x, const Block *block, float *columns)
{
  gsize width = self->sizes.in[1];

  for (gsize c = 0; c < self->sizes.channels; c++, x += self->sizes.in[0] * width)
    for (gsize u = 0; u < self->window.size[0]; u++)
      for (gsize v = 0; v < self->window.size[1]; v++)
        {
          Run run = get_run (self, v);

          for (gsize i = block->first; i < block->first + block->n; i++, columns += self->sizes.out[1])
            {
              gsize line = find_line (self, i, u);

              if (line == G_MAXSIZE)
                memset (columns, 0, self->sizes.out[1] * sizeof (float));
              else
                lay_out_row (self, x + line * width, run, columns);
            }
        }
}

static void
gather (const Convolution *self, const float *columns, const Block *block, float *dx)
{
  gsize width = self->sizes.in[1];

  for (gsize c = 0; c < self->sizes.channels; c++, dx += self->sizes.in[0] * width)
    for (gsize u = 0; u < self->window.size[0]; u++)
      for (gsize v = 0; v < self->window.size[1]; v++)
        {
          Run run = get_run (self, v);

          for (gsize i = block->first; i < block->first + block->n; i++, columns += self->sizes.out[1])
            {
              gsize line = find_line (self, i, u);

              if (line != G_MAXSIZE)
                gather_row (self, dx + line * width, run, columns);
            }
        }
}

static void
add_bias (const Convolution *self, const float *bias, const Block *block, float *y)
{
  gsize positions = self->sizes.out[0] * self->sizes.out[1], first = block->first * self->sizes.out[1];

  for (gsize o = 0; bias != NULL && o < self->out; o++)
    for (gsize i = 0; i < block->n * self->sizes.out[1]; i++)
      y[o * positions + first + i] += bias[o];
}

static void
forward_block (const Convolution *self, const TnCall *call, gsize image, const Block *block, float *scratch)
{
  gsize positions = self->sizes.out[0] * self->sizes.out[1];
  const float *x = (const float *) call->inputs[0] + image * self->sizes.channels * self->sizes.in[0] * self->sizes.in[1];
  float *y = (float *) call->outputs[0] + image * self->out * positions;

  lay_out (self, x, block, scratch);
  tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_PLAIN,
                                                .m = self->out,
                                                .n = block->n * self->sizes.out[1],
                                                .depth = self->depth,
                                                .a = call->inputs[1],
                                                .b = scratch,
                                                .c = y + block->first * self->sizes.out[1],
                                                .c_stride = positions},
                      1, scratch + count_columns (self));
  add_bias (self, call->n_inputs > 2 ? call->inputs[2] : NULL, block, y);
}

void
tn_convolution_forward (const Convolution *self, const TnCall *call)
{
  gsize rows = rows_of_block (self), n_blocks = (self->sizes.out[0] + rows - 1) / rows, floats = count_forward (self);

#pragma omp parallel for collapse(2) schedule(static) num_threads((int) call->threads)
  for (gsize image = 0; image < self->sizes.n; image++)
    for (gsize i = 0; i < n_blocks; i++)
      {
        const Block block = {i * rows, MIN (rows, self->sizes.out[0] - i * rows)};

        forward_block (self, call, image, &block, (float *) call->scratch + (gsize) omp_get_thread_num () * floats);
      }
}

static void
backward_block (const Convolution *self, const TnCall *call, gsize image, const Block *block, float *dweight, gboolean adds,
                float *scratch)
{
  const gsize positions = self->sizes.out[0] * self->sizes.out[1], n = block->n * self->sizes.out[1];
  gsize in = self->sizes.channels * self->sizes.in[0] * self->sizes.in[1];
  const float *dy = (const float *) call->output_gradients[0] + image * self->out * positions + block->first * self->sizes.out[1];
  float *multiply_scratch = scratch + count_columns (self);

  if (dweight != NULL)
    {
      lay_out (self, (const float *) call->inputs[0] + image * in, block, scratch);
      tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_B_TRANSPOSED,
                                                    .m = self->out,
                                                    .n = self->depth,
                                                    .depth = n,
                                                    .a = dy,
                                                    .a_stride = positions,
                                                    .b = scratch,
                                                    .c = dweight,
                                                    .adds = adds},
                          1, multiply_scratch);
    }
  if (call->input_gradients[0] == NULL)
    return;
  tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_A_TRANSPOSED,
                                                .m = self->depth,
                                                .n = n,
                                                .depth = self->out,
                                                .a = call->inputs[1],
                                                .b = dy,
                                                .b_stride = positions,
                                                .c = scratch},
                      1, multiply_scratch);
  gather (self, scratch, block, (float *) call->input_gradients[0] + image * in);
}

static void
backward_image (const Convolution *self, const TnCall *call, gsize image, float *dweight, gboolean adds, float *scratch)
{
  gsize rows = rows_of_block (self), in = self->sizes.channels * self->sizes.in[0] * self->sizes.in[1];

  if (call->input_gradients[0] != NULL && !call->adds[0])
    memset ((float *) call->input_gradients[0] + image * in, 0, in * sizeof (float));
  for (gsize first = 0; first < self->sizes.out[0]; first += rows)
    backward_block (self, call, image, &(const Block){first, MIN (rows, self->sizes.out[0] - first)}, dweight, adds || first > 0,
                    scratch);
}

void
tn_convolution_backward (const Convolution *self, const TnCall *call)
{
  gsize n = self->sizes.n, parts = count_parts (self), count = self->out * self->depth, floats = count_backward (self);
  float *sums = call->input_gradients[1] != NULL ? call->scratch : NULL;

#pragma omp parallel for schedule(dynamic) num_threads((int) call->threads)
  for (gsize part = 0; part < parts; part++)
    {
      float *scratch = (float *) call->scratch + count_weight_parts (self) + (gsize) omp_get_thread_num () * floats;
      gsize first = part * n / parts, end = (part + 1) * n / parts;

      for (gsize image = first; image < end; image++)
        backward_image (self, call, image, sums != NULL ? sums + part * count : NULL, image > first, scratch);
    }
  if (sums != NULL)
    tn_column_sums (sums, NULL, parts, count, call->input_gradients[1], call->adds[1], call->threads);
}
