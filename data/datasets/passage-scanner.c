/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem() */

#include "data/datasets/passage-scanner.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/tokenizers/utf8.h"
#include "engine/error.h"

#define CHUNK_BYTES ((gsize) 1 << 20)
#define SEPARATOR "<|endoftext|>"
#define SEPARATOR_BYTES (sizeof SEPARATOR - 1)
/* A line with more blanks behind the separator is text, so that the buffer stays bounded. */
#define MOST_BLANKS 4096
#define LEAST_LIMIT 16

struct _TnPassageScanner
{
  TnByteStream *stream;
  gsize limit;
  char *buffer;
  gsize capacity;
  guint64 base;         /* offset in the file of buffer[0] */
  gsize start;          /* where the passage in progress begins */
  gsize searched;       /* no separator begins before this */
  gsize valid;          /* bytes that are read and are whole characters */
  gsize filled;         /* bytes that are read */
  gboolean ended;       /* the file has no more */
  gboolean inside;      /* a passage of the document in progress was given already */
  gboolean inside_line; /* text stands in front of start on its line */
};

TnPassageScanner *
tn_passage_scanner_new (TnByteStream *stream, gsize limit)
{
  TnPassageScanner *self = g_new0 (TnPassageScanner, 1);

  self->stream = stream;
  self->limit = MAX (limit, LEAST_LIMIT);
  return self;
}

void
tn_passage_scanner_free (TnPassageScanner *self)
{
  if (self == NULL)
    return;
  tn_byte_stream_free (self->stream);
  g_free (self->buffer);
  g_free (self);
}

static const char *
describe (const TnPassageScanner *self)
{
  return tn_byte_stream_describe (tn_byte_stream_get_path (self->stream));
}

static gboolean
check_text (TnPassageScanner *self, gsize from, GError **error)
{
  const char *nul = memchr (self->buffer + from, 0, self->filled - from);

  if (nul != NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: byte %" PRIu64 " is NUL: this is no text"), describe (self),
                   self->base + (guint64) (nul - self->buffer));
      return FALSE;
    }
  self->valid += tn_utf8_valid_prefix (self->buffer + self->valid, self->filled - self->valid);
  /* Up to three bytes may wait for the rest of their character. */
  if (self->filled - self->valid >= 4 || (self->ended && self->valid < self->filled) ||
      (self->valid < self->filled && tn_utf8_length ((guint8) self->buffer[self->valid]) <= self->filled - self->valid))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the bytes at %" PRIu64 " are not UTF-8"), describe (self),
                   self->base + self->valid);
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_more (TnPassageScanner *self, GError **error)
{
  gsize before = self->filled;
  gsize got;

  if (self->start > 0)
    {
      memmove (self->buffer, self->buffer + self->start, self->filled - self->start);
      self->base += self->start;
      self->searched -= self->start;
      self->valid -= self->start;
      self->filled -= self->start;
      self->start = 0;
      before = self->filled;
    }
  if (self->capacity < self->filled + CHUNK_BYTES)
    {
      self->capacity = self->filled + CHUNK_BYTES;
      self->buffer = g_realloc (self->buffer, self->capacity);
    }
  if (!tn_byte_stream_read_full (self->stream, self->buffer + self->filled, self->capacity - self->filled, &got, error))
    return FALSE;
  self->filled += got;
  self->ended = got == 0;
  if (!check_text (self, before, error))
    return FALSE;
  if (self->base == 0 && before == 0 && self->filled >= 3 && memcmp (self->buffer, "\xef\xbb\xbf", 3) == 0)
    self->start = self->searched = 3;
  return TRUE;
}

typedef enum
{
  LINE_IS_SEPARATOR,
  LINE_IS_TEXT,
  LINE_IS_OPEN
} SeparatorLine;

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

/* Whether the separator at this place is a line of its own, but for blanks; *next: where the next document begins. LINE_IS_OPEN:
 * more must be read to tell. */
static SeparatorLine
classify_line (TnPassageScanner *self, gsize at, gsize *next)
{
  gsize begin = at, end = at + SEPARATOR_BYTES;
  gsize most = end + MOST_BLANKS;

  while (begin > self->start && is_blank (self->buffer[begin - 1]))
    begin--;
  if (begin > self->start ? self->buffer[begin - 1] != '\n' : self->inside_line)
    return LINE_IS_TEXT;
  while (end < self->valid && end < most && is_blank (self->buffer[end]))
    end++;
  if (end < self->valid)
    {
      *next = end + 1;
      return self->buffer[end] == '\n' ? LINE_IS_SEPARATOR : LINE_IS_TEXT;
    }
  *next = end;
  return self->ended ? LINE_IS_SEPARATOR : LINE_IS_OPEN;
}

