/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device/peak.h"

#include "engine/device/device.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Independent sums: enough to hide the latency of a multiply-add on all ports, few enough for the registers. */
#define CHAINS 12

typedef struct
{
  TnCpuFeatures needs;
  void (*run) (guint rounds);
  double operations; /* a round */
} Loop;

/* The sums stay in registers, and the compiler must believe that somebody reads them. */
#define LOOP(vector, zero, step)                                                                                                 \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    vector sums[CHAINS];                                                                                                         \
                                                                                                                                 \
    for (guint i = 0; i < CHAINS; i++)                                                                                           \
      sums[i] = zero;                                                                                                            \
    for (guint round = 0; round < rounds; round++)                                                                               \
      {                                                                                                                          \
        _Pragma ("GCC unroll 12") for (guint i = 0; i < CHAINS; i++)                                                             \
        {                                                                                                                        \
          step;                                                                                                                  \
          __asm__ volatile("" : KEEP (sums[i]));                                                                                 \
        }                                                                                                                        \
      }                                                                                                                          \
  }                                                                                                                              \
  G_STMT_END

#if defined(__x86_64__)
#define KEEP(x) "+v"(x)

__attribute__ ((target ("avx2,fma"))) static void
run_fp32_avx2 (guint rounds)
{
  const __m256 a = _mm256_set1_ps (0.5f), b = _mm256_set1_ps (1.0f);

  LOOP (__m256, _mm256_setzero_ps (), sums[i] = _mm256_fmadd_ps (sums[i], a, b));
}

__attribute__ ((target ("avx512f"))) static void
run_fp32_avx512 (guint rounds)
{
  const __m512 a = _mm512_set1_ps (0.5f), b = _mm512_set1_ps (1.0f);

  LOOP (__m512, _mm512_setzero_ps (), sums[i] = _mm512_fmadd_ps (sums[i], a, b));
}

/* Products of bytes summed in pairs and added in 16 bits. The factors change between steps, or the product would be computed
 * once. */
__attribute__ ((target ("avx2"))) static void
run_int8_avx2 (guint rounds)
{
  __m256i a = _mm256_set1_epi8 (1);
  const __m256i b = _mm256_set1_epi8 (2);

  LOOP (__m256i, _mm256_setzero_si256 (),
        __asm__ volatile(""
                         : "+x"(a));
        sums[i] = _mm256_add_epi16 (sums[i], _mm256_maddubs_epi16 (a, b)));
}

__attribute__ ((target ("avx512f,avx512vnni"))) static void
run_int8_vnni (guint rounds)
{
  const __m512i a = _mm512_set1_epi8 (1), b = _mm512_set1_epi8 (2);

  LOOP (__m512i, _mm512_setzero_si512 (), sums[i] = _mm512_dpbusd_epi32 (sums[i], a, b));
}

__attribute__ ((target ("avx512f,avx512bw,avx512bf16"))) static void
run_bf16_avx512 (guint rounds)
{
  const __m512bh a = (__m512bh) _mm512_set1_epi16 (0x3f00), b = (__m512bh) _mm512_set1_epi16 (0x3f80);

  LOOP (__m512, _mm512_setzero_ps (), sums[i] = _mm512_dpbf16_ps (sums[i], a, b));
}

#elif defined(__aarch64__)
#define KEEP(x) "+w"(x)

static void
run_fp32_neon (guint rounds)
{
  const float32x4_t a = vdupq_n_f32 (0.5f);

  LOOP (float32x4_t, vdupq_n_f32 (1.0f), sums[i] = vfmaq_f32 (sums[i], sums[i], a));
}

static void
run_int8_neon (guint rounds)
{
  const int8x8_t a = vdup_n_s8 (1), b = vdup_n_s8 (2);

  LOOP (int16x8_t, vdupq_n_s16 (0), sums[i] = vmlal_s8 (sums[i], a, b));
}
#endif

/* Best first. */
static const Loop loops[TN_N_PEAKS][3] = {
#if defined(__x86_64__)
    [TN_PEAK_FP32] = {{TN_CPU_AVX512, run_fp32_avx512, CHAINS * 16 * 2.0},
                      {TN_CPU_AVX2 | TN_CPU_FMA, run_fp32_avx2, CHAINS * 8 * 2.0}},
    [TN_PEAK_INT8] = {{TN_CPU_AVX512 | TN_CPU_AVX512_VNNI, run_int8_vnni, CHAINS * 64 * 2.0},
                      {TN_CPU_AVX2, run_int8_avx2, CHAINS * 32 * 2.0}},
    [TN_PEAK_BF16] = {{TN_CPU_AVX512 | TN_CPU_AVX512_BF16, run_bf16_avx512, CHAINS * 32 * 2.0}},
#elif defined(__aarch64__)
    [TN_PEAK_FP32] = {{TN_CPU_NEON, run_fp32_neon, CHAINS * 4 * 2.0}},
    [TN_PEAK_INT8] = {{TN_CPU_NEON, run_int8_neon, CHAINS * 8 * 2.0}},
#endif
};

double
tn_peak_run (TnPeakKind kind, guint rounds)
{
  const TnCpuFeatures features = tn_device_auto_select ()->features;

  for (const Loop *loop = loops[kind]; loop < loops[kind] + G_N_ELEMENTS (loops[kind]) && loop->run != NULL; loop++)
    if ((loop->needs & features) == loop->needs)
      {
        loop->run (rounds);
        return loop->operations * rounds;
      }
  return 0.0;
}
