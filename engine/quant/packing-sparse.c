/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/quant/packing.h"
#include "engine/tensor/lanes.h"

#if TN_LANES_X86
#include <immintrin.h>
#endif

#define WORD 64
#define BLOCK_WORDS (TN_SPARSE_BLOCK / WORD)

/* Where the three parts start, in words, and how many there are in all but the signs. */
typedef struct
{
  guint64 map_words, blocks;
} Layout;

static Layout
get_layout (guint64 n)
{
  return (Layout){n / WORD + (n % WORD != 0), n / TN_SPARSE_BLOCK + (n % TN_SPARSE_BLOCK != 0)};
}

static inline guint64
read_word (const guint8 *bytes, guint64 index)
{
  guint64 word;

  memcpy (&word, bytes + 8 * index, sizeof word);
  return GUINT64_FROM_LE (word);
}

static inline void
write_word (guint8 *bytes, guint64 index, guint64 word)
{
  word = GUINT64_TO_LE (word);
  memcpy (bytes + 8 * index, &word, sizeof word);
}

static inline guint
count_bits (guint64 word)
{
  return (guint) __builtin_popcountll (word);
}

gboolean
tn_pack_sparse_bytes (guint64 n, guint64 n_nonzero, guint64 *bytes)
{
  Layout layout = get_layout (n);
  guint64 words = layout.map_words + layout.blocks + n_nonzero / WORD + (n_nonzero % WORD != 0);

  return n_nonzero <= n && n <= G_MAXUINT64 / 2 && g_uint64_checked_mul (bytes, words, 8);
}

guint64
tn_count_nonzero (const gint8 *codes, gsize n)
{
  gsize nonzero = 0;

  for (gsize i = 0; i < n; i++)
    nonzero += codes[i] == -1 || codes[i] == 1;
  return nonzero;
}

gsize
tn_pack_sparse (const gint8 *codes, gsize n, guint8 *out)
{
  Layout layout = get_layout (n);
  guint8 *counts = out + 8 * layout.map_words, *signs = counts + 8 * layout.blocks;
  guint64 nonzero = 0, pending = 0; /* signs of the word that is not full */
  gsize invalid = 0;

  for (gsize w = 0; w < layout.map_words; w++)
    {
      gsize length = MIN (n - w * WORD, WORD);
      guint64 map = 0;

      if (w % BLOCK_WORDS == 0)
        write_word (counts, w / BLOCK_WORDS, nonzero);
      for (gsize i = 0; i < length; i++)
        {
          gint code = codes[w * WORD + i];

          if (code == 0)
            continue;
          if (code != 1 && code != -1)
            {
              invalid++;
              continue;
            }
          map |= (guint64) 1 << i;
          pending |= (guint64) (code < 0) << nonzero % WORD;
          if (++nonzero % WORD == 0)
            {
              write_word (signs, nonzero / WORD - 1, pending);
              pending = 0;
            }
        }
      write_word (out, w, map);
    }
  if (nonzero % WORD != 0)
    write_word (signs, nonzero / WORD, pending);
  return invalid;
}

gboolean
tn_check_sparse (const guint8 *bytes, guint64 size, guint64 n)
{
  Layout layout = get_layout (n);
  guint64 nonzero = 0, expected;

  if (!tn_pack_sparse_bytes (n, 0, &expected) || size < expected)
    return FALSE;
  for (guint64 w = 0; w < layout.map_words; w++)
    {
      if (w % BLOCK_WORDS == 0 && read_word (bytes, layout.map_words + w / BLOCK_WORDS) != nonzero)
        return FALSE;
      nonzero += count_bits (read_word (bytes, w));
    }
  if (n % WORD != 0 && read_word (bytes, layout.map_words - 1) >> n % WORD != 0)
    return FALSE;
  if (!tn_pack_sparse_bytes (n, nonzero, &expected) || size != expected)
    return FALSE;
  return nonzero % WORD == 0 || read_word (bytes, layout.map_words + layout.blocks + nonzero / WORD) >> nonzero % WORD == 0;
}

/* Signs from place on; those behind the last word are not asked for. */
static inline guint64
read_signs (const guint8 *signs, guint64 place, guint n)
{
  guint64 word = n > 0 ? read_word (signs, place / WORD) >> place % WORD : 0;

  if (place % WORD + n > WORD)
    word |= read_word (signs, place / WORD + 1) << (WORD - place % WORD);
  return word;
}

/* The codes of a word of the map. */
static void
expand_portable (guint64 map, guint64 signs, gint8 *codes)
{
  memset (codes, 0, WORD);
  for (; map != 0; map &= map - 1, signs >>= 1)
    codes[__builtin_ctzll (map)] = (gint8) (1 - 2 * (gint) (signs & 1));
}

#if TN_LANES_X86
__attribute__ ((target ("avx2,bmi2"))) static void
expand_avx2 (guint64 map, guint64 signs, gint8 *codes)
{
  const __m256i bytes = _mm256_setr_epi64x (0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bits = _mm256_set1_epi64x ((long long) 0x8040201008040201);
  guint64 negative = _pdep_u64 (signs, map);

  for (guint half = 0; half < 2; half++)
    {
      __m256i any = _mm256_shuffle_epi8 (_mm256_set1_epi32 ((gint32) (guint32) (map >> 32 * half)), bytes);
      __m256i below = _mm256_shuffle_epi8 (_mm256_set1_epi32 ((gint32) (guint32) (negative >> 32 * half)), bytes);

      any = _mm256_cmpeq_epi8 (_mm256_and_si256 (any, bits), bits);
      below = _mm256_cmpeq_epi8 (_mm256_and_si256 (below, bits), bits);
      /* -1 where it is negative, +1 where it is only set. */
      _mm256_storeu_si256 ((__m256i *) (void *) (codes + 32 * half), _mm256_sub_epi8 (_mm256_add_epi8 (below, below), any));
    }
}
#endif

/* Whether the fast variant may run: what is said of it has to hold for its two instruction sets. */
static gboolean
have_avx2 (void)
{
#if TN_LANES_X86
  return tn_lanes_have_avx2 () && __builtin_cpu_supports ("bmi2");
#else
  return FALSE;
#endif
}

void
tn_unpack_sparse (const guint8 *bytes, guint64 n_total, guint64 first, gsize n, gint8 *codes)
{
  Layout layout = get_layout (n_total);
  const guint8 *signs = bytes + 8 * (layout.map_words + layout.blocks);
  void (*expand) (guint64, guint64, gint8 *) = expand_portable;
  guint64 word = first / WORD, place;

  g_return_if_fail (first <= n_total && n <= n_total - first);

  if (n == 0)
    return;
#if TN_LANES_X86
  if (have_avx2 ())
    expand = expand_avx2;
#endif
  place = read_word (bytes, layout.map_words + word / BLOCK_WORDS);
  for (guint64 w = word / BLOCK_WORDS * BLOCK_WORDS; w < word; w++)
    place += count_bits (read_word (bytes, w));
  for (guint64 skipped = first % WORD; n > 0; word++, skipped = 0)
    {
      guint64 map = read_word (bytes, word);
      guint n_signs = count_bits (map);
      gsize length = (gsize) MIN (n, WORD - skipped);
      gint8 all[WORD];

      if (length == WORD)
        expand (map, read_signs (signs, place, n_signs), codes);
      else
        {
          expand (map, read_signs (signs, place, n_signs), all);
          memcpy (codes, all + skipped, length);
        }
      place += n_signs;
      codes += length;
      n -= length;
    }
}
