/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How records (passages of text, windows of tokens) are drawn; n of N are asked for. All of them are functions of the seed and the data alone. */
typedef enum
{
  TN_SAMPLER_RANDOM,     /* uniform, without replacement */
  TN_SAMPLER_SYSTEMATIC, /* every N/n-th */
  TN_SAMPLER_STRATIFIED, /* uniform in each stratum, as many as its share says */
  TN_SAMPLER_IMPORTANCE, /* with a chance that grows with a record's size (its loss, or a number of the user), weighted by its inverse */
  TN_SAMPLER_RESERVOIR,  /* the draw of RANDOM, in one pass over data of unknown length */
  TN_SAMPLER_INDICES,    /* those that a list names */
} TnSampler;

/* What makes a stratum. */
typedef enum
{
  TN_STRATA_LENGTH, /* the octave of the record's length in bytes or tokens */
  TN_STRATA_LABEL,
  TN_STRATA_FILE,
} TnStrata;

/* By value, NULL-terminated. */
extern const char *const tn_sampler_names[];
extern const char *const tn_strata_names[];

/* A line of a list of ordinals. */
typedef struct
{
  guint64 ordinal;
  guint64 line;    /* from 1 */
} TnListedOrdinal;

/* A file with one ordinal (0: the first record) a line; empty lines and what follows "#" are passed over. In ascending order, element-type
 * TnListedOrdinal. TN_ERROR_DATA names file and line: no number, listed twice; nothing is listed. */
GArray *tn_ordinal_list_load (const char *path, GError **error);
/* A file with one size a line, in the order of the records: a number, not negative. Element-type double. */
GArray *tn_size_list_load    (const char *path, GError **error);

G_END_DECLS
