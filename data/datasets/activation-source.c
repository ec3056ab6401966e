/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/activation-source.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/arrays/array-file.h"
#include "data/datasets/data-files.h"
#include "data/datasets/drawing.h"
#include "data/files/byte-stream.h"
#include "data/files/quote.h"
#include "engine/calibration/site-stats.h"
#include "engine/error.h"
#include "engine/hash.h"

#define CUT_ROWS 32

/* A tensor of a file. */
typedef struct
{
  guint file, array, site;
  guint64 slices, slice_rows, piece_rows, pieces; /* pieces of a slice */
  GArray *chosen;                                 /* Chosen, in order; NULL: all sequences */
} Part;

typedef struct
{
  guint64 sequence;
  double weight;
} Chosen;

typedef struct
{
  guint64 row, rows;
} Span;

struct _TnActivationSource
{
  TnSamplingOptions options;
  gsize tile_bytes;
  GPtrArray *files; /* TnArrayFile */
  GArray *sites;    /* TnActivationSite */
  GArray *parts;    /* Part */
  guint64 *passed;  /* sequences of each site that were drawn, in all shards, so far */
  guint64 to_skip;  /* sequences of the shard that are still to be passed over */
  guint64 count;
  gboolean weighted;
  guint part;
  guint64 next; /* in the part: of chosen, or of all */
  TnArrayStream *stream;
};

static void
site_clear (gpointer data)
{
  g_free (((TnActivationSite *) data)->name);
}

static void
part_clear (gpointer data)
{
  g_clear_pointer (&((Part *) data)->chosen, g_array_unref);
}

static guint64
n_sequences (const Part *part)
{
  return part->slices * part->pieces;
}

static Span
find_span (const Part *part, guint64 sequence)
{
  guint64 first = sequence % part->pieces * part->piece_rows;

  return (Span){.row = sequence / part->pieces * part->slice_rows + first, .rows = MIN (part->piece_rows, part->slice_rows - first)};
}

/* Sequences of the tensor; FALSE for a shape that is none of a recording. */
static gboolean
divide (Part *part, const TnArray *array, const char *path, GError **error)
{
  guint64 width = array->n_dims > 0 ? array->shape[array->n_dims - 1] : 0, most;
  const char *name = array->quoted;

  if (array->n_dims == 0 || width == 0 || width > TN_STATS_MAX_WIDTH)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
                   _ ("%s: tensor %s has %u dimensions, the last of %" PRIu64 "; expected channels in the last one, 1 to %u"), path, name,
                   array->n_dims, width, TN_STATS_MAX_WIDTH);
      return FALSE;
    }
  if (array->count / width > TN_STATS_MAX_TOKENS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: tensor %s has %" PRIu64 " rows, more than statistics can count"), path, name,
                   array->count / width);
      return FALSE;
    }
  most = TN_ACTIVATION_BYTES / sizeof (float) / width / CUT_ROWS * CUT_ROWS;
  most = MAX (most, CUT_ROWS);
  part->slices = array->n_dims > 2 ? array->shape[0] : 1;
  part->slice_rows = part->slices > 0 ? array->count / width / part->slices : 0;
  part->piece_rows = array->n_dims == 2 ? MIN (most, TN_ACTIVATION_ROWS) : most;
  part->pieces = (part->slice_rows + part->piece_rows - 1) / part->piece_rows;
  return TRUE;
}

static gboolean
find_site (TnActivationSource *self, const TnArray *array, const char *path, guint *site, GError **error)
{
  guint width = (guint) array->shape[array->n_dims - 1];
  TnActivationSite fresh = {.width = width};

  for (*site = 0; *site < self->sites->len; (*site)++)
    {
      const TnActivationSite *known = &g_array_index (self->sites, TnActivationSite, *site);

      if (strcmp (known->name, array->name) != 0)
        continue;
      if (known->width != width)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: tensor %s has %u channels, one of the same name in an earlier file has %u"),
                       path, array->quoted, width, known->width);
          return FALSE;
        }
      return TRUE;
    }
  fresh.name = g_strdup (array->name);
  g_array_append_val (self->sites, fresh);
  return TRUE;
}

static gboolean
add_file (TnActivationSource *self, const char *path, GError **error)
{
  TnArrayFile *file = tn_array_file_open (path, error);

  if (file == NULL)
    return FALSE;
  g_ptr_array_add (self->files, file);
  for (guint i = 0; i < tn_array_file_n_arrays (file); i++)
    {
      const TnArray *array = tn_array_file_get (file, i);
      Part part = {.file = self->files->len - 1, .array = i};
      TnActivationSite *site;

      if (!divide (&part, array, path, error) || !find_site (self, array, path, &part.site, error))
        return FALSE;
      g_array_append_val (self->parts, part);
      site = &g_array_index (self->sites, TnActivationSite, part.site);
      site->rows += part.slices * part.slice_rows;
      site->sequences += n_sequences (&part);
      if (site->rows > TN_STATS_MAX_TOKENS)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: with it, site %s has %" PRIu64 " rows, more than statistics can count"), path,
                       array->quoted, site->rows);
          return FALSE;
        }
    }
  return TRUE;
}

