/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <string.h>

#include "data/files/npz-writer.h"

/* Numbers of every site, an array each. */
static const struct
{
  const char *name;
  gsize offset;
  gboolean is_count;
} numbers[] = {
    {"count", G_STRUCT_OFFSET (TnSiteSummary, count), TRUE},
    {"nonfinite", G_STRUCT_OFFSET (TnSiteSummary, nonfinite), TRUE},
    {"oversize", G_STRUCT_OFFSET (TnSiteSummary, oversize), TRUE},
    {"min", G_STRUCT_OFFSET (TnSiteSummary, min), FALSE},
    {"max", G_STRUCT_OFFSET (TnSiteSummary, max), FALSE},
    {"mean", G_STRUCT_OFFSET (TnSiteSummary, mean), FALSE},
    {"std", G_STRUCT_OFFSET (TnSiteSummary, std), FALSE},
    {"absmean", G_STRUCT_OFFSET (TnSiteSummary, absmean), FALSE},
    {"skewness", G_STRUCT_OFFSET (TnSiteSummary, skewness), FALSE},
    {"kurtosis", G_STRUCT_OFFSET (TnSiteSummary, kurtosis), FALSE},
    {"zeros", G_STRUCT_OFFSET (TnSiteSummary, zeros), FALSE},
};

/* Eight bytes, whatever they are. */
static guint64
to_little (const void *value)
{
  guint64 bits;

  memcpy (&bits, value, sizeof bits);
  return GUINT64_TO_LE (bits);
}

static guint64
double_bits (double value)
{
  return to_little (&value);
}

static void
take_words (TnNpzWriter *writer, const char *name, const char *descr, guint64 n, guint64 *words)
{
  tn_npz_writer_take (writer, name, descr, sizeof (guint64), 1, &n, words);
}

static void
add_scalar (TnNpzWriter *writer, const char *name, guint64 value)
{
  guint64 *word = g_new (guint64, 1);

  *word = GUINT64_TO_LE (value);
  tn_npz_writer_take (writer, name, "<u8", sizeof *word, 0, NULL, word);
}

static void
add_numbers (TnNpzWriter *writer, const TnStats *stats)
{
  guint n = stats->sites->len;
  g_autofree TnSiteSummary *summaries = g_new (TnSiteSummary, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    tn_site_stats_summarize (g_ptr_array_index (stats->sites, i), &summaries[i]);
  for (guint k = 0; k < G_N_ELEMENTS (numbers); k++)
    {
      guint64 *words = g_new (guint64, MAX (n, 1));

      for (guint i = 0; i < n; i++)
        words[i] = to_little (G_STRUCT_MEMBER_P (&summaries[i], numbers[k].offset));
      take_words (writer, numbers[k].name, numbers[k].is_count ? "<u8" : "<f8", n, words);
    }
}

/* NumPy's text: UTF-32, all as long as the longest. */
static void
add_names (TnNpzWriter *writer, const TnStats *stats)
{
  guint64 n = stats->sites->len;
  g_autofree char *descr = NULL;
  glong longest = 1;
  gunichar *text;

  for (guint i = 0; i < n; i++)
    longest = MAX (longest, g_utf8_strlen (((TnSiteStats *) g_ptr_array_index (stats->sites, i))->name, -1));
  text = g_new0 (gunichar, MAX (n, 1) * (gsize) longest);
  for (guint i = 0; i < n; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);
      glong length;
      g_autofree gunichar *wide = g_utf8_to_ucs4_fast (site->name, -1, &length);

      for (glong k = 0; k < MIN (length, longest); k++)
        text[(glong) i * longest + k] = GUINT32_TO_LE (wide[k]);
    }
  descr = g_strdup_printf ("<U%ld", longest);
  tn_npz_writer_take (writer, "sites", descr, (gsize) longest * sizeof *text, 1, &n, text);
}

typedef struct
{
  guint64 *low, *high, *count;
  gsize n;
} Bins;

static void
add_bin (double low, double high, guint64 count, gpointer user_data)
{
  Bins *bins = user_data;

  bins->low[bins->n] = double_bits (low);
  bins->high[bins->n] = double_bits (high);
  bins->count[bins->n++] = GUINT64_TO_LE (count);
}

static void
add_histogram (TnNpzWriter *writer, const TnSiteStats *site)
{
  Bins bins = {0};
  gsize most = TN_FLOAT_HISTOGRAM_BINS + 1;
  const struct
  {
    const char *name, *descr;
    guint64 **words;
  } parts[] = {{"low", "<f8", &bins.low}, {"high", "<f8", &bins.high}, {"count", "<u8", &bins.count}};

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    *parts[i].words = g_new (guint64, most);
  tn_float_histogram_foreach (site->histogram, add_bin, &bins);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.histogram.%s", site->name, parts[i].name);

      take_words (writer, name, parts[i].descr, bins.n, g_renew (guint64, *parts[i].words, MAX (bins.n, 1)));
    }
}

static void
add_channel_floats (TnNpzWriter *writer, const TnSiteStats *site, gboolean largest)
{
  g_autofree char *name = g_strdup_printf ("%s.channels.%s", site->name, largest ? "max" : "min");
  guint32 *words = g_new (guint32, site->width);
  guint64 n = site->width;

  for (guint c = 0; c < site->width; c++)
    {
      memcpy (&words[c], largest ? &site->channels[c].max : &site->channels[c].min, sizeof words[c]);
      words[c] = GUINT32_TO_LE (words[c]);
    }
  tn_npz_writer_take (writer, name, "<f4", sizeof *words, 1, &n, words);
}

static void
add_channel_means (TnNpzWriter *writer, const TnSiteStats *site, gboolean squares)
{
  g_autofree char *name = g_strdup_printf ("%s.channels.%s", site->name, squares ? "mean_square" : "mean");
  guint64 *words = g_new (guint64, site->width);

  for (guint c = 0; c < site->width; c++)
    {
      const TnChannelStats *channel = &site->channels[c];

      words[c] = double_bits (tn_channel_sum_to_double (squares ? channel->sum2 : channel->sum) / (double) channel->count);
    }
  take_words (writer, name, "<f8", site->width, words);
}

static void
add_channel_counts (TnNpzWriter *writer, const TnSiteStats *site)
{
  g_autofree char *name = g_strdup_printf ("%s.channels.count", site->name);
  guint64 *words = g_new (guint64, site->width);

  for (guint c = 0; c < site->width; c++)
    words[c] = GUINT64_TO_LE (site->channels[c].count);
  take_words (writer, name, "<u8", site->width, words);
}

gboolean
tn_stats_export_npz (const TnStats *stats, const char *path, GError **error)
{
  g_autoptr (TnNpzWriter) writer = tn_npz_writer_new ();

  add_scalar (writer, "model_fingerprint", stats->model_fingerprint);
  add_scalar (writer, "data_fingerprint", stats->data_fingerprint);
  add_scalar (writer, "samples", stats->samples);
  add_scalar (writer, "tokens", stats->tokens);
  add_names (writer, stats);
  add_numbers (writer, stats);
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      add_channel_counts (writer, site);
      add_channel_floats (writer, site, FALSE);
      add_channel_floats (writer, site, TRUE);
      add_channel_means (writer, site, FALSE);
      add_channel_means (writer, site, TRUE);
      add_histogram (writer, site);
    }
  return tn_npz_writer_write (writer, path, NULL, error);
}
