/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/listener.h"

G_BEGIN_DECLS

/* The files that paths name, in order: files, directories (their files, sorted by name, hidden ones and folders in them left out),
 * patterns that the shell was kept from expanding ('data/x*.jsonl', sorted), and "-" for standard input. A file that is named twice is
 * taken once, and an event says so. element-type char *. TN_ERROR_NOT_FOUND, TN_ERROR_ARGUMENT, TN_ERROR_DATA: a folder without files. */
GPtrArray *tn_data_files_find (const char *const *paths, const TnListener *listener, GError **error);

G_END_DECLS
