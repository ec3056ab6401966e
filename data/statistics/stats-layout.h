/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* Names in a statistics file; resources/guides/statistics-file.md describes them to readers. */
#define TN_STATS_FORMAT "ternion-statistics"
#define TN_STATS_SCHEMA_VERSION 1

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

/* Tensors of a site: SITE.NAME. */
#define TN_STATS_TENSOR_BINS "histogram.bins"
#define TN_STATS_TENSOR_COUNTS "histogram.counts"
#define TN_STATS_TENSOR_GROUPS "groups"
#define TN_STATS_TENSOR_SUM "channels.sum"
#define TN_STATS_TENSOR_SUM2 "channels.sum2"
#define TN_STATS_TENSOR_MIN "channels.min"
#define TN_STATS_TENSOR_MAX "channels.max"
#define TN_STATS_TENSOR_COUNT "channels.count" /* only where a channel left values out */

/* Numbers of a group: count, sequences, and the limbs of five sums. */
#define TN_STATS_GROUP_WORDS (2 + 5 * TN_WIDE_SUM_LIMBS)

G_END_DECLS
