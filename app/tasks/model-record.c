/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/model-record.h"

void
tn_record_model (TnWorkspace *workspace, TnModelFile *file)
{
  TnModelRow row = {
      .path = (char *) tn_model_file_get_path (file),
      .format = (char *) tn_model_file_get_format (file),
      .architecture = (char *) tn_model_file_get_architecture (file),
      .fingerprint = tn_model_file_get_fingerprint (file),
      .bytes = tn_model_file_get_bytes (file),
      .parameters = tn_model_file_get_n_elements (file),
  };

  if (workspace != NULL)
    tn_workspace_record_model (workspace, &row, NULL);
}
