/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* TnDataList: the files and folders chosen as data: by dialog or by dropping them here. */
#define TN_TYPE_DATA_LIST (tn_data_list_get_type ())
G_DECLARE_FINAL_TYPE (TnDataList, tn_data_list, TN, DATA_LIST, GtkWidget)

/* Arrays of activations are asked for, not text: once, before it is shown. */
void   tn_data_list_set_recorded (TnDataList *self);
/* A path that is there already stays once. */
void   tn_data_list_add       (TnDataList *self, const char *path);
void   tn_data_list_clear     (TnDataList *self);
char **tn_data_list_dup_paths (TnDataList *self);
/* What they are, in a line; NULL: not known. */
void   tn_data_list_set_facts (TnDataList *self, const char *facts);
/* Signal: "changed" (). */

G_END_DECLS
