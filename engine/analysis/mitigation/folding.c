/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/folding.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/grid-descent.h"
#include "engine/error.h"
#include "engine/quant/quantize.h"

#define N_EXPONENTS 11
#define MOST_READERS 3

static const char *const fold_names[TN_N_FOLDS] = {"attention norm", "values", "feed-forward norm", "up"};
static const char *const rule_names[TN_N_FOLD_RULES] = {"smooth", "activity", "equalize"};

const char *
tn_fold_get_name (TnFold fold)
{
  return fold_names[fold];
}

const char *
tn_fold_rule_get_name (TnFoldRule rule)
{
  return rule_names[rule];
}

guint
tn_fold_n_channels (const TnLlamaConfig *config, TnFold fold, gboolean sub_norm)
{
  switch (fold)
    {
    case TN_FOLD_VALUES:
      return (sub_norm ? config->n_head : config->n_head_kv) * config->head_dim;
    case TN_FOLD_UP:
      return config->n_ff;
    case TN_FOLD_ATTENTION_NORM:
    case TN_FOLD_FFN_NORM:
    default:
      return config->n_embd;
    }
}

/* What stands on both sides of the channels of a fold. */
typedef struct
{
  float *gain;   /* of a norm that writes; or NULL */
  float *writer; /* [channels, writer_columns]; or NULL */
  gsize writer_columns;
  float *readers[MOST_READERS]; /* [rows, columns] */
  gsize rows[MOST_READERS];
  guint n_readers;
  gsize columns; /* of a reader */
  gsize n_channels;
  gsize *channel_of; /* [columns] */
} Sides;

static void
sides_clear (Sides *self)
{
  g_clear_pointer (&self->channel_of, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sides, sides_clear)

static gboolean
add_reader (Sides *self, TnModelEdit *edit, guint block, const char *part, gsize rows, GError **error)
{
  self->readers[self->n_readers] = tn_model_edit_take_block (edit, block, part, error);
  self->rows[self->n_readers] = rows;
  return self->readers[self->n_readers++] != NULL;
}

/* A norm's gain, or the layer that writes where there is no norm. */
static gboolean
find_writer (Sides *self, TnModelEdit *edit, guint block, const char *norm, const char *part, GError **error)
{
  GError *local = NULL;

  self->gain = tn_model_edit_take_block (edit, block, norm, &local);
  if (self->gain == NULL && local == NULL && part != NULL)
    self->writer = tn_model_edit_take_block (edit, block, part, &local);
  if (local != NULL)
    g_propagate_error (error, local);
  return self->gain != NULL || self->writer != NULL;
}

static gboolean
find_sides (Sides *self, TnModelEdit *edit, guint block, TnFold fold, GError **error)
{
  const TnLlamaConfig *config = tn_model_edit_get_config (edit);
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;
  gboolean ok;

  self->writer_columns = config->n_embd;
  self->columns = fold == TN_FOLD_VALUES ? heads : fold == TN_FOLD_UP ? config->n_ff : config->n_embd;
  switch (fold)
    {
    case TN_FOLD_ATTENTION_NORM:
      ok = find_writer (self, edit, block, "attn_norm", NULL, error) && add_reader (self, edit, block, "attn_q", heads, error) &&
           add_reader (self, edit, block, "attn_k", heads_kv, error) && add_reader (self, edit, block, "attn_v", heads_kv, error);
      break;
    case TN_FOLD_VALUES:
      ok = find_writer (self, edit, block, "attn_sub_norm", "attn_v", error) &&
           add_reader (self, edit, block, "attn_output", config->n_embd, error);
      break;
    case TN_FOLD_FFN_NORM:
      ok = find_writer (self, edit, block, "ffn_norm", NULL, error) &&
           add_reader (self, edit, block, "ffn_gate", config->n_ff, error) &&
           add_reader (self, edit, block, "ffn_up", config->n_ff, error);
      break;
    case TN_FOLD_UP:
    default:
      ok = find_writer (self, edit, block, "ffn_sub_norm", "ffn_up", error) &&
           add_reader (self, edit, block, "ffn_down", config->n_embd, error);
      break;
    }
  if (!ok)
    return FALSE;
  self->n_channels = tn_fold_n_channels (config, fold, self->writer == NULL);
  self->channel_of = g_new (gsize, self->columns);
  for (gsize i = 0; i < self->columns; i++)
    self->channel_of[i] = i;
  /* Query heads that share a head of keys and values lie side by side. */
  for (gsize i = 0; fold == TN_FOLD_VALUES && self->writer != NULL && i < self->columns; i++)
    {
      gsize head = i / config->head_dim / (config->n_head / config->n_head_kv);

      self->channel_of[i] = head * config->head_dim + i % config->head_dim;
    }
  return TRUE;
}

gboolean
tn_fold_apply (TnModelEdit *edit, guint block, TnFold fold, const double *s, GError **error)
{
  g_auto (Sides) sides = {0};

  if (!find_sides (&sides, edit, block, fold, error))
    return FALSE;
  for (gsize i = 0; i < sides.n_channels; i++)
    if (!(s[i] > 0.0) || !isfinite (s[i]))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("channel %zu has the scale %g, expected a positive number"), i, s[i]);
        return FALSE;
      }
  for (gsize i = 0; sides.gain != NULL && i < sides.n_channels; i++)
    sides.gain[i] = (float) ((double) sides.gain[i] / s[i]);
  for (gsize i = 0; sides.writer != NULL && i < sides.n_channels * sides.writer_columns; i++)
    sides.writer[i] = (float) ((double) sides.writer[i] / s[i / sides.writer_columns]);
  for (guint k = 0; k < sides.n_readers; k++)
    for (gsize i = 0; i < sides.rows[k] * sides.columns; i++)
      sides.readers[k][i] = (float) ((double) sides.readers[k][i] * s[sides.channel_of[i % sides.columns]]);
  return TRUE;
}

