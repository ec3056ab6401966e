/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A folder of files that come with the program, "sample" or "recipes": what the environment variable names, else beside a build tree, where it is
 * known by a file it holds, else where it was installed. NULL where there is none; *installed gets where it would be. Free both with g_free(). */
char *tn_resource_folder_find (const char *variable, const char *name, const char *file, char **installed);

G_END_DECLS
