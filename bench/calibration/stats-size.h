/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* stats_bytes, stats_bytes_per_channel: how large a statistics file is at the shape of a 134M LLaMA (width 768, 12 layers, hidden 2048), the inputs
 * of all its linear layers observed over 128 sequences of 512 tokens. Activations are made: normal, a scale of its own for each channel (log-normal, a
 * factor of e either way), one channel in 256 fifty times as large; those of ffn_down are products of two such, as a gated layer has them. */
void tn_bench_stats_size (TnBench *bench);

G_END_DECLS
