/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TN_READ_BLOCK ((gsize) 1 << 18)

/* Reads all of data, bytes a multiple of TN_READ_BLOCK, by so many threads, each going through a block as n_streams streams side by side (1, 2 or
 * 4). Gives a number that depends on what was read, so that it is for something: to be kept. */
guint64 tn_read_memory (const guint8 *data, gsize bytes, gsize n_streams, int threads);

G_END_DECLS
