/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/model-file.h"
#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* The model among those that the workspace has seen. workspace NULL: nothing. */
void tn_record_model (TnWorkspace *workspace, TnModelFile *file);

G_END_DECLS
