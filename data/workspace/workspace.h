/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* TnWorkspace: one SQLite file (WAL, foreign keys, migrations) that holds models seen, statistics, and runs with their series, events and requests.
 * The only channel between processes: a window shows, and can pause, what a terminal started. One object a thread at a time (internally locked). */
typedef struct _TnWorkspace TnWorkspace;

typedef enum { TN_RUN_RUNNING, TN_RUN_PAUSED, TN_RUN_DONE, TN_RUN_FAILED, TN_RUN_CANCELLED, TN_RUN_LOST } TnRunState;
typedef enum { TN_REQUEST_NONE, TN_REQUEST_PAUSE, TN_REQUEST_RESUME, TN_REQUEST_CANCEL } TnRequest;

typedef struct
{
  gint64     id;
  char      *verb;        /* "calibrate", "inspect", … */
  char      *title;       /* for people: "calibrate stories260K.bin on tinystories_2MB.txt" */
  char      *arguments;   /* JSON */
  TnRunState state;
  double     done, total; /* units; total <= 0 unknown */
  char      *unit;
  double     rate;        /* units a second */
  guint64    rss_bytes;
  char      *message;     /* error or last event */
  char      *output;      /* path of what it made, or NULL */
  gint64     started_us, updated_us; /* unix time, microseconds */
  gint64     pid;
  char      *identity;    /* the same in every workspace that has this run */
} TnRunRow;

void tn_run_row_free (TnRunRow *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnRunRow, tn_run_row_free)

typedef struct { gint64 id; char *path; char *format; char *architecture; guint64 fingerprint, bytes, parameters; gint64 seen_us; } TnModelRow;
void tn_model_row_free (TnModelRow *self);

typedef struct { gint64 id, run, time_us; char *kind, *text; } TnEventRow;
void tn_event_row_free (TnEventRow *self);

typedef struct
{
  gint64  id, run;    /* run 0: none */
  char   *path;
  guint64 model_fingerprint, data_fingerprint, samples, tokens, bytes;
  gint64  made_us;
  char   *provenance; /* what they follow from, or NULL where that is not known; the same text: the same statistics */
} TnStatisticsRow;
void tn_statistics_row_free (TnStatisticsRow *self);

/* The last point of a series. */
typedef struct { char *name; gint64 count, step; double value; } TnSeriesRow;
void tn_series_row_free (TnSeriesRow *self);

/* One entry of a series' pyramid: the extremes of count points from first_step to last_step; NaN when all of them are. */
typedef struct { gint64 first_step, last_step, count; double minimum, maximum; } TnPyramidEntry;

/* path NULL: ~/.local/share/ternion/workspace.db. Creates folders and file. TN_ERROR_BUSY: locked; TN_ERROR_IO: read-only; TN_ERROR_FORMAT: not a workspace or corrupt;
 * TN_ERROR_MISMATCH: made by a newer version. Each names the file. */
TnWorkspace *tn_workspace_open     (const char *path, GError **error);
TnWorkspace *tn_workspace_ref      (TnWorkspace *self);
void         tn_workspace_unref    (TnWorkspace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnWorkspace, tn_workspace_unref)
const char  *tn_workspace_get_path (TnWorkspace *self);
/* Changes whenever any process committed: cheap to poll. */
gint64       tn_workspace_data_version (TnWorkspace *self);

/* Several writes as one commit: what is written between begin and end is there as a whole or not at all. Other threads' writes wait meanwhile;
 * begin and end belong on one thread. end with success FALSE, or with a commit that fails, drops it all and returns FALSE. */
gboolean     tn_workspace_begin_batch (TnWorkspace *self, GError **error);
gboolean     tn_workspace_end_batch   (TnWorkspace *self, gboolean success, GError **error);

/* Models seen: inserts or updates by fingerprint; the row's id, or -1. */
gint64       tn_workspace_record_model (TnWorkspace *self, const TnModelRow *model, GError **error);
GPtrArray   *tn_workspace_list_models  (TnWorkspace *self, GError **error); /* newest first; TnModelRow */

