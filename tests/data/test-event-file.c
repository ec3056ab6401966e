/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/event-file.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include <glib/gstdio.h>

#include "engine/crc32c.h"
#include "engine/error.h"

static char *folder;

static char *
read_hex (const char *path, gsize *bytes)
{
  g_autofree char *contents = NULL;
  GString *text = g_string_new (NULL);

  g_assert_true (g_file_get_contents (path, &contents, bytes, NULL));
  for (gsize i = 0; i < *bytes; i++)
    g_string_append_printf (text, "%02x", (guint8) contents[i]);
  return g_string_free (text, FALSE);
}

/* The same bytes as TensorBoard's own writer. */
static void
test_golden (void)
{
  g_autofree char *own = g_build_filename (folder, "golden", NULL), *hex = NULL;
  g_autoptr (TnEventFile) file = tn_event_file_create (own, 0.0, 0, NULL);
  g_autofree char *name = g_path_get_basename (tn_event_file_get_path (file));
  gsize bytes;

  g_assert_true (g_str_has_prefix (name, "events.out.tfevents.0000000000."));
  g_assert_true (tn_event_file_add_scalar (file, "loss", 5, 1.0, 2.5, NULL));
  g_assert_true (tn_event_file_flush (file, NULL));
  hex = read_hex (tn_event_file_get_path (file), &bytes);
  g_assert_cmpstr (hex, ==,
                   "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3"
                   "1a00000000000000129bd82d09000000000000f03f10052a0d0a0b0a046c6f737315000020401f0ddde3");
  g_unlink (tn_event_file_get_path (file));
  g_rmdir (own);
}

typedef struct
{
  const guint8 *data, *end;
} Input;

static guint64
get_number (Input *self, guint bytes)
{
  guint64 value = 0;

  g_assert_cmpuint (self->end - self->data, >=, bytes);
  memcpy (&value, self->data, bytes);
  self->data += bytes;
  return value;
}

static guint64
get_varint (Input *self)
{
  guint64 value = 0, byte = 0x80;

  for (guint shift = 0; byte & 0x80; shift += 7)
    {
      byte = get_number (self, 1);
      value |= (byte & 0x7f) << shift;
    }
  return value;
}

static Input
get_bytes (Input *self)
{
  gsize bytes = (gsize) get_varint (self);
  Input inside = {self->data, self->data + bytes};

  g_assert_cmpuint (self->end - self->data, >=, bytes);
  self->data += bytes;
  return inside;
}

typedef struct
{
  double wall_time;
  gint64 step;
  char *tag;
  float value;
  gboolean version, start;
} Event;

static void
event_free (gpointer data)
{
  g_free (((Event *) data)->tag);
  g_free (data);
}

/* A reader from the public description of the formats. */
static Event *
parse_event (Input event)
{
  Event *self = g_new0 (Event, 1);

  while (event.data < event.end)
    switch (get_varint (&event))
      {
      case 1 << 3 | 1:
        {
          guint64 bits = get_number (&event, 8);

          memcpy (&self->wall_time, &bits, sizeof bits);
          break;
        }
      case 2 << 3 | 0:
        self->step = (gint64) get_varint (&event);
        break;
      case 3 << 3 | 2:
        {
          Input text = get_bytes (&event);

          g_assert_cmpmem (text.data, text.end - text.data, "brain.Event:2", 13);
          self->version = TRUE;
          break;
        }
      case 5 << 3 | 2:
        {
          Input summary = get_bytes (&event), value, tag;
          guint32 bits;

          g_assert_cmpuint (get_varint (&summary), ==, 1 << 3 | 2);
          value = get_bytes (&summary);
          g_assert_cmpuint (get_varint (&value), ==, 1 << 3 | 2);
          tag = get_bytes (&value);
          self->tag = g_strndup ((const char *) tag.data, (gsize) (tag.end - tag.data));
          g_assert_cmpuint (get_varint (&value), ==, 2 << 3 | 5);
          bits = (guint32) get_number (&value, 4);
          memcpy (&self->value, &bits, sizeof bits);
          g_assert_true (value.data == value.end && summary.data == summary.end);
          break;
        }
      case 7 << 3 | 2:
        {
          Input log = get_bytes (&event);

          g_assert_cmpuint (get_varint (&log), ==, 1 << 3 | 0);
          g_assert_cmpuint (get_varint (&log), ==, 1);
          self->start = TRUE;
          break;
        }
      default:
        g_assert_not_reached ();
      }
  return self;
}

static void
check_sum (const guint8 *data, gsize bytes, guint32 stated)
{
  guint32 sum = tn_crc32c_table (0, data, bytes), rotated = stated - 0xa282ead8u;

  g_assert_cmphex (rotated >> 17 | rotated << 15, ==, sum);
}

