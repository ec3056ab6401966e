/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What products with a vector stand beside: seconds of the thread that takes longest to read its stretch of data, aligned to 64,
 * from front to back, as fast as we know to. */
double tn_time_reading (const void *data, gsize bytes, guint threads);

G_END_DECLS
