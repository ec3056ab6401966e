/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

#include "app/tasks/calibrate-options.h"

G_BEGIN_DECLS

/* TnAdvancedOptions: the options of a calibration that few need, in an expander: a row each, by the names and checks of the command line. What is
 * left empty stays as it is. */
#define TN_TYPE_ADVANCED_OPTIONS (tn_advanced_options_get_type ())
G_DECLARE_FINAL_TYPE (TnAdvancedOptions, tn_advanced_options, TN, ADVANCED_OPTIONS, GtkWidget)

/* Sets what the rows hold. FALSE at the first row whose value is wrong, and marks it. */
gboolean tn_advanced_options_apply   (TnAdvancedOptions *self, TnCalibrateOptions *options, GError **error);
/* name: of the command line's option; for tests and for what the page fills in itself. */
void     tn_advanced_options_set     (TnAdvancedOptions *self, const char *name, const char *text);
/* Signal: "changed" (). */

G_END_DECLS
