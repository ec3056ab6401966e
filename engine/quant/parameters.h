/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/grid-error.h"
#include "engine/quant/method.h"
#include "engine/quant/rounding.h"

G_BEGIN_DECLS

/* Scale and zero point of values under a grid, by a method: the same for a site's histogram, a tensor, a row, a group. */

/* TRUE for schemes whose scale is searched: not by the range (integers) or the rule (ternary) alone. */
gboolean   tn_scheme_is_searched     (const TnScheme *scheme);
/* The scheme's own method. */
void       tn_scheme_get_method      (const TnScheme *scheme, TnMethodOptions *options);
/* Takes a method over into a scheme. What a scheme has no use for leaves it as it is: binary, :t, minmax of ternary. mse of ternary is the rule
 * :lloyd. */
void       tn_scheme_set_method      (TnScheme *scheme, const TnMethodOptions *options);

/* values: folded where the grid is symmetric. No values, or all of them 0: scale 0. FALSE: the method needs more than values, or nothing came of it
 * (kl where no candidate covers the values); scale is then what min-max gives. */
gboolean   tn_parameters_find        (const TnDistribution *values, const TnGrid *grid, const TnMethodOptions *options,
                                      TnGridScale *scale);
/* The same by the method of a searched scheme, as a rounding: scales as they are stored. Threads: any. */
TnRounding tn_rounding_search        (const TnScheme *scheme, const float *x, gsize n);
/* values: not folded. */
TnRounding tn_rounding_search_values (const TnScheme *scheme, const TnDistribution *values);

G_END_DECLS
