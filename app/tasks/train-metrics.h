/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/recipe.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* The series of a step and, each metrics-every steps, of the layers (app/tasks/train.h). seconds: that it took, > 0. */
void tn_train_report_step (TnNetwork *network, const TnRecipe *recipe, const TnStepReport *report, double seconds, const TnListener *listener);

G_END_DECLS
