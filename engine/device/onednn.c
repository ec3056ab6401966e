/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device/onednn.h"

#include <dlfcn.h>

/* Row-major c = alpha (op (a) - ao) (op (b) - bo) + beta c + co; 0 is success. The same in versions 2 and 3. */
typedef int (*GemmFunc) (char transa, char transb, char offsetc, gint64 m, gint64 n, gint64 k, float alpha, const gint8 *a,
                         gint64 lda, gint8 ao, const gint8 *b, gint64 ldb, gint8 bo, float beta, gint32 *c, gint64 ldc,
                         const gint32 *co);
typedef struct
{
  int major, minor, patch;
} Version;
typedef const Version *(*VersionFunc) (void);

static const char *const libraries[] = {"libdnnl.so.3", "libdnnl.so.2"};
static GemmFunc gemm;
static char *name;

static gpointer
load (gpointer unused)
{
  void *library = NULL;
  VersionFunc get_version;

#ifdef __SANITIZE_ADDRESS__
  /* The leak checker crashes on the memory of code that the library makes. */
  return NULL;
#endif
  for (guint i = 0; library == NULL && i < G_N_ELEMENTS (libraries); i++)
    library = dlopen (libraries[i], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL)
    return NULL;
  gemm = (GemmFunc) dlsym (library, "dnnl_gemm_s8s8s32");
  get_version = (VersionFunc) dlsym (library, "dnnl_version");
  if (gemm != NULL && get_version != NULL)
    name = g_strdup_printf ("onednn %d.%d.%d", get_version ()->major, get_version ()->minor, get_version ()->patch);
  return NULL;
}

const char *
tn_onednn_get_name (void)
{
  static GOnce once = G_ONCE_INIT;

  g_once (&once, load, NULL);
  return name;
}

gboolean
tn_onednn_product_int8 (const gint8 *a, gsize a_stride, gsize m, const gint8 *b, gsize b_stride, gsize n, gsize k, gint32 *c,
                        gsize c_stride)
{
  const gint32 offset = 0;

  g_return_val_if_fail (tn_onednn_get_name () != NULL, FALSE);

  return gemm ('N', 'T', 'F', (gint64) m, (gint64) n, (gint64) k, 1.0f, a, (gint64) a_stride, 0, b, (gint64) b_stride, 0, 0.0f, c,
               (gint64) c_stride, &offset) == 0;
}
