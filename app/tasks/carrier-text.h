/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer.h"
#include "engine/analysis/analysis.h"

G_BEGIN_DECLS

/* Sets `text` of carriers that are tokens or samples (analysis.h). samples: the sequences that errors were measured on, in their order. tokenizer NULL:
 * ids. */
void tn_carrier_text_set (TnAnalysis *analysis, const TnBatch *samples, TnTokenizer *tokenizer);

G_END_DECLS
