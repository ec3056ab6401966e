/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/plan.h"

G_BEGIN_DECLS

/* A plan on disk: a key file (the syntax of GKeyFile) to be read and written by people and programs.
 *
 *   [plan]
 *   format=1
 *   fingerprint=0123456789abcdef    optional: the model it is for, as "ternion stats show" and "ternion inspect --json" give it
 *
 *   [weights]                       optional; canonical names of weights, * stands for any characters
 *   blk.0.attn_q.weight=int8:c
 *   blk.*.ffn_down.weight=int4:g32
 *   blk.*=ternary
 *
 *   [activations]                   optional; names of sites
 *   blk.*.in=int8:t
 *
 * Values are names of schemes (engine/quant/scheme.h) or "keep". TN_ERROR_FORMAT: not of this form, a key twice, an unknown group;
 * TN_ERROR_ARGUMENT: a scheme that is none; TN_ERROR_UNSUPPORTED: a later format. Messages name file, line, group and key. */
TnPlan *tn_plan_load (const char *path, GError **error);
/* Writes it so that it is read as the same, whole or not at all. comment: of one or more lines, for people, or NULL. TN_ERROR_IO; TN_ERROR_ARGUMENT: a name that
 * such a file cannot hold. */
gboolean tn_plan_save (TnPlan *plan, const char *path, const char *comment, GError **error);

G_END_DECLS