/* The first separator line from searched on. Its line must have ended in the buffer, unless the file has. */
static gboolean
find_separator (TnPassageScanner *self, gsize *at, gsize *next)
{
  while (TRUE)
    {
      const char *hit = memmem (self->buffer + self->searched, self->valid - self->searched, SEPARATOR, SEPARATOR_BYTES);

      if (hit == NULL)
        {
          gsize keep = MIN (SEPARATOR_BYTES - 1, self->valid - self->searched);

          self->searched = self->valid - keep;
          return FALSE;
        }
      *at = (gsize) (hit - self->buffer);
      switch (classify_line (self, *at, next))
        {
        case LINE_IS_SEPARATOR:
          return TRUE;
        case LINE_IS_OPEN:
          self->searched = *at;
          return FALSE;
        case LINE_IS_TEXT:
        default:
          self->searched = *at + 1;
        }
    }
}

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void
advance (TnPassageScanner *self, gsize to)
{
  gboolean text = FALSE;
  gsize i = to;

  for (; i > self->start && self->buffer[i - 1] != '\n'; i--)
    text = text || !is_blank (self->buffer[i - 1]);
  self->inside_line = text || (i == self->start && self->inside_line);
  self->start = to;
}

static void
skip_space (TnPassageScanner *self, gsize end)
{
  gsize to = self->start;

  while (to < end && is_space (self->buffer[to]))
    to++;
  if (to > self->start)
    advance (self, to);
}

/* Gives buffer[start .. end) without the white space at its end; FALSE when nothing is left. */
static gboolean
give (TnPassageScanner *self, gsize end, TnPassage *passage)
{
  while (end > self->start && is_space (self->buffer[end - 1]))
    end--;
  if (end == self->start)
    return FALSE;
  *passage = (TnPassage){
      .text = self->buffer + self->start,
      .bytes = end - self->start,
      .offset = self->base + self->start,
      .begins_document = !self->inside,
  };
  return TRUE;
}

/* Where text, which is longer than limit, is cut: at most limit. */
static gsize
find_cut (const char *text, gsize limit)
{
  gsize cut = limit;

  while (cut > 0 && !is_space (text[cut - 1]))
    cut--;
  if (cut > 0)
    return cut;
  while (limit > 1 && tn_utf8_is_tail ((guint8) text[limit]))
    limit--;
  return limit;
}

gboolean
tn_passage_cut (const char *text, gsize bytes, gsize limit, gsize *place, gsize *first, gsize *length)
{
  gsize end;

  limit = MAX (limit, LEAST_LIMIT);
  while (*place < bytes && is_space (text[*place]))
    (*place)++;
  if (*place == bytes)
    return FALSE;
  *first = *place;
  end = bytes - *place > limit ? *place + find_cut (text + *place, limit) : bytes;
  *place = end;
  while (is_space (text[end - 1]))
    end--;
  *length = end - *first;
  return TRUE;
}

gboolean
tn_passage_scanner_next (TnPassageScanner *self, TnPassage *passage, GError **error)
{
  while (TRUE)
    {
      gsize at = self->valid, next = self->valid;
      gboolean found = self->buffer != NULL && find_separator (self, &at, &next);
      gboolean document_ends = found || self->ended;
      gsize known = found ? at : self->ended ? self->valid : self->searched;

      skip_space (self, known);
      if (known - self->start > self->limit)
        {
          gsize cut = self->start + find_cut (self->buffer + self->start, self->limit);
          gboolean given = give (self, cut, passage);

          advance (self, cut);
          self->searched = found ? at : MAX (self->searched, cut);
          if (given)
            {
              self->inside = TRUE;
              return TRUE;
            }
          continue;
        }
      if (document_ends)
        {
          gboolean given = give (self, known, passage);

          self->start = self->searched = next;
          self->inside = self->inside_line = FALSE;
          if (given)
            return TRUE;
          if (!found)
            return FALSE;
          continue;
        }
      if (!read_more (self, error))
        return FALSE;
    }
}
