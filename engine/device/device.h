/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the machine can do and how many threads the engine uses. */

typedef enum
{
  TN_CPU_AVX2 = 1 << 0,
  TN_CPU_FMA = 1 << 1,
  TN_CPU_F16C = 1 << 2,
  TN_CPU_AVX512 = 1 << 3, /* F, BW, DQ, VL together */
  TN_CPU_AVX512_VNNI = 1 << 4,
  TN_CPU_AVX512_BF16 = 1 << 5,
  TN_CPU_NEON = 1 << 6,
  TN_CPU_NEON_DOTPROD = 1 << 7,
} TnCpuFeatures;

/* What multiplies matrices of floats. They round in different orders, so speed never chooses between them: a fixed rule does, and what
 * is computed says which it was. */
typedef enum
{
  TN_PRODUCT_OWN,      /* one chain of fused multiply-adds an element: the same bits on every processor */
  TN_PRODUCT_OPENBLAS, /* the rule for processors without fused multiply-add; bits depend on the kernels that OpenBLAS chose */
} TnProductBackEnd;

typedef struct
{
  char         *name;         /* "cpu-avx512", "cpu-avx2", "cpu-scalar", "cpu-neon" */
  char         *cpu_model;    /* as the system names it */
  TnCpuFeatures features;     /* those that this device uses */
  TnCpuFeatures cpu_features; /* all that the processor has */
  guint         cores;        /* physical cores this process may use */
  guint         threads;      /* threads the engine uses */
  gsize         l1d_bytes;    /* per core; 0 unknown */
  gsize         l2_bytes;     /* per core */
  gsize         l3_bytes;     /* shared */
  gsize         memory_bytes; /* of the machine */
  TnProductBackEnd product;
  char         *blas;         /* library file really loaded and its configuration string */
  char         *wait_policy;  /* what idle threads do: "passive" or what is set */
} TnDevice;

/* The device in use, chosen at the first call; owned by the engine. */
const TnDevice *tn_device_auto_select (void);
/* --device NAME ("auto", "cpu-avx512", "cpu-avx2", "cpu-neon", "cpu-scalar", each also with "+own" or "+openblas" for the products of
 * floats: "auto+openblas"); before any other call of the engine.
 * TN_ERROR_ARGUMENT when unknown, TN_ERROR_UNSUPPORTED when the CPU lacks it, TN_ERROR_BUSY when another is in use already. */
gboolean        tn_device_override    (const char *name, GError **error);
const char     *tn_product_back_end_get_name (TnProductBackEnd product); /* "own", "openblas" */
/* 0: all cores. Before the first product. */
void            tn_device_set_threads (guint threads);
guint           tn_device_get_threads (void);
/* Best of several sequential reads over a buffer larger than the last cache, bytes per second; takes about half a second. */
double          tn_device_measure_read_bandwidth (void);

/* To be called first in main(): idle OpenMP threads must sleep, after some microseconds at most, and libgomp reads
 * OMP_WAIT_POLICY and GOMP_SPINCOUNT before main() runs, so the program executes itself again with them set. Returns when it is set. The same for OPENBLAS_CORETYPE where
 * OpenBLAS does not know the processor and fell back to its oldest kernels. */
void            tn_device_prepare_process (char **argv);

/* The one compute thread: libgomp gives every calling thread a team of its own, so all parallel regions run here.
 * Runs func on it at lowered priority and waits for the end; calls from the compute thread itself run in place. Not from the other
 * threads of a parallel region, nor with a lock held that work on the compute thread may take: both would wait for ever. */
typedef void (*TnComputeFunc) (gpointer user_data);
void            tn_compute_run        (TnComputeFunc func, gpointer user_data);

/* Resident set and its peak in bytes, from the system; 0 where unknown. */
gsize           tn_process_get_rss      (void);
gsize           tn_process_get_peak_rss (void);

G_END_DECLS
