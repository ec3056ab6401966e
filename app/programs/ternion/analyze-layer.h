/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"

/* One layer for people: its error under every scheme and where that comes from, findings, what to do, and what carries the error. */
void tn_print_analyzed_layer (const TnAnalysis *analysis, guint layer);
