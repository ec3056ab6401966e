/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* oneDNN, where it is installed (Debian: libdnnl2): loaded at the first call, never linked. Only its products of integers are used,
 * for these are exact and so the same as ours. */

/* "onednn 2.6.3", or NULL where it is missing or has not what we use. */
const char *tn_onednn_get_name     (void);
/* c[i][j] = sum over l < k of a[i][l] b[j][l], for i < m and j < n; strides in elements. The sums must fit int32. Runs on the threads of a
 * parallel region of its own, or inside a parallel region on this thread alone. FALSE when it failed; not without a name. */
gboolean    tn_onednn_product_int8 (const gint8 *a, gsize a_stride, gsize m, const gint8 *b, gsize b_stride, gsize n, gsize k,
                                    gint32 *c, gsize c_stride);

G_END_DECLS
