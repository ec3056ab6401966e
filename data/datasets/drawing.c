/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/drawing.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "data/datasets/drawing-private.h"
#include "engine/error.h"

/* Records that a systematic draw keeps aside: a few megabytes. */
#define MOST_ASIDE 65536

struct _TnDrawing
{
  TnSamplingOptions options;
  TnRandom random;
  TnSampleSet *set;     /* random, reservoir, importance, and the second pass of systematic */
  TnStrataDraw *strata; /* stratified */
  GArray *aside;        /* the first pass of systematic: all records; NULL: they were too many */
  GArray *listed;       /* indices: those that were found */
  guint next_listed;
  TnSampleReport *report;
  guint pass;
  guint64 counted;      /* records of this pass */
  guint64 records;      /* of the first pass, in the second */
};

TnDrawing *
tn_drawing_new (const TnSamplingOptions *options)
{
  TnDrawing *self = g_new0 (TnDrawing, 1);

  self->options = *options;
  self->random = tn_random_stream (options->seed, "sample");
  self->report = tn_sample_report_new ();
  switch (options->sampler)
    {
    case TN_SAMPLER_STRATIFIED:
      self->strata = tn_strata_draw_new (options->strata, options->n_samples);
      break;
    case TN_SAMPLER_IMPORTANCE:
      self->set = tn_sample_set_new (options->n_samples + 1);
      break;
    case TN_SAMPLER_INDICES:
      self->listed = tn_sample_items_new ();
      break;
    case TN_SAMPLER_SYSTEMATIC:
      self->aside = tn_sample_items_new ();
      self->set = tn_sample_set_new (options->n_samples);
      break;
    case TN_SAMPLER_RANDOM:
    case TN_SAMPLER_RESERVOIR:
    default:
      self->set = tn_sample_set_new (options->n_samples);
      break;
    }
  return self;
}

void
tn_drawing_free (TnDrawing *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->set, tn_sample_set_free);
  g_clear_pointer (&self->strata, tn_strata_draw_free);
  g_clear_pointer (&self->aside, g_array_unref);
  g_clear_pointer (&self->listed, g_array_unref);
  tn_sample_report_free (self->report);
  g_free (self);
}

/* Whether a multiple of N/n falls into the record. */
static gboolean
is_on_grid (const TnDrawing *self, guint64 record, guint64 records)
{
  unsigned __int128 ordinal = record;
  guint64 n = self->options.n_samples;

  return records <= n || (guint64) (ordinal * n / records) != (guint64) ((ordinal + 1) * n / records);
}

static gboolean
consider_systematic (TnDrawing *self, const TnSampleItem *candidate, gboolean once)
{
  if (self->pass > 0)
    return is_on_grid (self, candidate->ordinal, self->records);
  if (self->aside != NULL && (once || self->aside->len == MOST_ASIDE))
    g_clear_pointer (&self->aside, g_array_unref);
  return self->aside != NULL;
}

static gboolean
consider_importance (TnDrawing *self, TnSampleItem *candidate)
{
  const GArray *sizes = self->options.sizes;

  /* A list that is too short is told at the end, with how many records there are. */
  if (candidate->ordinal >= sizes->len)
    return FALSE;
  candidate->size = g_array_index (sizes, double, candidate->ordinal);
  if (!(candidate->size > 0.0))
    {
      self->report->unreachable++;
      return FALSE;
    }
  candidate->priority = tn_size_priority (candidate->size, tn_random_at (&self->random, candidate->ordinal));
  return tn_sample_set_accepts (self->set, candidate);
}

static gboolean
consider_listed (TnDrawing *self, const TnSampleItem *candidate)
{
  const GArray *ordinals = self->options.ordinals;

  return self->next_listed < ordinals->len && g_array_index (ordinals, TnListedOrdinal, self->next_listed).ordinal == candidate->ordinal;
}

gboolean
tn_drawing_consider (TnDrawing *self, const TnSampleItem *record, gboolean once, TnSampleItem *candidate)
{
  *candidate = *record;
  candidate->ordinal = record->priority;
  candidate->weight = 1.0;
  self->counted++;
  if (self->pass == 0)
    tn_sample_report_add_record (self->report, record->file, record->label, tn_sample_item_length (record));
  switch (self->options.sampler)
    {
    case TN_SAMPLER_SYSTEMATIC:
      return consider_systematic (self, candidate, once);
    case TN_SAMPLER_STRATIFIED:
      candidate->priority = tn_random_at (&self->random, candidate->ordinal);
      return tn_strata_draw_consider (self->strata, candidate);
    case TN_SAMPLER_IMPORTANCE:
      return consider_importance (self, candidate);
    case TN_SAMPLER_INDICES:
      return consider_listed (self, candidate);
    case TN_SAMPLER_RANDOM:
    case TN_SAMPLER_RESERVOIR:
    default:
      candidate->priority = tn_random_at (&self->random, candidate->ordinal);
      return tn_sample_set_accepts (self->set, candidate);
    }
}

