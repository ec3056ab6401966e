/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What was measured of this machine, kept between runs: its rates (engine/device/rates.h) and the choices between variants
 * (engine/device/choice.h), in a key file a machine, device and number of threads. It only saves time: a file that is missing, damaged or of another version is passed
 * over, and one that cannot be written is not. */

/* NULL for folder: ternion in the user's cache directory. Hands what is known to the engine; before its first product. */
void     tn_measurements_load (const char *folder);
/* Writes when the engine knows more than the file did when it was loaded. FALSE when it could not be written. */
gboolean tn_measurements_save (const char *folder, GError **error);

G_END_DECLS
