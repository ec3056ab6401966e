/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/resource.h>

#include "engine/device/device.h"

/* A line like "VmRSS:     1234 kB" of /proc/self/status, in bytes; 0 where absent. */
static gsize
status_bytes (const char *field)
{
  g_autofree char *text = NULL;
  const char *found;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  found = strstr (text, field);
  return found != NULL ? (gsize) g_ascii_strtoull (found + strlen (field), NULL, 10) * 1024 : 0;
}

gsize
tn_process_get_rss (void)
{
  return status_bytes ("\nVmRSS:");
}

gsize
tn_process_get_peak_rss (void)
{
  gsize bytes = status_bytes ("\nVmHWM:");
  struct rusage usage;

  if (bytes == 0 && getrusage (RUSAGE_SELF, &usage) == 0)
    bytes = (gsize) usage.ru_maxrss * 1024;
  return bytes;
}
