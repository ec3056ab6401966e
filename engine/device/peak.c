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

/* The sums stay in registers (an array of them would not), and the compiler must believe that somebody reads them. step (s): the
 * next value of sum s. */
#define LOOP(vector, zero, step)                                                                                                 \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    vector s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero;                                                     \
    vector s6 = zero, s7 = zero, s8 = zero, s9 = zero, s10 = zero, s11 = zero;                                                   \
                                                                                                                                 \
    for (guint round = 0; round < rounds; round++)                                                                               \
      {                                                                                                                          \
        s0 = step (s0), s1 = step (s1), s2 = step (s2), s3 = step (s3), s4 = step (s4), s5 = step (s5);                          \
        s6 = step (s6), s7 = step (s7), s8 = step (s8), s9 = step (s9), s10 = step (s10), s11 = step (s11);                      \
        __asm__ volatile("" : KEEP (s0), KEEP (s1), KEEP (s2), KEEP (s3), KEEP (s4), KEEP (s5));                                 \
        __asm__ volatile("" : KEEP (s6), KEEP (s7), KEEP (s8), KEEP (s9), KEEP (s10), KEEP (s11));                               \
      }                                                                                                                          \
  }                                                                                                                              \
  G_STMT_END

#if defined(__x86_64__)
#define KEEP(x) "+x"(x)

__attribute__ ((target ("avx2,fma"))) static void
run_fp32_avx2 (guint rounds)
{
  const __m256 a = _mm256_set1_ps (0.5f), b = _mm256_set1_ps (1.0f);

#define STEP(s) _mm256_fmadd_ps (s, a, b)
  LOOP (__m256, _mm256_setzero_ps (), STEP);
#undef STEP
}

__attribute__ ((target ("avx512f"))) static void
run_fp32_avx512 (guint rounds)
{
  const __m512 a = _mm512_set1_ps (0.5f), b = _mm512_set1_ps (1.0f);

#define STEP(s) _mm512_fmadd_ps (s, a, b)
  LOOP (__m512, _mm512_setzero_ps (), STEP);
#undef STEP
}

/* Products of bytes summed in pairs and added in 16 bits. */
__attribute__ ((target ("avx2"))) static void
run_int8_avx2 (guint rounds)
{
  const __m256i b = _mm256_set1_epi8 (2);
  __m256i a = _mm256_set1_epi8 (1);

  /* Without the statement the product, always the same, would be computed once. */
#define STEP(s)                                                                                                                  \
  ({                                                                                                                             \
    __asm__ volatile("" : "+x"(a));                                                                                              \
    _mm256_add_epi16 (s, _mm256_maddubs_epi16 (a, b));                                                                           \
  })
  LOOP (__m256i, _mm256_setzero_si256 (), STEP);
#undef STEP
}

__attribute__ ((target ("avx512f,avx512bw"))) static void
run_int8_avx512 (guint rounds)
{
  const __m512i b = _mm512_set1_epi8 (2);
  __m512i a = _mm512_set1_epi8 (1);

#define STEP(s)                                                                                                                  \
  ({                                                                                                                             \
    __asm__ volatile("" : "+v"(a));                                                                                              \
    _mm512_add_epi16 (s, _mm512_maddubs_epi16 (a, b));                                                                           \
  })
  LOOP (__m512i, _mm512_setzero_si512 (), STEP);
#undef STEP
}

__attribute__ ((target ("avx512f,avx512vnni"))) static void
run_int8_vnni (guint rounds)
{
  const __m512i a = _mm512_set1_epi8 (1), b = _mm512_set1_epi8 (2);

#define STEP(s) _mm512_dpbusd_epi32 (s, a, b)
  LOOP (__m512i, _mm512_setzero_si512 (), STEP);
#undef STEP
}

__attribute__ ((target ("avx512f,avx512bw,avx512bf16"))) static void
run_bf16_avx512 (guint rounds)
{
  const __m512bh a = (__m512bh) _mm512_set1_epi16 (0x3f00), b = (__m512bh) _mm512_set1_epi16 (0x3f80);

#define STEP(s) _mm512_dpbf16_ps (s, a, b)
  LOOP (__m512, _mm512_setzero_ps (), STEP);
#undef STEP
}

#elif defined(__aarch64__)
#define KEEP(x) "+w"(x)

static void
run_fp32_neon (guint rounds)
{
  const float32x4_t a = vdupq_n_f32 (0.5f), b = vdupq_n_f32 (1.0f);

#define STEP(s) vfmaq_f32 (s, a, b)
  LOOP (float32x4_t, vdupq_n_f32 (0.0f), STEP);
#undef STEP
}

static void
run_int8_neon (guint rounds)
{
  const int8x8_t a = vdup_n_s8 (1), b = vdup_n_s8 (2);

#define STEP(s) vmlal_s8 (s, a, b)
  LOOP (int16x8_t, vdupq_n_s16 (0), STEP);
#undef STEP
}

__attribute__ ((target ("arch=armv8.2-a+dotprod"))) static void
run_int8_dotprod (guint rounds)
{
  const int8x16_t a = vdupq_n_s8 (1), b = vdupq_n_s8 (2);

#define STEP(s) vdotq_s32 (s, a, b)
  LOOP (int32x4_t, vdupq_n_s32 (0), STEP);
#undef STEP
}
#endif

/* Best first. */
static const Loop loops[TN_N_PEAKS][3] = {
#if defined(__x86_64__)
    [TN_PEAK_FP32] = {{TN_CPU_AVX512, run_fp32_avx512, CHAINS * 16 * 2.0},
                      {TN_CPU_AVX2 | TN_CPU_FMA, run_fp32_avx2, CHAINS * 8 * 2.0}},
    [TN_PEAK_INT8] = {{TN_CPU_AVX512 | TN_CPU_AVX512_VNNI, run_int8_vnni, CHAINS * 64 * 2.0},
                      {TN_CPU_AVX512, run_int8_avx512, CHAINS * 64 * 2.0},
                      {TN_CPU_AVX2, run_int8_avx2, CHAINS * 32 * 2.0}},
    [TN_PEAK_BF16] = {{TN_CPU_AVX512 | TN_CPU_AVX512_BF16, run_bf16_avx512, CHAINS * 32 * 2.0}},
#elif defined(__aarch64__)
    [TN_PEAK_FP32] = {{TN_CPU_NEON, run_fp32_neon, CHAINS * 4 * 2.0}},
    [TN_PEAK_INT8] = {{TN_CPU_NEON | TN_CPU_NEON_DOTPROD, run_int8_dotprod, CHAINS * 16 * 2.0},
                      {TN_CPU_NEON, run_int8_neon, CHAINS * 8 * 2.0}},
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
