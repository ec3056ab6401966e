/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A kernel is written once, as an inline body over 16 fixed lanes, and compiled once for each instruction set. Every lane does
 * the same operations in the same order whatever the registers' width, and lanes are folded in a fixed order, so all variants
 * give the same bits; the choice is the device's. Products of bytes are written for each instruction set by hand, and are integers.
 * Where a kernel has nothing better for a variant it uses the one before it of the same processor, or the plain code. */
typedef enum
{
  TN_VARIANT_SCALAR,
  TN_VARIANT_AVX2,
  TN_VARIANT_AVX512,
  TN_VARIANT_AVX512_VNNI,
  TN_VARIANT_NEON,
  TN_VARIANT_NEON_DOTPROD,
  TN_N_VARIANTS
} TnVariant;

/* The variant in use: that of tn_device_auto_select() unless tn_variant_use() named another. */
TnVariant tn_variant_get (void);
/* For tests and measurements; FALSE where the processor cannot run it. Not while other threads compute. */
gboolean  tn_variant_use (TnVariant variant);

#define TN_KERNEL_INLINE static inline __attribute__ ((always_inline))

/* Defines the public function of a kernel from name##_body. parameters and arguments in parentheses. */
#if defined(__x86_64__)
#define TN_KERNEL_TARGET_AVX2 __attribute__ ((target ("avx2,fma")))
#define TN_KERNEL_TARGET_AVX512 __attribute__ ((target ("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#define TN_KERNEL_DEFINE(name, parameters, arguments)                                                                            \
  static void name##_scalar parameters { name##_body arguments; }                                                                \
  TN_KERNEL_TARGET_AVX2 static void name##_avx2 parameters { name##_body arguments; }                                            \
  TN_KERNEL_TARGET_AVX512 static void name##_avx512 parameters { name##_body arguments; }                                        \
  void name parameters                                                                                                           \
  {                                                                                                                              \
    switch (tn_variant_get ())                                                                                                   \
      {                                                                                                                          \
      case TN_VARIANT_AVX512_VNNI:                                                                                               \
      case TN_VARIANT_AVX512:                                                                                                    \
        name##_avx512 arguments;                                                                                                 \
        break;                                                                                                                   \
      case TN_VARIANT_AVX2:                                                                                                      \
        name##_avx2 arguments;                                                                                                   \
        break;                                                                                                                   \
      default:                                                                                                                   \
        name##_scalar arguments;                                                                                                 \
      }                                                                                                                          \
  }
#else
#define TN_KERNEL_DEFINE(name, parameters, arguments)                                                                            \
  void name parameters { name##_body arguments; }
#endif

G_END_DECLS
