/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One fact about this machine and this build. Numbers stand in value as plain C-locale digits with is_number set. */
typedef struct
{
  const char *key;   /* stable, for JSON: "cpu", "threads", "blas", … */
  char       *label; /* translated */
  char       *value;
  char       *text;  /* for people: with units; NULL: value */
  gboolean    is_number;
} TnDoctorFact;

void       tn_doctor_fact_free (TnDoctorFact *self);
/* All facts, element-type TnDoctorFact; measuring the memory's bandwidth takes about half a second and is left out unless asked for. */
GPtrArray *tn_doctor_examine   (gboolean measure_bandwidth, const char *workspace_path);

G_END_DECLS