/* tr (E H E^T) over tr (W H W^T), with E what rounding of diag (before) W diag (after) changes in W; either may be NULL: ones. */
static gboolean
measure_layer (const float *w, gsize rows, gsize columns, const double *before, const double *after, const TnScheme *scheme,
               const double *gram, double *error_part, GError **error)
{
  g_autofree float *scaled = g_new (float, rows *columns), *zeros = g_new0 (float, rows *columns);
  TnGridRows grid = {.weight = w, .gram = gram, .rows = rows, .columns = columns, .values = zeros};
  double power = tn_grid_rows_measure (&grid);

  for (gsize i = 0; i < rows * columns; i++)
    scaled[i] =
        (float) ((double) w[i] * (before != NULL ? before[i / columns] : 1.0) * (after != NULL ? after[i % columns] : 1.0));
  if (!tn_quantize_values (scheme, scaled, rows, columns, scaled, error))
    return FALSE;
  for (gsize i = 0; i < rows * columns; i++)
    scaled[i] = (float) ((double) scaled[i] /
                         ((before != NULL ? before[i / columns] : 1.0) * (after != NULL ? after[i % columns] : 1.0)));
  grid.values = scaled;
  *error_part += power > 0.0 ? tn_grid_rows_measure (&grid) / power : 0.0;
  return TRUE;
}

static gboolean
measure_sides (const Sides *self, const double *s, const TnScheme *scheme, const double *gram, const double *writer_gram,
               double *sum, GError **error)
{
  g_autofree double *columns = g_new (double, self->columns), *inverse = g_new (double, self->n_channels);

  *sum = 0.0;
  for (gsize i = 0; i < self->columns; i++)
    columns[i] = s[self->channel_of[i]];
  for (gsize i = 0; i < self->n_channels; i++)
    inverse[i] = 1.0 / s[i];
  for (guint k = 0; k < self->n_readers; k++)
    if (!measure_layer (self->readers[k], self->rows[k], self->columns, NULL, columns, scheme, gram, sum, error))
      return FALSE;
  return self->writer == NULL ||
         measure_layer (self->writer, self->n_channels, self->writer_columns, inverse, NULL, scheme, writer_gram, sum, error);
}

