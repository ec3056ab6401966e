/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

/* The path of a file among the real models and data, or NULL after marking the test as skipped where they are not present.
 * Free with g_free(). */
static inline char *
tn_test_realdata (const char *relative)
{
  const char *root = g_getenv ("TERNION_REALDATA");
  g_autofree char *path = root != NULL ? g_build_filename (root, relative, NULL) : NULL;

  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("the real models and data are not present");
      return NULL;
    }
  return g_steal_pointer (&path);
}