/* Runs. */
gint64       tn_workspace_begin_run    (TnWorkspace *self, const char *verb, const char *title, const char *arguments_json, GError **error);
/* The run of this identity goes on in this process: the same row, running again, with its series and events. Where there is none, or it still runs
 * in another process, a new one begins (in the latter case with an identity of its own). */
gint64       tn_workspace_continue_run (TnWorkspace *self, const char *identity, const char *verb, const char *title, const char *arguments_json,
                                        GError **error);
gboolean     tn_workspace_update_run   (TnWorkspace *self, gint64 run, TnRunState state, double done, double total, const char *unit,
                                        double rate, guint64 rss_bytes, GError **error);
gboolean     tn_workspace_end_run      (TnWorkspace *self, gint64 run, TnRunState state, const char *message, const char *output, GError **error);
/* Newest first, at most limit (0: all). Runs whose process is gone are marked TN_RUN_LOST. */
GPtrArray   *tn_workspace_list_runs    (TnWorkspace *self, guint limit, GError **error);
TnRunRow    *tn_workspace_get_run      (TnWorkspace *self, gint64 run, GError **error);
gboolean     tn_workspace_add_event    (TnWorkspace *self, gint64 run, const char *kind, const char *text, GError **error);
GPtrArray   *tn_workspace_list_events  (TnWorkspace *self, gint64 run, GError **error); /* in order; TnEventRow */
/* Appends n points of a series (chunked; with minimum/maximum pyramid). */
gboolean     tn_workspace_append_series (TnWorkspace *self, gint64 run, const char *series, gsize n, const gint64 *steps, const double *values, GError **error);
/* Takes back what the run's series have from this step on: it goes on from a state before that. Series named "job/…", which go over running time,
 * stay. Steps of a series do not fall. */
gboolean     tn_workspace_rewind_run   (TnWorkspace *self, gint64 run, gint64 first_step, GError **error);
/* All points, in order, into GArray of gint64 and of double. */
gboolean     tn_workspace_read_series  (TnWorkspace *self, gint64 run, const char *series, GArray *steps, GArray *values, GError **error);
char       **tn_workspace_list_series  (TnWorkspace *self, gint64 run, GError **error);
/* All series of a run with their last points, by name; TnSeriesRow. Reads the ends alone. */
GPtrArray   *tn_workspace_list_latest  (TnWorkspace *self, gint64 run, GError **error);
/* The finest level of the pyramid that has at most max_entries entries, in order; for drawing without reading every point. */
gboolean     tn_workspace_read_pyramid (TnWorkspace *self, gint64 run, const char *series, guint max_entries, GArray *entries, GError **error);
/* A request to a run in any process; the run takes it (which clears it). */
gboolean     tn_workspace_post_request (TnWorkspace *self, gint64 run, TnRequest request, GError **error);
TnRequest    tn_workspace_take_request (TnWorkspace *self, gint64 run);
/* A live snapshot of statistics (bytes of a statistics file) that other processes may show while the run goes on. */
gboolean     tn_workspace_put_snapshot (TnWorkspace *self, gint64 run, GBytes *snapshot, GError **error);
GBytes      *tn_workspace_get_snapshot (TnWorkspace *self, gint64 run, gint64 *version, GError **error);
/* Statistics made: path, fingerprints, samples, tokens; provenance may be NULL. */
gboolean     tn_workspace_record_stats (TnWorkspace *self, gint64 run, const char *path, guint64 model_fingerprint, guint64 data_fingerprint,
                                        guint64 samples, guint64 tokens, guint64 bytes, const char *provenance, GError **error);
GPtrArray   *tn_workspace_list_stats   (TnWorkspace *self, GError **error); /* newest first; TnStatisticsRow */

G_END_DECLS
