/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the machine could do at best: the limits that figures of speed stand beside. 0 where the processor lacks the instructions.
 * One core and all threads of the engine, measured at the same time on all of them. */
typedef struct
{
  double read_bandwidth_core, read_bandwidth; /* bytes a second from memory, sequential, no part of it in a cache */
  double fp32_core, fp32;                     /* multiplications and additions of fused multiply-adds a second */
  double int8_core, int8;                     /* the same of 8-bit products summed in 32 bits, or in 16 where nothing wider is there */
  double bf16_core, bf16;                     /* of bf16 products summed in fp32 */
} TnDeviceRates;

/* Measured at the first call (about two seconds, on the compute thread) unless tn_device_set_rates() gave them; any thread. */
const TnDeviceRates *tn_device_get_rates (void);
/* What was measured on this machine before; used from now on. */
void                 tn_device_set_rates (const TnDeviceRates *rates);
gboolean             tn_device_has_rates (void);
/* Measures now, whatever is known. */
const TnDeviceRates *tn_device_measure_rates (void);

G_END_DECLS
