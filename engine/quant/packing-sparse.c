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

#if TN_LANES_X86
/* Whether the fast variant may run: it needs three instruction sets. */
static gboolean
have_avx2 (void)
{
  return tn_lanes_have_avx2 () && __builtin_cpu_supports ("bmi2") && __builtin_cpu_supports ("popcnt");
}
#endif

/* A word's codes, those that are 1 or -1 and the signs of these, the first lowest. */
typedef struct
{
  guint64 map, signs;
} Word;

static Word
squeeze_portable (const gint8 *codes)
{
  guint64 negative = 0;
  Word word = {0};
  guint n = 0;

  for (guint i = 0; i < WORD; i++)
    {
      word.map |= (guint64) ((codes[i] == 1) | (codes[i] == -1)) << i;
      negative |= (guint64) (codes[i] == -1) << i;
    }
  for (guint64 map = word.map; map != 0; map &= map - 1)
    word.signs |= (negative >> __builtin_ctzll (map) & 1) << n++;
  return word;
}

#if TN_LANES_X86
__attribute__ ((target ("avx2,bmi2"))) static Word
squeeze_avx2 (const gint8 *codes)
{
  guint64 positive = 0, negative = 0;

  for (guint half = 0; half < 2; half++)
    {
      __m256i v = _mm256_loadu_si256 ((const __m256i *) (const void *) (codes + 32 * half));
      guint32 above = (guint32) _mm256_movemask_epi8 (_mm256_cmpeq_epi8 (v, _mm256_set1_epi8 (1)));
      guint32 below = (guint32) _mm256_movemask_epi8 (_mm256_cmpeq_epi8 (v, _mm256_set1_epi8 (-1)));

      positive |= (guint64) above << 32 * half;
      negative |= (guint64) below << 32 * half;
    }
  return (Word){positive | negative, _pext_u64 (negative, positive | negative)};
}
#endif

gsize
tn_pack_sparse (const gint8 *codes, gsize n, guint8 *out)
{
  Layout layout = get_layout (n);
  guint8 *counts = out + 8 * layout.map_words, *signs = counts + 8 * layout.blocks;
  Word (*squeeze) (const gint8 *) = squeeze_portable;
  guint64 nonzero = 0, pending = 0; /* signs of the word that is not full */
  gsize zeros = 0;

#if TN_LANES_X86
  if (have_avx2 ())
    squeeze = squeeze_avx2;
#endif
  for (gsize w = 0; w < layout.map_words; w++)
    {
      gsize length = MIN (n - w * WORD, WORD);
      guint filled = (guint) (nonzero % WORD), n_signs;
      gint8 last[WORD] = {0};
      Word word;

      if (w % BLOCK_WORDS == 0)
        write_word (counts, w / BLOCK_WORDS, nonzero);
      if (length < WORD)
        memcpy (last, codes + w * WORD, length);
      word = squeeze (length < WORD ? last : codes + w * WORD);
      n_signs = count_bits (word.map);
      write_word (out, w, word.map);
      pending |= word.signs << filled;
      if (filled + n_signs >= WORD)
        {
          write_word (signs, nonzero / WORD, pending);
          pending = filled > 0 ? word.signs >> (WORD - filled) : 0;
        }
      nonzero += n_signs;
    }
  if (nonzero % WORD != 0)
    write_word (signs, nonzero / WORD, pending);
  for (gsize i = 0; i < n; i++)
    zeros += codes[i] == 0;
  return (gsize) (n - nonzero - zeros);
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
__attribute__ ((target ("avx2,bmi2,popcnt"), always_inline)) static inline void
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

typedef struct
{
  const guint8 *bytes, *signs;
  guint64 word, place; /* of the map, and of its first sign */
  guint skipped;       /* codes of that word */
} Start;

TN_LANES_INLINE void
unpack_words (const Start *start, void (*expand) (guint64, guint64, gint8 *), gsize n, gint8 *codes)
{
  guint64 word = start->word, place = start->place;

  for (guint skipped = start->skipped; n > 0; word++, skipped = 0)
    {
      guint64 map = read_word (start->bytes, word);
      guint n_signs = count_bits (map);
      gsize length = MIN (n, WORD - skipped);
      gint8 all[WORD];

      if (length == WORD)
        expand (map, read_signs (start->signs, place, n_signs), codes);
      else
        {
          expand (map, read_signs (start->signs, place, n_signs), all);
          memcpy (codes, all + skipped, length);
        }
      place += n_signs;
      codes += length;
      n -= length;
    }
}

#if TN_LANES_X86
__attribute__ ((target ("avx2,bmi2,popcnt"))) static void
unpack_words_avx2 (const Start *start, gsize n, gint8 *codes)
{
  unpack_words (start, expand_avx2, n, codes);
}
#endif

void
tn_unpack_sparse (const guint8 *bytes, guint64 n_total, guint64 first, gsize n, gint8 *codes)
{
  Layout layout = get_layout (n_total);
  Start start = {.bytes = bytes,
                 .signs = bytes + 8 * (layout.map_words + layout.blocks),
                 .word = first / WORD,
                 .skipped = (guint) (first % WORD)};

  g_return_if_fail (first <= n_total && n <= n_total - first);

  if (n == 0)
    return;
  start.place = read_word (bytes, layout.map_words + start.word / BLOCK_WORDS);
  for (guint64 w = start.word / BLOCK_WORDS * BLOCK_WORDS; w < start.word; w++)
    start.place += count_bits (read_word (bytes, w));
#if TN_LANES_X86
  if (have_avx2 ())
    {
      unpack_words_avx2 (&start, n, codes);
      return;
    }
#endif
  unpack_words (&start, expand_portable, n, codes);
}
