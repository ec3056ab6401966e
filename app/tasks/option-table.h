/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Options of one command as a table: a command line and a key file fill the same struct, so that a key is named as its flag and checked as it. */

typedef enum
{
  TN_OPTION_TEXT,        /* char * */
  TN_OPTION_LIST,        /* char ** */
  TN_OPTION_COUNT,       /* guint */
  TN_OPTION_COUNT64,     /* guint64 */
  TN_OPTION_SEED,        /* guint64 */
  TN_OPTION_NUMBER,      /* double */
  TN_OPTION_SIZE,        /* guint64, bytes */
  TN_OPTION_DURATION,    /* double, seconds */
  TN_OPTION_SWITCH,      /* gboolean */
  TN_OPTION_CHOICE,      /* enumeration */
  TN_OPTION_NAME,        /* char *, one of the choices; NULL: TN_OPTION_AUTOMATIC */
  TN_OPTION_SHARD,       /* two guint */
  TN_OPTION_SITES,       /* TnSiteKind */
  TN_OPTION_PERCENTILES, /* GArray of double */
  TN_OPTION_OWN,         /* set and print do it */
} TnOptionKind;

#define TN_OPTION_AUTOMATIC "auto"

typedef struct
{
  const char *group;     /* of the key file */
  const char *name;      /* key, and flag behind "--" */
  const char *help;      /* to be translated; NULL: no flag of its own (MODEL, options of every command) */
  const char *argument;  /* to be translated */
  gboolean    list;      /* takes several values: the flag is repeated, the key's are separated by ";" */
  gboolean    path;      /* holds file names */
} TnOption;

typedef struct
{
  TnOption     option;
  TnOptionKind kind;
  gsize        offset;   /* of the field in the struct */
  double       least, most;
  gboolean     open;     /* NUMBER: without its ends */
  const char *const *choices;
  gboolean   (*set)   (gpointer options, const char *name, const char *text, GError **error); /* OWN; the origin is put in front of its error */
  char      *(*print) (gconstpointer options, const char *name);                              /* OWN; NULL: nothing is set */
} TnOptionEntry;

#define TN_OPTION_GIVEN_WORDS 2

typedef struct
{
  const TnOptionEntry *entries;
  guint                n;            /* at most 64 TN_OPTION_GIVEN_WORDS */
  gsize                given_offset; /* of guint64 [TN_OPTION_GIVEN_WORDS]: a bit for each that was set by name */
  void               (*was_set) (gpointer options, const char *name); /* what follows from it; or NULL */
} TnOptionTable;

/* NULL behind the last one. */
const TnOption *tn_option_table_get      (const TnOptionTable *self, guint index);
/* Sets one option. values: NULL-terminated, one unless it is a list. TN_ERROR_ARGUMENT: "ORIGIN: “VALUE” is not …"; options is untouched then. */
gboolean        tn_option_table_set      (const TnOptionTable *self, gpointer options, const char *origin, const char *name,
                                          const char *const *values, GError **error);
gboolean        tn_option_table_is_given (const TnOptionTable *self, gconstpointer options, const char *name);
/* Reads a key file over what is set; what it does not name stays. An error names the file, the line and the key or group: unknown, in the wrong
 * group, twice there, or with a wrong value. Relative paths are taken from the working directory, as on the command line. */
gboolean        tn_option_table_load     (const TnOptionTable *self, gpointer options, const char *path, GError **error);
/* The same of a text; origin stands for the path in messages. */
gboolean        tn_option_table_load_text (const TnOptionTable *self, gpointer options, const char *origin, const char *text, gsize bytes,
                                          GError **error);
/* What is set, as such a key file; filter (or NULL) says which are to be in it. Free with g_free(). */
char           *tn_option_table_print    (const TnOptionTable *self, gconstpointer options,
                                          gboolean (*filter) (const TnOptionEntry *entry, gconstpointer options));
/* The value of one option as it is set; NULL where it is not. Lists with ";" between. Free with g_free(). */
char           *tn_option_table_print_value (const TnOptionTable *self, gconstpointer options, const char *name);
/* After the struct was copied as it lies in memory: copies of texts, lists and percentiles of its own. */
void            tn_option_table_own_fields (const TnOptionTable *self, gpointer options);
void            tn_option_table_free_fields (const TnOptionTable *self, gpointer options);

G_END_DECLS
