/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Values that parameters are searched for. */
typedef struct
{
  char    *name;
  gboolean is_site; /* known by its histogram; else a tensor, known itself */
  GArray  *values;  /* float */
} TnBenchArray;

void tn_bench_array_free (TnBenchArray *self);

/* gauss, laplace, student3, gauss with 0.1 % of 20 times the width, lognormal, relu of gauss, uniform: n values each, always the same. */
void tn_bench_arrays_add_distributions (GPtrArray *arrays, gsize n);
/* The tensors of the real models in a folder, and the sites of those that run which have at least_values and more. Nothing where the
 * folder is not there. */
void tn_bench_arrays_add_models        (GPtrArray *arrays, const char *folder, gsize least_values);

G_END_DECLS
