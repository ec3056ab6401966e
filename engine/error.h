/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Every failure of the engine and of data/ carries this domain; a cancelled
 * call ends with G_IO_ERROR_CANCELLED instead. Messages are one line and name
 * the file, the field and what was expected. */
#define TN_ERROR (tn_error_quark ())

typedef enum
{
  TN_ERROR_FORMAT,      /* bytes that break the rules of their file format */
  TN_ERROR_SHAPE,       /* shapes that do not fit each other or the config */
  TN_ERROR_UNSUPPORTED, /* valid, but not something this build can do */
  TN_ERROR_MEMORY,      /* the memory budget would be exceeded */
  TN_ERROR_IO,          /* reading or writing failed (disk full, permission) */
  TN_ERROR_ARGUMENT,    /* a value given by the user is out of range */
  TN_ERROR_NOT_FOUND,   /* a file, tensor, site or row that should exist does not */
  TN_ERROR_DATA,        /* content that cannot be used: no text, bad UTF-8, token out of range */
  TN_ERROR_MISMATCH,    /* two things that do not belong together: fingerprints, versions */
  TN_ERROR_BUSY,        /* locked by another process */
} TnErrorCode;

GQuark tn_error_quark (void);

G_END_DECLS
