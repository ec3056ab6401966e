/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Values of options as people write them, on a command line or in a key file. Errors are TN_ERROR_ARGUMENT: "ORIGIN: “VALUE” is not …", where
 * origin says which option it is ("--samples", "calibrate.conf:7: samples"). On failure *value is untouched. */

/* A whole number of [least, most]. */
gboolean tn_option_parse_count    (const char *origin, const char *text, guint64 least, guint64 most, guint64 *value, GError **error);
/* Any 64-bit number, with a sign or without, decimal, octal or hexadecimal. */
gboolean tn_option_parse_seed     (const char *origin, const char *text, guint64 *value, GError **error);
/* A finite number of [least, most]; "2%" is 0.02. open: the ends themselves are not allowed. */
gboolean tn_option_parse_number   (const char *origin, const char *text, double least, double most, gboolean open, double *value, GError **error);
/* "500MB", "1GiB", "123456" -> bytes, more than 0. */
gboolean tn_option_parse_size     (const char *origin, const char *text, guint64 *bytes, GError **error);
/* "90", "90s", "15min", "1.5h", "2d" -> seconds; 0 is allowed. */
gboolean tn_option_parse_duration (const char *origin, const char *text, double *seconds, GError **error);
/* "true" or "false". */
gboolean tn_option_parse_switch   (const char *origin, const char *text, gboolean *value, GError **error);
/* "I/N" with 1 <= I <= N. */
gboolean tn_option_parse_shard    (const char *origin, const char *text, guint *part, guint *parts, GError **error);
/* Index of text in names (NULL-terminated). */
gboolean tn_option_parse_choice   (const char *origin, const char *text, const char *const *names, guint *value, GError **error);
/* "0.1,50,99.9": percentages between 0 and 100 in ascending order, at most 64; element-type double. */
gboolean tn_option_parse_percentiles (const char *origin, const char *text, GArray **percentiles, GError **error);

G_END_DECLS
