/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/error.h"

G_DEFINE_QUARK (tn-error-quark, tn_error)
