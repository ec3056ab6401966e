/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The bundled sample: a model directory that also holds stories.txt. Looked for in $TERNION_SAMPLE_DIR, beside a build tree, and where it was
 * installed. TN_ERROR_NOT_FOUND names the places. Free with g_free(). */
char *tn_sample_find      (GError **error);
/* The text in it. Free with g_free(). */
char *tn_sample_find_text (GError **error);

G_END_DECLS
