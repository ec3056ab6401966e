/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/output-sums.h"

#include "engine/tensor/lanes.h"

#define LANES 4

typedef float Float4 __attribute__ ((vector_size (16)));

/* One sum in each lane. */
typedef struct
{
  TnDouble4 parts[TN_N_ERROR_PARTS], error, output, became, product;
  float maximum[LANES];
} Lanes;

TN_LANES_INLINE void
add_four (Lanes *lanes, const float *y, const float *const *parts, gsize i)
{
  TnDouble4 sum = {0}, output;
  Float4 values;

  memcpy (&values, y + i, sizeof values);
  output = __builtin_convertvector(values, TnDouble4);
  for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
    if (parts[p] != NULL)
      {
        TnDouble4 part;

        memcpy (&values, parts[p] + i, sizeof values);
        part = __builtin_convertvector(values, TnDouble4);
        lanes->parts[p] += part * part;
        sum += part;
      }
  lanes->error += sum * sum;
  lanes->output += output * output;
  for (guint k = 0; k < LANES; k++)
    {
      float magnitude = fabsf ((float) sum[k]);

      lanes->maximum[k] = magnitude > lanes->maximum[k] ? magnitude : lanes->maximum[k];
    }
  sum += output;
  lanes->became += sum * sum;
  lanes->product += output * sum;
}

#define FOLD(lanes) (((lanes)[0] + (lanes)[1]) + ((lanes)[2] + (lanes)[3]))

void
tn_output_sums_add (TnOutputSums *self, const float *y, const float *const parts[TN_N_ERROR_PARTS], gsize n)
{
  gsize whole = n / LANES * LANES;
  Lanes lanes = {0};

  for (gsize i = 0; i < whole; i += LANES)
    add_four (&lanes, y, parts, i);
  if (whole < n)
    {
      float rest[TN_N_ERROR_PARTS + 1][LANES] = {0};
      const float *at[TN_N_ERROR_PARTS];

      memcpy (rest[TN_N_ERROR_PARTS], y + whole, (n - whole) * sizeof (float));
      for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
        {
          at[p] = parts[p] != NULL ? rest[p] : NULL;
          if (parts[p] != NULL)
            memcpy (rest[p], parts[p] + whole, (n - whole) * sizeof (float));
        }
      add_four (&lanes, rest[TN_N_ERROR_PARTS], at, 0);
    }
  for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
    self->parts[p] += FOLD (lanes.parts[p]);
  self->error += FOLD (lanes.error);
  self->output += FOLD (lanes.output);
  self->became += FOLD (lanes.became);
  self->product += FOLD (lanes.product);
  for (guint k = 0; k < LANES; k++)
    self->maximum = MAX (self->maximum, (double) lanes.maximum[k]);
}

void
tn_output_sums_merge (TnOutputSums *self, const TnOutputSums *other)
{
  for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
    self->parts[p] += other->parts[p];
  self->error += other->error;
  self->output += other->output;
  self->became += other->became;
  self->product += other->product;
  self->maximum = MAX (self->maximum, other->maximum);
}

/* 0 where there is no error, whatever it is relative to; NaN relative to nothing. */
static double
relative (double energy, double output)
{
  if (energy == 0.0)
    return 0.0;
  return output > 0.0 ? energy / output : (double) NAN;
}

TnOutputError
tn_output_sums_finish (const TnOutputSums *self)
{
  TnOutputError result = {
      .nmse = relative (self->error, self->output),
      .cosine = NAN,
      .maximum = self->maximum,
      .weights = relative (self->parts[0], self->output),
      .inputs = relative (self->parts[1], self->output),
      .interaction = relative (self->parts[2], self->output),
      .inherited = relative (self->parts[3], self->output),
  };

  result.sqnr_db = -10.0 * log10 (result.nmse);
  if (self->output > 0.0 && self->became > 0.0)
    result.cosine = CLAMP (self->product / (sqrt (self->output) * sqrt (self->became)), -1.0, 1.0);
  result.cross = relative (self->error - (self->parts[0] + self->parts[1] + self->parts[2] + self->parts[3]), self->output);
  return result;
}
