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

/* What the machine could do at best takes about two seconds to measure. */
typedef enum
{
  TN_DOCTOR_NO_RATES,
  TN_DOCTOR_KNOWN_RATES, /* measured only if they were not before */
  TN_DOCTOR_NEW_RATES,
} TnDoctorRates;

void       tn_doctor_fact_free (TnDoctorFact *self);
/* All facts, element-type TnDoctorFact. */
GPtrArray *tn_doctor_examine   (TnDoctorRates rates, const char *workspace_path);

G_END_DECLS