static void
consider_all (TnActivationSource *self, guint site, TnDrawing *drawing)
{
  guint64 ordinal = 0;

  for (guint p = 0; p < self->parts->len; p++)
    {
      const Part *part = &g_array_index (self->parts, Part, p);

      for (guint64 s = 0; part->site == site && s < n_sequences (part); s++)
        {
          const TnSampleItem item = {
              .priority = ordinal,
              .ordinal = ordinal,
              .file = p,
              .record = {.offset = s, .length = (guint32) find_span (part, s).rows, .begins_document = TRUE},
          };
          TnSampleItem candidate;

          ordinal++;
          if (tn_drawing_consider (drawing, &item, FALSE, &candidate))
            tn_drawing_take (drawing, &candidate);
        }
    }
}

/* Draws among the sequences of one site. */
static gboolean
choose (TnActivationSource *self, guint site, GError **error)
{
  g_autoptr (TnDrawing) drawing = tn_drawing_new (&self->options);
  g_autoptr (TnSampleReport) report = NULL;
  g_autoptr (GArray) items = NULL;

  do
    consider_all (self, site, drawing);
  while (tn_drawing_next_pass (drawing));
  if ((items = tn_drawing_finish (drawing, &report, error)) == NULL)
    {
      g_autofree char *name = tn_quote_string (g_array_index (self->sites, TnActivationSite, site).name);

      g_prefix_error (error, "%s: ", name);
      return FALSE;
    }
  self->weighted = self->weighted || report->weighted;
  for (guint p = 0; p < self->parts->len; p++)
    if (g_array_index (self->parts, Part, p).site == site)
      g_array_index (self->parts, Part, p).chosen = g_array_new (FALSE, FALSE, sizeof (Chosen));
  for (guint i = 0; i < items->len; i++)
    {
      const TnSampleItem *item = &g_array_index (items, TnSampleItem, i);
      const Chosen chosen = {.sequence = item->record.offset, .weight = report->weighted ? item->weight : 0.0};

      g_array_append_val (g_array_index (self->parts, Part, item->file).chosen, chosen);
    }
  return TRUE;
}

static guint64
n_chosen (const Part *part)
{
  return part->chosen != NULL ? part->chosen->len : n_sequences (part);
}

static void
count_sequences (TnActivationSource *self)
{
  g_autofree guint64 *drawn = g_new0 (guint64, MAX (self->sites->len, 1));

  for (guint p = 0; p < self->parts->len; p++)
    drawn[g_array_index (self->parts, Part, p).site] += n_chosen (&g_array_index (self->parts, Part, p));
  for (guint s = 0; s < self->sites->len; s++)
    self->count += (drawn[s] + self->options.n_shards - self->options.shard) / self->options.n_shards;
}

TnActivationSource *
tn_activation_source_open (const char *const *paths, const TnSamplingOptions *options, gsize tile_bytes, const TnListener *listener,
                           GError **error)
{
  g_autoptr (TnActivationSource) self = g_new0 (TnActivationSource, 1);
  g_autoptr (GPtrArray) found = NULL;

  self->options = *options;
  self->to_skip = options->skip;
  self->tile_bytes = tile_bytes;
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_array_file_free);
  self->sites = g_array_new (FALSE, TRUE, sizeof (TnActivationSite));
  g_array_set_clear_func (self->sites, site_clear);
  self->parts = g_array_new (FALSE, TRUE, sizeof (Part));
  g_array_set_clear_func (self->parts, part_clear);
  if ((found = tn_data_files_find (paths, listener, error)) == NULL)
    return NULL;
  for (guint i = 0; i < found->len; i++)
    {
      const char *path = g_ptr_array_index (found, i);

      if (strcmp (path, TN_STANDARD_INPUT) == 0)
        {
          g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--tensors: recorded activations are read from files, not from standard input"));
          return NULL;
        }
      if (!add_file (self, path, error))
        return NULL;
    }
  if (self->sites->len == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: there is no tensor in it"), (const char *) g_ptr_array_index (found, 0));
      return NULL;
    }
  for (guint s = 0; s < self->sites->len; s++)
    if ((options->n_samples > 0 || options->sampler == TN_SAMPLER_INDICES) && !choose (self, s, error))
      return NULL;
  self->passed = g_new0 (guint64, self->sites->len);
  count_sequences (self);
  return g_steal_pointer (&self);
}

