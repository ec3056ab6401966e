/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How far training data were drawn: all that a checkpoint needs to go on with the same batches. */
typedef struct
{
  guint64 epoch; /* whole passes over the data */
  guint64 index; /* drawn of the pass that is going on; below the number of windows or images of a pass */
} TnStreamPosition;

G_END_DECLS