/* By channel: root mean square of the inputs up to a factor, and largest magnitudes of readers and writer. */
typedef struct
{
  double *activity, *read, *written;
} Channels;

static void
find_channels (const Sides *self, const double *gram, Channels *out)
{
  for (gsize i = 0; i < self->columns; i++)
    {
      gsize channel = self->channel_of[i];

      out->activity[channel] += MAX (gram[i * self->columns + i], 0.0);
      for (guint k = 0; k < self->n_readers; k++)
        for (gsize row = 0; row < self->rows[k]; row++)
          out->read[channel] = MAX (out->read[channel], fabs ((double) self->readers[k][row * self->columns + i]));
    }
  for (gsize i = 0; i < self->n_channels; i++)
    {
      out->activity[i] = sqrt (out->activity[i]);
      for (gsize k = 0; self->writer != NULL && k < self->writer_columns; k++)
        out->written[i] = MAX (out->written[i], fabs ((double) self->writer[i * self->writer_columns + k]));
    }
}

/* FALSE: the rule says nothing here. Channels that nothing flows through, or nothing reads, keep 1. */
static gboolean
make_scales (const Sides *self, const Channels *channels, TnFoldRule rule, double a, double *s)
{
  double log_sum = 0.0;
  gsize n = 0;

  if (rule == TN_FOLD_RULE_EQUALIZE && self->writer == NULL)
    return FALSE;
  for (gsize i = 0; i < self->n_channels; i++)
    {
      double r = channels->activity[i], w = channels->read[i], u = channels->written[i];
      double value = rule == TN_FOLD_RULE_SMOOTH     ? pow (r, a) / pow (w, 1.0 - a)
                     : rule == TN_FOLD_RULE_ACTIVITY ? pow (r, a)
                                                     : pow (u * w, a) / w;

      s[i] = r > 0.0 && w > 0.0 && value > 0.0 && isfinite (value) ? value : (double) NAN;
      if (isnan (s[i]))
        continue;
      log_sum += log (s[i]);
      n++;
    }
  for (gsize i = 0; i < self->n_channels; i++)
    s[i] = isnan (s[i]) ? 1.0 : s[i] / exp (log_sum / (double) MAX (n, 1));
  return TRUE;
}

double *
tn_fold_find (TnModelEdit *edit, guint block, TnFold fold, const TnScheme *scheme, const double *gram, const double *writer_gram,
              TnFoldChoice *choice, GError **error)
{
  g_auto (Sides) sides = {0};
  g_autofree double *best = NULL, *s = NULL, *values = NULL;
  Channels channels;

  if (!find_sides (&sides, edit, block, fold, error))
    return NULL;
  values = g_new0 (double, 3 * sides.n_channels);
  channels = (Channels){values, values + sides.n_channels, values + 2 * sides.n_channels};
  best = g_new (double, sides.n_channels);
  s = g_new (double, sides.n_channels);
  for (gsize i = 0; i < sides.n_channels; i++)
    best[i] = 1.0;
  find_channels (&sides, gram, &channels);
  *choice = (TnFoldChoice){0};
  if (!measure_sides (&sides, best, scheme, gram, writer_gram, &choice->before, error))
    return NULL;
  choice->after = choice->before;
  for (guint rule = 0; rule < TN_N_FOLD_RULES; rule++)
    for (guint k = 0; k < N_EXPONENTS; k++)
      {
        double a = (double) k / (N_EXPONENTS - 1), sum;

        if (!make_scales (&sides, &channels, rule, a, s))
          break;
        if (!measure_sides (&sides, s, scheme, gram, writer_gram, &sum, error))
          return NULL;
        if (sum >= choice->after)
          continue;
        *choice = (TnFoldChoice){choice->before, sum, rule, a};
        memcpy (best, s, sides.n_channels * sizeof *s);
      }
  return g_steal_pointer (&best);
}
