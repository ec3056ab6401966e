/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* sums[j] (or += where adds) = sum over rows i of x[i][j] times y[i][j]; y NULL: of x alone. x, y: [rows, columns]. Every sum is taken
 * in the order of the rows, blocks of 64 in float and those in double: the same bits for any number of threads. Runs a parallel region. */
void tn_column_sums (const float *x, const float *y, gsize rows, gsize columns, float *sums, gboolean adds, guint threads);

G_END_DECLS
