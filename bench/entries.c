/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/analysis/analysis.h"
#include "bench/bench.h"
#include "bench/calibration/checkpoint.h"
#include "bench/calibration/optimality.h"
#include "bench/calibration/stats-size.h"
#include "bench/calibration/streaming.h"
#include "bench/core/core.h"
#include "bench/training/training.h"

static const TnBenchEntry entries[] = {
    {"core", {"machine_"}, tn_bench_machine},
    {"core", {"bit_linear_"}, tn_bench_bit_linear},
    {"core", {"norm_quant_", "ternarize_"}, tn_bench_rows},
    {"core", {"dequantize_", "elementwise_"}, tn_bench_dequantize},
    {"core", {"ternary_gemm_", "ternary_gemv_"}, tn_bench_ternary},
    {"core", {"vector_"}, tn_bench_vector},
    {"core", {"onednn_"}, tn_bench_onednn},
    {"core", {"pool_"}, tn_bench_pool},
    {"core", {"forward_17m_"}, tn_bench_forward},
    {"core", {"histogram_", "observer_"}, tn_bench_observer},
    {"calibration", {"stats_bytes"}, tn_bench_stats_size},
    {"calibration", {"calibrate_checkpoint_"}, tn_bench_checkpoint},
    {"calibration", {"param_"}, tn_bench_optimality},
    {"calibration", {"calibrate_10gb_", "calibrate_tensors_", "stream_vs_memory"}, tn_bench_streaming},
    {"training", {"matrix_multiply_"}, tn_bench_matrix_multiply},
    {"training", {"train_", "qat_over_", "qat_vs_", "qat_lowp_"}, tn_bench_training_step},
    {"training", {"checkpoint_17m_"}, tn_bench_training_checkpoint},
    {"training", {"metrics_overhead", "checkpoint_overhead"}, tn_bench_train_task},
    {"training", {"adamw_", "adamw8_", "muon_"}, tn_bench_optimizer},
    {"training", {"attention_step_", "head_loss_"}, tn_bench_functions},
    {"training", {"qat_layer_"}, tn_bench_qat_layer},
    {"analysis", {"error_metrics_"}, tn_bench_error_metrics},
    {"analysis", {"sensitivity_"}, tn_bench_sensitivity},
};

const TnBenchEntry *
tn_bench_entries (guint *n)
{
  *n = G_N_ELEMENTS (entries);
  return entries;
}
