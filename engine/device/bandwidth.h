/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* tn_device_measure_read_bandwidth() on so many threads; private to engine/device. */
double tn_bandwidth_measure (guint threads);

G_END_DECLS
