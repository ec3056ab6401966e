/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* TnApplication: one process, one window on one workspace; opens what is named on the command line. */
#define TN_TYPE_APPLICATION (tn_application_get_type ())
G_DECLARE_FINAL_TYPE (TnApplication, tn_application, TN, APPLICATION, AdwApplication)

TnApplication *tn_application_new (void);

G_END_DECLS
