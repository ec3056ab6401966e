/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Scalars in a file that TensorBoard reads while it is written: TFRecord framing (length, masked CRC-32C of it, data, masked CRC-32C of them) around Event messages
 * (tensorboard/compat/proto/event.proto) with summary.value.simple_value. float32, as the format has it. One thread at a time.
 *
 * Records are whole or not there: what a full disk cut is taken back, so that what comes later can be read. */
typedef struct _TnEventFile TnEventFile;

/* A new file events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER in the folder, which is made where it is missing. wall_time: seconds since 1970, as in
 * all events. first_step > 0: a run that goes on from there: TensorBoard drops what earlier files of the folder have from this step on.
 * TN_ERROR_IO. */
TnEventFile *tn_event_file_create     (const char *folder, double wall_time, gint64 first_step, GError **error);
void         tn_event_file_free       (TnEventFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnEventFile, tn_event_file_free)
/* The run goes on from this step, which was reached before: TensorBoard drops what there is from it on. As add_scalar(). */
gboolean     tn_event_file_rewind     (TnEventFile *self, gint64 first_step, double wall_time, GError **error);
/* Kept in memory until flush(), or until there is more of it than 64 KiB. tag: UTF-8; slashes make groups. */
gboolean     tn_event_file_add_scalar (TnEventFile *self, const char *tag, gint64 step, double wall_time, double value, GError **error);
/* Hands everything to the system. TN_ERROR_IO: it was lost; the file is as it was before, and may be written to again. */
gboolean     tn_event_file_flush      (TnEventFile *self, GError **error);
const char  *tn_event_file_get_path   (TnEventFile *self);

G_END_DECLS
