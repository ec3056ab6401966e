/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/training/checkpoint.h"
#include "engine/error.h"
#include "engine/random.h"

/* A folder, and a run whose arrays follow from its step. */

#define MODEL G_GUINT64_CONSTANT (0xfedcba9876543210)
#define WIDTH 1031
/* Of the large array: several pieces to copy. */
#define LARGE ((gsize) 700001)

typedef struct
{
  char *folder;
} Fixture;

static inline void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("ternion-checkpoint-XXXXXX", NULL);
  g_assert_nonnull (self->folder);
}

static inline void
tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GDir) entries = g_dir_open (self->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->folder, name, NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (self->folder), ==, 0);
  g_free (self->folder);
}

/* What a run trains: arrays of every width, an empty one and a scalar; what is in them follows from the step. */
typedef struct
{
  float weights[WIDTH];
  double moments[3];
  guint8 codes[WIDTH];
  guint16 halves[5];
  guint64 counters[2];
  gint32 scalar;
  float *large;
  gsize n_large;
  TnCheckpoint *checkpoint;
} Run;

static inline void
fill (void *data, gsize bytes, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "bytes");

  for (gsize i = 0; i < bytes; i++)
    ((guint8 *) data)[i] = (guint8) tn_random_next (&random);
}

static inline void
run_set_step (Run *self, guint64 step)
{
  fill (self->weights, sizeof self->weights, step);
  fill (self->moments, sizeof self->moments, step + 1);
  fill (self->codes, sizeof self->codes, step + 2);
  fill (self->halves, sizeof self->halves, step + 3);
  fill (self->counters, sizeof self->counters, step + 4);
  fill (&self->scalar, sizeof self->scalar, step + 5);
  for (gsize i = 0; i < self->n_large; i++)
    self->large[i] = (float) (step * 7 + i);
  tn_checkpoint_set_step (self->checkpoint, step);
  tn_checkpoint_set_count (self->checkpoint, "epoch", step / 10);
}

static inline void
add (Run *self, const char *name, TnDtype dtype, guint n_dims, guint64 a, guint64 b, void *data)
{
  g_autoptr (GError) error = NULL;

  tn_checkpoint_add_array (self->checkpoint, name, dtype, n_dims, (const guint64[]){a, b}, data, &error);
  g_assert_no_error (error);
}

static inline Run *
run_new (gsize n_large)
{
  Run *self = g_new0 (Run, 1);

  self->checkpoint = tn_checkpoint_new (MODEL);
  self->n_large = n_large;
  self->large = g_new0 (float, n_large);
  add (self, "optimizer/moments", TN_DTYPE_F64, 1, 3, 0, self->moments);
  add (self, "model/weights", TN_DTYPE_F32, 2, 1, WIDTH, self->weights);
  add (self, "optimizer/codes", TN_DTYPE_U8, 1, WIDTH, 0, self->codes);
  add (self, "model/halves", TN_DTYPE_BF16, 1, 5, 0, self->halves);
  add (self, "random/counters", TN_DTYPE_U64, 1, 2, 0, self->counters);
  add (self, "scalar", TN_DTYPE_I32, 0, 0, 0, &self->scalar);
  add (self, "empty", TN_DTYPE_F32, 2, 4, 0, NULL);
  add (self, "model/large", TN_DTYPE_F32, 1, n_large, 0, self->large);
  return self;
}

static inline void
run_free (Run *self)
{
  tn_checkpoint_free (self->checkpoint);
  g_free (self->large);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

static inline void
assert_same (const Run *a, const Run *b)
{
  g_assert_cmpmem (a, offsetof (Run, large), b, offsetof (Run, large));
  g_assert_cmpmem (a->large, a->n_large * sizeof (float), b->large, b->n_large * sizeof (float));
}

static inline char *
write_step (Fixture *fixture, Run *run, guint64 step)
{
  g_autofree char *name = tn_checkpoint_make_name (step);
  char *path = g_build_filename (fixture->folder, name, NULL);
  g_autoptr (GError) error = NULL;

  run_set_step (run, step);
  tn_checkpoint_write (run->checkpoint, path, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static inline void
assert_message (const GError *error, gint code, const char *needle)
{
  g_assert_error (error, TN_ERROR, code);
  if (strstr (error->message, needle) == NULL || strchr (error->message, '\n') != NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
}

static inline void
overwrite (const char *path, const void *data, gsize bytes)
{
  int file = g_open (path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0666);

  g_assert_cmpint (write (file, data, bytes), ==, bytes);
  close (file);
}
