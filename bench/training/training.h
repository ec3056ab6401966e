/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench/bench.h"

G_BEGIN_DECLS

/* The figures of training, a function an entry. */
void tn_bench_functions           (TnBench *bench);
void tn_bench_matrix_multiply     (TnBench *bench);
void tn_bench_optimizer           (TnBench *bench);
void tn_bench_qat_layer           (TnBench *bench);
void tn_bench_train_task          (TnBench *bench);
void tn_bench_training_checkpoint (TnBench *bench);
void tn_bench_training_step       (TnBench *bench);

G_END_DECLS
