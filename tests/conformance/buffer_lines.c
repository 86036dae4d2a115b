/* evbuffer: lines, searching, positions. */
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "support.h"

static const char* style_name(enum evbuffer_eol_style style) {
  static const char* names[] = {"ANY", "CRLF", "CRLF_STRICT", "LF", "NUL"};
  return names[style];
}

static void see_lines(struct evbuffer* b, enum evbuffer_eol_style style) {
  char* line;
  size_t length = 77;
  while ((line = evbuffer_readln(b, &length, style))) {
    see_bytes(style_name(style), line, length);
    obs("terminated %d", line[length] == '\0');
    free(line);
  }
  obs("no further line, length %zu", length);
  see_content("rest", b);
}

static void lines_of(const char* text, size_t length) {
  int style;
  for (style = EVBUFFER_EOL_ANY; style <= EVBUFFER_EOL_NUL; ++style) {
    struct evbuffer* b = evbuffer_new();
    evbuffer_add(b, text, length);
    see_lines(b, (enum evbuffer_eol_style)style);
    evbuffer_free(b);
  }
}

static void lines_plain(void) { lines_of("one\ntwo\nthree", 13); }
static void lines_crlf(void) { lines_of("one\r\ntwo\r\nthree", 15); }
static void lines_mixed(void) { lines_of("a\r\n\r\n\nb\n\rc\rd\r\r\ne", 17); }
static void lines_with_nul(void) { lines_of("a\0b\n\0c\r\n", 8); }
static void lines_only_terminators(void) { lines_of("\n\r\n\0\n", 5); }
static void lines_ending_in_cr(void) { lines_of("abc\r", 4); }

static void lines_over_chain_borders(void) {
  int style;
  for (style = EVBUFFER_EOL_ANY; style <= EVBUFFER_EOL_LF; ++style) {
    struct evbuffer* b = chained_buffer("ab", "c\r", "\nde", "f\n", "\r", "\n", "g", NULL);
    see_lines(b, (enum evbuffer_eol_style)style);
    evbuffer_free(b);
  }
}

static void long_line_over_many_chains(void) {
  struct evbuffer* b = evbuffer_new();
  char* line;
  size_t length = 0;
  int i;
  for (i = 0; i < 1000; ++i) evbuffer_add(b, "0123456789", 10);
  SEE_NULL(evbuffer_readln(b, &length, EVBUFFER_EOL_LF));
  SEE(length);
  evbuffer_add(b, "\r\nnext", 6);
  line = evbuffer_readln(b, &length, EVBUFFER_EOL_CRLF_STRICT);
  see_bytes("line", line, length);
  free(line);
  SEE_BUF(b);
  evbuffer_free(b);
}

static void readln_without_length(void) {
  struct evbuffer* b = chained_buffer("abc\n", NULL);
  char* line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
  SEE_STR(line);
  free(line);
  evbuffer_free(b);
}

static void readline_of_old(void) {
  struct evbuffer* b = chained_buffer("one\n\r", "two\r\r\n\nthree\n", "rest", NULL);
  char* line;
  while ((line = evbuffer_readline(b))) {
    SEE_STR(line);
    free(line);
  }
  SEE_BUF(b);
  evbuffer_free(b);
}

static void find_of_old(void) {
  struct evbuffer* b = chained_buffer("hello ", "wor", "ld", NULL);
  unsigned char* p = evbuffer_find(b, (const unsigned char*)"world", 5);
  see_bytes("found", p, 5);
  SEE_NULL(evbuffer_find(b, (const unsigned char*)"worlds", 6));
  p = evbuffer_find(b, (const unsigned char*)"h", 1);
  see_bytes("found", p, 11);
  SEE_BUF(b);
  evbuffer_free(b);
}

static void search_finds_first(void) {
  struct evbuffer* b = chained_buffer("abab", "cab", "abd", NULL);
  struct evbuffer_ptr p;
  p = evbuffer_search(b, "ab", 2, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "abab", 4, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "cabab", 5, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "abd", 3, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "ababcababd", 10, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "ababcababdX", 11, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "zz", 2, NULL);
  SEE(p.pos);
  p = evbuffer_search(b, "d", 1, NULL);
  SEE(p.pos);
  evbuffer_free(b);
}

static void search_for_nothing(void) {
  struct evbuffer *b = chained_buffer("abc", NULL), *empty = evbuffer_new();
  struct evbuffer_ptr p;
  p = evbuffer_search(b, "", 0, NULL);
  SEE(p.pos);
  p = evbuffer_search(empty, "a", 1, NULL);
  SEE(p.pos);
  p = evbuffer_search(empty, "", 0, NULL);
  SEE(p.pos);
  evbuffer_free(b), evbuffer_free(empty);
}

static void search_from_a_position(void) {
  struct evbuffer* b = chained_buffer("xax", "axa", "x", NULL);
  struct evbuffer_ptr start, p;
  int from;
  for (from = 0; from <= 7; ++from) {
    evbuffer_ptr_set(b, &start, (size_t)from, EVBUFFER_PTR_SET);
    p = evbuffer_search(b, "ax", 2, &start);
    obs("from %d: %d", from, (int)p.pos);
  }
  evbuffer_free(b);
}

static void count_matches_by_stepping(void) {
  struct evbuffer* b = chained_buffer("ab", "abab", "xxab", "a", "b", NULL);
  struct evbuffer_ptr p;
  int matches = 0;
  p = evbuffer_search(b, "ab", 2, NULL);
  while (p.pos >= 0) {
    ++matches;
    if (evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD) < 0) break;
    p = evbuffer_search(b, "ab", 2, &p);
  }
  SEE(matches);
  evbuffer_free(b);
}

