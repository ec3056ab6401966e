/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

  /* TnQuantizerState: what a quantizer of weights or activations did in the last forward pass of a step, counted while it rounds.
   * It belongs to whoever made it, outlives the tape, and is read between replays. Forward passes of the same step
   * (tn_tape_set_step()) count once: the first. What is computed again for the backward pass does not count. Where not every step
   * counts (tn_quantizer_state_set_every()), the one before a step that does is counted, too, for its flips. */
  typedef struct
  {
    /*< public, read-only >*/
    gsize count;                 /* elements */
    guint64 zeros;               /* that became 0 */
    guint64 positives;           /* that became more than 0 */
    guint64 saturated;           /* beyond the outermost level by more than half a step */
    guint64 flips;               /* codes that are not those of the step before; 0 at the first */
    double scale;                /* mean over the units */
    double square, error_square; /* sums of x^2 and (x - Q (x))^2 */
    gboolean has_flips;          /* there was a step before */
    /*< private >*/
    gboolean counted;
    guint64 step, every;
    gpointer previous; /* codes, as the quantizer keeps them; NULL: it counts no flips */
    gsize previous_bytes;
  } TnQuantizerState;

  /* counts_flips: keeps the codes of a step, 2 bytes an element (2 bits where they are packed); for weights. */
  TnQuantizerState *tn_quantizer_state_new (gsize count, gboolean counts_flips);
  void tn_quantizer_state_free (TnQuantizerState * self);
  /* Counts in steps 0, every, 2 every, … alone; 1 at first. */
  void tn_quantizer_state_set_every (TnQuantizerState * self, guint64 every);
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnQuantizerState, tn_quantizer_state_free)
  /* Fractions; 0 of no elements. 10 log10 (square / error_square), +inf when exact. */
  double tn_quantizer_state_get_zeros (const TnQuantizerState *self);
  double tn_quantizer_state_get_saturated (const TnQuantizerState *self);
  double tn_quantizer_state_get_flips (const TnQuantizerState *self);
  double tn_quantizer_state_get_sqnr_db (const TnQuantizerState *self);
  /* For quantizers: TRUE when this forward pass is to be counted; clears what is counted. */
  gboolean tn_quantizer_state_begin (TnQuantizerState * self, guint64 step, gboolean again);

G_END_DECLS
