/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/option-table.h"

G_BEGIN_DECLS

#define TN_OPTION_FLAGS_MOST (64 * TN_OPTION_GIVEN_WORDS)

/* What a command line gave for the options of a table, by their places in it. Zeros at first. */
typedef struct
{
  char  *values[TN_OPTION_FLAGS_MOST];
  char **lists[TN_OPTION_FLAGS_MOST];
} TnOptionFlags;

void tn_option_flags_clear (TnOptionFlags *self);
/* Appends a flag for each option that has one to entries (of GOptionEntry), which must not outlive self. get: the option at a place, NULL behind the
 * last. */
void tn_option_flags_add   (TnOptionFlags *self, const TnOption *(*get) (guint index), GArray *entries);

G_END_DECLS