static void search_in_a_range(void) {
  struct evbuffer* b = chained_buffer("0123", "4567", "89ab", NULL);
  struct evbuffer_ptr start, end, p;
  int to;
  evbuffer_ptr_set(b, &start, 1, EVBUFFER_PTR_SET);
  for (to = 1; to <= 12; ++to) {
    evbuffer_ptr_set(b, &end, (size_t)to, EVBUFFER_PTR_SET);
    p = evbuffer_search_range(b, "345", 3, &start, &end);
    obs("to %d: %d", to, (int)p.pos);
  }
  p = evbuffer_search_range(b, "9ab", 3, NULL, NULL);
  SEE(p.pos);
  p = evbuffer_search_range(b, "0", 1, &start, NULL);
  SEE(p.pos);
  evbuffer_free(b);
}

static void position_limits(void) {
  struct evbuffer* b = chained_buffer("abc", "def", NULL);
  struct evbuffer_ptr p;
  SEE(evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_SET));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 6, EVBUFFER_PTR_SET));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 7, EVBUFFER_PTR_SET));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 4, EVBUFFER_PTR_SET));
  SEE(evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_ADD));
  SEE(evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_ADD));
  SEE(p.pos);
  evbuffer_ptr_set(b, &p, 3, EVBUFFER_PTR_SET);
  SEE(evbuffer_ptr_set(b, &p, (size_t)-1, EVBUFFER_PTR_ADD));
  SEE(p.pos);
  evbuffer_free(b);
}

static void position_in_empty_buffer(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_ptr p;
  SEE(evbuffer_ptr_set(b, &p, 0, EVBUFFER_PTR_SET));
  SEE(p.pos);
  SEE(evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_SET));
  SEE(p.pos);
  evbuffer_free(b);
}

static void eol_search_reports_length(void) {
  static const char* texts[] = {"ab\r\ncd", "ab\ncd", "ab\rcd", "ab\n\n\r\rcd",
                                "ab",       "\r\n",   "ab\r"};
  size_t i;
  int style;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    for (style = EVBUFFER_EOL_ANY; style <= EVBUFFER_EOL_NUL; ++style) {
      struct evbuffer* b = chained_buffer(texts[i], NULL);
      size_t length = 99;
      struct evbuffer_ptr p = evbuffer_search_eol(b, NULL, &length, (enum evbuffer_eol_style)style);
      obs("text %zu %s: at %d, %zu bytes", i, style_name((enum evbuffer_eol_style)style),
          (int)p.pos, length);
      evbuffer_free(b);
    }
  }
}

static void eol_search_from_a_position(void) {
  struct evbuffer* b = chained_buffer("a\nb", "b\r", "\nc\n", NULL);
  struct evbuffer_ptr start, p;
  size_t length, from;
  for (from = 0; from <= 8; ++from) {
    evbuffer_ptr_set(b, &start, from, EVBUFFER_PTR_SET);
    length = 0;
    p = evbuffer_search_eol(b, &start, &length, EVBUFFER_EOL_CRLF);
    obs("from %zu: at %d, %zu bytes", from, (int)p.pos, length);
  }
  evbuffer_free(b);
}

static void eol_search_out_of_range_position(void) {
  struct evbuffer* b = chained_buffer("a\nb", NULL);
  struct evbuffer_ptr p;
  size_t length = 5;
  evbuffer_ptr_set(b, &p, 100, EVBUFFER_PTR_SET);
  SEE(p.pos);
  p = evbuffer_search_eol(b, &p, &length, EVBUFFER_EOL_LF);
  SEE(p.pos);
  evbuffer_free(b);
}

static void position_walks_and_copies(void) {
  struct evbuffer* b = chained_buffer("key", ": va", "lue", "\r\n", NULL);
  struct evbuffer_ptr colon, end;
  char value[16] = "";
  size_t eol = 0;
  colon = evbuffer_search(b, ": ", 2, NULL);
  end = evbuffer_search_eol(b, NULL, &eol, EVBUFFER_EOL_CRLF);
  SEE(colon.pos);
  SEE(end.pos);
  SEE(evbuffer_ptr_set(b, &colon, 2, EVBUFFER_PTR_ADD));
  SEE(evbuffer_copyout_from(b, &colon, value, (size_t)(end.pos - colon.pos)));
  SEE_STR(value);
  evbuffer_free(b);
}

const struct conf_case conf_cases[] = {CASE(lines_plain),
                                       CASE(lines_crlf),
                                       CASE(lines_mixed),
                                       CASE(lines_with_nul),
                                       CASE(lines_only_terminators),
                                       CASE(lines_ending_in_cr),
                                       CASE(lines_over_chain_borders),
                                       CASE(long_line_over_many_chains),
                                       CASE(readln_without_length),
                                       CASE(readline_of_old),
                                       CASE(find_of_old),
                                       CASE(search_finds_first),
                                       CASE(search_for_nothing),
                                       CASE(search_from_a_position),
                                       CASE(count_matches_by_stepping),
                                       CASE(search_in_a_range),
                                       CASE(position_limits),
                                       CASE(position_in_empty_buffer),
                                       CASE(eol_search_reports_length),
                                       CASE(eol_search_from_a_position),
                                       CASE(eol_search_out_of_range_position),
                                       CASE(position_walks_and_copies),
                                       CASES_END};
