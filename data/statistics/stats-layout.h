/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* Names in a statistics file; resources/guides/statistics-file.md describes them to readers. */
#define TN_STATS_FORMAT "ternion-statistics"
#define TN_STATS_SUMMARY_FORMAT "ternion-statistics-summary"
#define TN_STATS_SCHEMA_VERSION 2

#define TN_STATS_KEY_FORMAT "format"
#define TN_STATS_KEY_SCHEMA "schema_version"
#define TN_STATS_KEY_MODEL "model_fingerprint"
#define TN_STATS_KEY_DATA "data_fingerprint"
#define TN_STATS_KEY_SAMPLES "samples"
#define TN_STATS_KEY_TOKENS "tokens"
#define TN_STATS_KEY_PARTIAL "partial"
#define TN_STATS_KEY_BACKEND "backend"
#define TN_STATS_KEY_POWER_QUANTUM "power_sum_quantum_log2"
#define TN_STATS_KEY_POWER_ORDER "power_sum_order" /* absent in files of the first Ternion, which summed a token at a time */
#define TN_STATS_POWER_ORDER_TILE "tile"
#define TN_STATS_KEY_CHANNEL_QUANTUM "channel_sum_quantum_log2"
#define TN_STATS_KEY_OVERSIZE "oversize_log2"
#define TN_STATS_KEY_GROUPS "groups"
#define TN_STATS_KEY_ALIASES "aliases"
#define TN_STATS_KEY_SITES "sites"
#define TN_STATS_KEY_WEIGHTED "weighted" /* only where sequences were not drawn evenly (stats-weights.h) */

#define TN_STATS_KEY_LEFT_OUT "left_out" /* of a summary: for people */
#define TN_STATS_KEY_CHECKSUM "metadata_crc32c" /* of all other metadata */

/* Tensors of a site: SITE.NAME. Those of U8 are packed (stats-packing.h). */
#define TN_STATS_TENSOR_HISTOGRAM "histogram"
#define TN_STATS_TENSOR_GROUPS "groups"
#define TN_STATS_TENSOR_GROUP_HISTOGRAMS "groups.histogram"
#define TN_STATS_TENSOR_LARGEST "largest"
#define TN_STATS_TENSOR_SUM "channels.sum"
#define TN_STATS_TENSOR_SUM2 "channels.sum2"
#define TN_STATS_TENSOR_MIN "channels.min"
#define TN_STATS_TENSOR_MAX "channels.max"
#define TN_STATS_TENSOR_COUNT "channels.count"                /* only where a channel left values out */
#define TN_STATS_TENSOR_CHANNEL_HISTOGRAMS "channels.histogram" /* only where asked for */
/* Of a summary, instead of the sums. */
#define TN_STATS_TENSOR_MEAN "channels.mean"
#define TN_STATS_TENSOR_MEAN_SQUARE "channels.mean_square"
#define TN_STATS_TENSOR_GRAM "gram"             /* only where asked for: the upper triangle, integers as those of channels */
#define TN_STATS_TENSOR_ROWS "rows"             /* likewise: F32 */
#define TN_STATS_TENSOR_ROW_PLACES "rows.place" /* before the first row, how many there may be; sample (low, high) and token of each */
#define TN_STATS_ROW_PLACE_WORDS 3
/* Words of an entry of largest: the value's bits, the sample's hash (low, high), token, channel. */
#define TN_STATS_LARGEST_WORDS 5

/* Tensors of the first version that later ones do not have, or have in another form. */
#define TN_STATS_TENSOR_BINS_1 "histogram.bins"
#define TN_STATS_TENSOR_COUNTS_1 "histogram.counts"
/* Numbers of a group: count, sequences, and the limbs of five sums. */
#define TN_STATS_GROUP_WORDS_1 (2 + 5 * TN_WIDE_SUM_LIMBS)

/* CRC-32C of metadata (string -> string) without the sum itself: key, zero byte, value, zero byte of each, by key. */
guint32 tn_stats_metadata_checksum (GHashTable *metadata);

G_END_DECLS