void
tn_drawing_take (TnDrawing *self, const TnSampleItem *candidate)
{
  if (self->strata != NULL)
    tn_strata_draw_take (self->strata, candidate);
  else if (self->listed != NULL)
    {
      g_array_append_val (self->listed, *candidate);
      self->next_listed++;
    }
  else if (self->options.sampler == TN_SAMPLER_SYSTEMATIC && self->pass == 0)
    g_array_append_val (self->aside, *candidate);
  else
    tn_sample_set_offer (self->set, candidate);
}

gboolean
tn_drawing_next_pass (TnDrawing *self)
{
  if (self->options.sampler != TN_SAMPLER_SYSTEMATIC || self->pass > 0 || self->aside != NULL || self->counted == 0)
    return FALSE;
  self->pass++;
  self->records = self->counted;
  self->counted = 0;
  return TRUE;
}

guint64
tn_drawing_count (const TnDrawing *self)
{
  return self->counted;
}

static gboolean
check_lists (const TnDrawing *self, GError **error)
{
  const TnSamplingOptions *options = &self->options;

  if (options->sampler == TN_SAMPLER_INDICES && self->next_listed < options->ordinals->len)
    {
      const TnListedOrdinal *missing = &g_array_index (options->ordinals, TnListedOrdinal, self->next_listed);

      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("line %" PRIu64 " of the list: there is no record %" PRIu64 "; the data hold %" PRIu64 ", counted from 0"),
                   missing->line, missing->ordinal, self->counted);
      return FALSE;
    }
  if (options->sampler == TN_SAMPLER_IMPORTANCE && options->sizes->len != self->counted)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%u sizes are listed, the data hold %" PRIu64 " records: expected one each"), options->sizes->len,
                   self->counted);
      return FALSE;
    }
  return TRUE;
}

static GArray *
finish_systematic (TnDrawing *self)
{
  if (self->aside == NULL)
    return tn_sample_set_finish (self->set);
  for (guint i = 0; i < self->aside->len; i++)
    if (is_on_grid (self, i, self->aside->len))
      tn_sample_set_offer (self->set, &g_array_index (self->aside, TnSampleItem, i));
  return tn_sample_set_finish (self->set);
}

static GArray *
finish_importance (TnDrawing *self)
{
  GArray *items = tn_sample_set_finish (self->set);
  double threshold = tn_take_threshold (items, self->options.n_samples);

  for (guint i = 0; i < items->len; i++)
    {
      TnSampleItem *item = &g_array_index (items, TnSampleItem, i);

      item->weight = MAX (1.0, threshold / item->size);
    }
  return items;
}

GArray *
tn_drawing_finish (TnDrawing *self, TnSampleReport **report, GError **error)
{
  GArray *items;

  if (!check_lists (self, error))
    return NULL;
  if (self->strata != NULL)
    items = tn_strata_draw_finish (self->strata, self->report);
  else if (self->listed != NULL)
    items = g_steal_pointer (&self->listed);
  else if (self->options.sampler == TN_SAMPLER_SYSTEMATIC)
    items = finish_systematic (self);
  else if (self->options.sampler == TN_SAMPLER_IMPORTANCE)
    items = finish_importance (self);
  else
    items = tn_sample_set_finish (self->set);
  for (guint i = 0; i < items->len; i++)
    {
      TnSampleItem *item = &g_array_index (items, TnSampleItem, i);

      /* Every record of an equal draw stands for as many. */
      if (self->options.sampler != TN_SAMPLER_STRATIFIED && self->options.sampler != TN_SAMPLER_IMPORTANCE)
        item->weight = (double) self->report->records / (double) items->len;
      tn_sample_report_add_drawn (self->report, item->file, item->label, tn_sample_item_length (item), item->weight);
    }
  self->report->weighted = self->options.sampler == TN_SAMPLER_STRATIFIED || self->options.sampler == TN_SAMPLER_IMPORTANCE;
  *report = tn_sample_report_copy (self->report);
  return items;
}