void
tn_activation_source_free (TnActivationSource *self)
{
  if (self == NULL)
    return;
  tn_array_stream_free (self->stream);
  g_ptr_array_unref (self->files);
  g_array_unref (self->sites);
  g_array_unref (self->parts);
  g_free (self->passed);
  g_free (self);
}

guint
tn_activation_source_n_sites (TnActivationSource *self)
{
  return self->sites->len;
}

const TnActivationSite *
tn_activation_source_get_site (TnActivationSource *self, guint index)
{
  return &g_array_index (self->sites, TnActivationSite, index);
}

guint64
tn_activation_source_count (TnActivationSource *self)
{
  return self->count;
}

gboolean
tn_activation_source_is_weighted (TnActivationSource *self)
{
  return self->weighted;
}

gsize
tn_activation_source_tile_bytes (TnActivationSource *self)
{
  gsize largest = 0;

  for (guint p = 0; p < self->parts->len; p++)
    {
      const Part *part = &g_array_index (self->parts, Part, p);
      gsize row = g_array_index (self->sites, TnActivationSite, part->site).width * sizeof (float);
      gsize sequence = (gsize) MIN (part->piece_rows, part->slice_rows) * row;
      gsize whole = (gsize) MIN (part->slices * part->slice_rows, G_MAXSIZE / row) * row;

      largest = MAX (largest, self->options.batch_size > 0 ? sequence * self->options.batch_size : MAX (sequence, MIN (self->tile_bytes, whole)));
    }
  return largest;
}

static Chosen
get_chosen (const Part *part, guint64 index)
{
  return part->chosen != NULL ? g_array_index (part->chosen, Chosen, index) : (Chosen){.sequence = index};
}

/* The sequences of the next tile: spans and what of them is known before they are read; FALSE at the end of the part. */
static gboolean
gather (TnActivationSource *self, const Part *part, gsize width, GArray *spans, GArray *sequences, guint64 *rows)
{
  guint64 most_rows = self->tile_bytes / sizeof (float) / width;

  for (; self->next < n_chosen (part); self->next++)
    {
      Chosen chosen = get_chosen (part, self->next);
      Span span = find_span (part, chosen.sequence);
      const TnSequence sequence = {.length = (guint) span.rows, .weight = chosen.weight};
      gboolean full = self->options.batch_size > 0 ? spans->len == self->options.batch_size : *rows + span.rows > most_rows;

      if (spans->len > 0 && full)
        break;
      if (self->passed[part->site]++ % self->options.n_shards != self->options.shard - 1)
        continue;
      if (self->to_skip > 0)
        {
          self->to_skip--;
          continue;
        }
      g_array_append_val (spans, span);
      g_array_append_val (sequences, sequence);
      *rows += span.rows;
    }
  return spans->len > 0;
}

static gboolean
read_spans (TnActivationSource *self, const Part *part, gsize width, const GArray *spans, GArray *sequences, float *values, GError **error)
{
  if (self->stream == NULL &&
      (self->stream = tn_array_stream_new (g_ptr_array_index (self->files, part->file), part->array, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < spans->len; i++)
    {
      const Span *span = &g_array_index (spans, Span, i);
      gsize n = (gsize) span->rows * width;

      if (!tn_array_stream_seek (self->stream, span->row * width, error) || !tn_array_stream_read (self->stream, values, n, error))
        return FALSE;
      g_array_index (sequences, TnSequence, i).hash = tn_hash_array (values, n * sizeof *values, 0);
      values += n;
    }
  return TRUE;
}

TnActivationTile *
tn_activation_source_next (TnActivationSource *self, GError **error)
{
  for (; self->part < self->parts->len; self->part++)
    {
      const Part *part = &g_array_index (self->parts, Part, self->part);
      gsize width = g_array_index (self->sites, TnActivationSite, part->site).width;
      g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (Span));
      g_autoptr (GArray) sequences = g_array_new (FALSE, FALSE, sizeof (TnSequence));
      guint64 rows = 0;

      if (gather (self, part, width, spans, sequences, &rows))
        {
          TnActivationTile *tile;
          g_autoptr (TnBlock) values = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, (gsize) rows * width, sizeof (float), error);

          if (values == NULL || !read_spans (self, part, width, spans, sequences, values, error))
            return NULL;
          tile = g_new (TnActivationTile, 1);
          *tile = (TnActivationTile){
              .site = part->site,
              .batch = tn_batch_new ((const TnSequence *) (gpointer) sequences->data, sequences->len),
              .values = g_steal_pointer (&values),
          };
          return tile;
        }
      g_clear_pointer (&self->stream, tn_array_stream_free);
      self->next = 0;
    }
  return NULL;
}

void
tn_activation_tile_free (TnActivationTile *self)
{
  if (self == NULL)
    return;
  tn_batch_unref (self->batch);
  tn_pool_release (tn_pool_default (), self->values);
  g_free (self);
}
