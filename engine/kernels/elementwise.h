/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* y[i] += x[i]; [n] each. */
void tn_add (float *y, const float *x, gsize n);

G_END_DECLS
