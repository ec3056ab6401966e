/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Choices between variants of a piece of work that give the same bits: the one that a short measurement found to be the fastest.
 * Variants that differ in the last bit are never chosen like this. */

/* Operations a second of the variant; 0 where it cannot run here. Called on the compute thread. */
typedef double (*TnChoiceFunc) (guint variant, gpointer user_data);

/* The index of the fastest of n <= TN_CHOICE_MOST variants, from what is known or by measuring each; what: a word for the work
 * ("ternary-product"); names[i]: for people and for the file. The first of equals. One that cannot run is never chosen, but at
 * least one must run. Any thread, but as with tn_compute_run() with no lock held. */
#define TN_CHOICE_MOST 8
guint tn_choice_make (const char *what, const char *const *names, guint n, TnChoiceFunc measure, gpointer user_data);

/* What was chosen so far. */
typedef struct
{
  char  *what;
  char **names;             /* NULL-terminated */
  double rates[TN_CHOICE_MOST]; /* operations a second; 0 cannot run */
  guint  chosen;
} TnChoice;

/* TnChoice by what, as a copy; free with g_ptr_array_unref(). */
GPtrArray *tn_choice_list   (void);
/* Takes over what was measured on this machine before; ignored where that choice was made already, or later when the names are others. */
void       tn_choice_preset (const char *what, const char *const *names, const double *rates, guint n);

G_END_DECLS
