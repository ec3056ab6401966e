/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/session.h"

G_BEGIN_DECLS

/* The parts of opening that read files: to be called on a worker thread. */
TnModelFacts *tn_model_facts_read     (TnModelFile *file);
void          tn_model_facts_free     (TnModelFacts *self);
/* NULL-terminated; workspace may be NULL. */
char        **tn_recent_models_read   (TnWorkspace *workspace);

G_END_DECLS