static GPtrArray *
read_events (const char *path)
{
  GPtrArray *events = g_ptr_array_new_with_free_func (event_free);
  g_autofree char *contents = NULL;
  gsize bytes;
  Input input;

  g_assert_true (g_file_get_contents (path, &contents, &bytes, NULL));
  input = (Input){(const guint8 *) contents, (const guint8 *) contents + bytes};
  while (input.data < input.end)
    {
      const guint8 *begin = input.data;
      guint64 length = get_number (&input, 8);
      Input event;

      check_sum (begin, 8, (guint32) get_number (&input, 4));
      event = (Input){input.data, input.data + length};
      g_assert_cmpuint (input.end - input.data, >=, length + 4);
      input.data += length;
      check_sum (event.data, length, (guint32) get_number (&input, 4));
      g_ptr_array_add (events, parse_event (event));
    }
  return events;
}

/* Everything comes back, long tags and odd numbers too; a second file of the same second has another name. */
static void
test_read_back (void)
{
  static const gint64 steps[] = {0, 1, 127, 128, 16384, G_MAXINT64, -1};
  static const double values[] = {0.0, -1.5, 1e30, (double) NAN, (double) INFINITY, 1e-40, 3.0};
  g_autofree char *own = g_build_filename (folder, "run", "logs", NULL), *above = g_path_get_dirname (own),
                  *tag = g_strnfill (300, 'x');
  TnEventFile *file = tn_event_file_create (own, 1700000000.25, 0, NULL),
              *second = tn_event_file_create (own, 1700000000.25, 77, NULL);
  g_autofree char *path = g_strdup (tn_event_file_get_path (file)), *second_path = g_strdup (tn_event_file_get_path (second));
  g_autoptr (GPtrArray) events = NULL, others = NULL;
  const Event *start;

  for (guint round = 0; round < 400; round++)
    for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
      g_assert_true (tn_event_file_add_scalar (file, i == 3 ? tag : "validation/loss", steps[i], 1700000001.5, values[i], NULL));
  tn_event_file_free (file);
  tn_event_file_free (second);
  g_assert_cmpstr (path, !=, second_path);
  events = read_events (path);
  g_assert_cmpuint (events->len, ==, 1 + 400 * G_N_ELEMENTS (steps));
  g_assert_true (((Event *) g_ptr_array_index (events, 0))->version);
  for (guint i = 1; i < events->len; i++)
    {
      const Event *event = g_ptr_array_index (events, i);
      guint k = (i - 1) % G_N_ELEMENTS (steps);
      float expected = (float) values[k];

      g_assert_cmpint (event->step, ==, steps[k]);
      g_assert_cmpfloat (event->wall_time, ==, 1700000001.5);
      g_assert_cmpstr (event->tag, ==, k == 3 ? tag : "validation/loss");
      g_assert_true (isnan (expected) ? isnan (event->value) : event->value == expected);
    }
  others = read_events (second_path);
  g_assert_cmpuint (others->len, ==, 2);
  start = g_ptr_array_index (others, 1);
  g_assert_true (start->start);
  g_assert_cmpint (start->step, ==, 77);
  g_unlink (path);
  g_unlink (second_path);
  g_rmdir (own);
  g_rmdir (above);
}

/* What did not fit is gone, what was there and what comes later can be read. */
static void
test_full_disk (void)
{
  g_autofree char *own = g_build_filename (folder, "full", NULL);
  g_autoptr (TnEventFile) file = tn_event_file_create (own, 5.0, 0, NULL);
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit old, limit;

  g_assert_true (tn_event_file_add_scalar (file, "a", 1, 5.0, 1.0, NULL));
  g_assert_true (tn_event_file_flush (file, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = 200;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  for (guint i = 0; i < 10; i++)
    g_assert_true (tn_event_file_add_scalar (file, "lost", i, 5.0, 1.0, NULL));
  g_assert_false (tn_event_file_flush (file, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_assert_nonnull (strstr (error->message, tn_event_file_get_path (file)));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_true (tn_event_file_add_scalar (file, "b", 2, 5.0, 1.0, NULL));
  g_assert_true (tn_event_file_flush (file, NULL));
  events = read_events (tn_event_file_get_path (file));
  g_assert_cmpuint (events->len, ==, 3);
  g_assert_cmpstr (((Event *) g_ptr_array_index (events, 1))->tag, ==, "a");
  g_assert_cmpstr (((Event *) g_ptr_array_index (events, 2))->tag, ==, "b");
  g_unlink (tn_event_file_get_path (file));
  g_rmdir (own);
}

static void
test_folder_fails (void)
{
  g_autofree char *inside = g_build_filename (folder, "file", "logs", NULL), *path = g_path_get_dirname (inside);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  g_assert_null (tn_event_file_create (inside, 0.0, 0, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("ternion-events-XXXXXX", NULL);
  g_test_add_func ("/event-file/golden", test_golden);
  g_test_add_func ("/event-file/read-back", test_read_back);
  g_test_add_func ("/event-file/full-disk", test_full_disk);
  g_test_add_func ("/event-file/folder-fails", test_folder_fails);
  status = g_test_run ();
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (folder);
  return status;
}
