/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/programs/ternion/command.h"
#include "data/statistics/stats-file.h"

G_BEGIN_DECLS

/* Options of "stats". */
typedef struct
{
  char    *format, *out, *dataset, *names, *schemes, *method, *objective;
  char    *site, *percentiles, *outliers, *model;
  char   **data;
  int      chunk_size, channel, seq_len;
  gboolean intervals, channels, extremes;
  gboolean summary;
} TnStatsArguments;

/* The actions, each with its files in command->arguments from 1 on. */
TnExitStatus tn_stats_run_show   (TnCommand *command, const TnStatsArguments *arguments);
TnExitStatus tn_stats_run_diff   (TnCommand *command, const TnStatsArguments *arguments);
TnExitStatus tn_stats_run_export (TnCommand *command, const TnStatsArguments *arguments);

/* The text behind the extremes of one site, or of all (NULL). */
TnExitStatus tn_stats_run_extremes (TnCommand *command, const TnStatsArguments *arguments, const TnStats *stats, const TnSiteStats *only);

/* To the file, or to standard output where it is NULL. */
gboolean     tn_stats_write_text (const char *text, const char *out, GError **error);

G_END_DECLS
