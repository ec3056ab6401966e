/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Loops that keep everything in registers and do nothing but multiply and add; private to engine/device. */

typedef enum
{
  TN_PEAK_FP32,
  TN_PEAK_INT8,
  TN_PEAK_BF16,
  TN_N_PEAKS
} TnPeakKind;

/* Runs rounds of the best loop the device in use has for the kind, on this thread; gives the operations (two a product) it did, or 0
 * where it has none. */
double tn_peak_run (TnPeakKind kind, guint rounds);

G_END_DECLS
