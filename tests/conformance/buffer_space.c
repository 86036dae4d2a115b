/* evbuffer: reserving and committing room, looking without copying, freezing the ends. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static void put(struct evbuffer_iovec* v, const char* text, size_t room) {
  memcpy(v->iov_base, text, strlen(text));
  v->iov_len = room;
}

static void reserve_one_and_commit(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v;
  SEE(evbuffer_reserve_space(b, 100, &v, 1));
  SEE(v.iov_len >= 100);
  SEE(evbuffer_get_length(b));
  put(&v, "hello", 5);
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void reserve_after_existing_content(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v;
  evbuffer_add(b, "abc", 3);
  SEE(evbuffer_reserve_space(b, 3, &v, 1));
  put(&v, "def", 3);
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE_BUF(b);
  SEE(evbuffer_get_contiguous_space(b));
  evbuffer_free(b);
}

/* What was reserved is forgotten as soon as something is added, and used up by being committed. */
static void commit_after_another_change(void) {
  static const char* const starts[] = {"abc", "a reference"};
  size_t i, size;
  for (i = 0; i < 2; ++i) {
    for (size = 100; size <= 5000; size += 4900) {
      struct evbuffer* b = evbuffer_new();
      struct evbuffer_iovec v;
      if (i == 0) {
        evbuffer_add(b, starts[i], strlen(starts[i]));
      } else {
        evbuffer_add_reference(b, starts[i], strlen(starts[i]), NULL, NULL);
      }
      SEE(evbuffer_reserve_space(b, (ev_ssize_t)size, &v, 1));
      put(&v, "RRRR", 4);
      SEE(evbuffer_commit_space(b, &v, 1));
      SEE(evbuffer_commit_space(b, &v, 1));
      SEE(evbuffer_reserve_space(b, (ev_ssize_t)size, &v, 1));
      put(&v, "SSSSSSSSSSSSSSSS", 16);
      SEE(evbuffer_add_printf(b, "%s", "printed"));
      SEE(evbuffer_commit_space(b, &v, 1));
      SEE_BUF(b);
      SEE(evbuffer_reserve_space(b, (ev_ssize_t)size, &v, 1));
      put(&v, "TTTT", 4);
      SEE(evbuffer_add(b, "added", 5));
      SEE(evbuffer_commit_space(b, &v, 1));
      SEE_BUF(b);
      evbuffer_free(b);
    }
  }
}

static void commit_nothing(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v;
  evbuffer_add(b, "abc", 3);
  SEE(evbuffer_reserve_space(b, 100, &v, 1));
  SEE(evbuffer_commit_space(b, &v, 0));
  SEE_BUF(b);
  v.iov_len = 0;
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void reserve_two_extents(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[2];
  size_t total = 0;
  int n, i;
  evbuffer_add(b, "abc", 3);
  n = evbuffer_reserve_space(b, 6000, v, 2);
  obs("between one and two extents: %d", n == 1 || n == 2);
  for (i = 0; i < n; ++i) {
    memset(v[i].iov_base, 'a' + i, v[i].iov_len);
    total += v[i].iov_len;
  }
  SEE(total >= 6000);
  SEE(evbuffer_commit_space(b, v, n));
  SEE(evbuffer_get_length(b) == total + 3);
  evbuffer_free(b);
}

static void commit_first_of_two_only(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[2];
  int n;
  evbuffer_add(b, "abc", 3);
  n = evbuffer_reserve_space(b, 6000, v, 2);
  put(&v[0], "de", 2);
  SEE(n >= 1);
  SEE(evbuffer_commit_space(b, v, 1));
  SEE_BUF(b);
  SEE(evbuffer_add(b, "fg", 2));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void reserve_bad_vector_counts(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[2];
  SEE(evbuffer_reserve_space(b, 10, v, 0));
  SEE(evbuffer_reserve_space(b, 10, v, -1));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void commit_foreign_memory(void) {
  struct evbuffer* b = evbuffer_new();
  char foreign[16] = "foreign";
  struct evbuffer_iovec v;
  evbuffer_add(b, "abc", 3);
  SEE(evbuffer_reserve_space(b, 100, &v, 1));
  v.iov_base = foreign, v.iov_len = 7;
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void commit_more_than_reserved(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v;
  SEE(evbuffer_reserve_space(b, 100, &v, 1));
  v.iov_len = 1000000;
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void commit_shifted_extent(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v;
  SEE(evbuffer_reserve_space(b, 100, &v, 1));
  v.iov_base = (char*)v.iov_base + 1, v.iov_len = 5;
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void reserve_moves_nothing_visible(void) {
  struct evbuffer* b = chained_buffer("abc", "def", NULL);
  struct evbuffer_iovec v;
  SEE(evbuffer_reserve_space(b, 1, &v, 1));
  *(char*)v.iov_base = 'g', v.iov_len = 1;
  SEE(evbuffer_commit_space(b, &v, 1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void peek_counts_extents(void) {
  struct evbuffer* b = chained_buffer("abc", "de", "fghi", NULL);
  struct evbuffer_iovec v[3];
  SEE(evbuffer_peek(b, -1, NULL, NULL, 0));
  SEE(evbuffer_peek(b, 4, NULL, NULL, 0));
  SEE(evbuffer_peek(b, 3, NULL, NULL, 0));
  SEE(evbuffer_peek(b, 100, NULL, NULL, 0));
  SEE(evbuffer_peek(b, 0, NULL, NULL, 0));
  SEE(evbuffer_peek(b, -1, NULL, v, 3));
  see_bytes("0", v[0].iov_base, v[0].iov_len);
  see_bytes("1", v[1].iov_base, v[1].iov_len);
  see_bytes("2", v[2].iov_base, v[2].iov_len);
  SEE(evbuffer_peek(b, -1, NULL, v, 1));
  SEE(evbuffer_peek(b, 5, NULL, v, 2));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void peek_from_a_position(void) {
  struct evbuffer* b = chained_buffer("abc", "de", "fghi", NULL);
  struct evbuffer_iovec v[3];
  struct evbuffer_ptr p;
  int n;
  evbuffer_ptr_set(b, &p, 1, EVBUFFER_PTR_SET);
  n = evbuffer_peek(b, 4, &p, v, 3);
  SEE(n);
  see_bytes("0", v[0].iov_base, v[0].iov_len);
  see_bytes("1", v[1].iov_base, v[1].iov_len);
  evbuffer_ptr_set(b, &p, 5, EVBUFFER_PTR_SET);
  n = evbuffer_peek(b, -1, &p, v, 3);
  SEE(n);
  see_bytes("0", v[0].iov_base, v[0].iov_len);
  evbuffer_free(b);
}

static void peek_nothing_from_a_position(void) {
  struct evbuffer* b = chained_buffer("abc", "de", NULL);
  struct evbuffer_iovec v[3];
  struct evbuffer_ptr p;
  size_t at;
  for (at = 0; at <= 5; ++at) {
    int n;
    SEE(evbuffer_ptr_set(b, &p, at, EVBUFFER_PTR_SET));
    SEE(evbuffer_peek(b, 0, &p, NULL, 0));
    n = evbuffer_peek(b, 0, &p, v, 3);
    obs("from %zu: %d", at, n);
    if (n > 0) see_bytes("first", v[0].iov_base, v[0].iov_len);
  }
  evbuffer_free(b);
}

static void nothing_to_do_is_never_refused(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_freeze(b, 0)), SEE(evbuffer_freeze(b, 1));
  SEE(evbuffer_drain(b, 0));
  SEE(evbuffer_drain(b, 10));
  SEE(evbuffer_add_buffer_reference(b, b));
  evbuffer_free(b);
}

static void peek_empty(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[1];
  SEE(evbuffer_peek(b, -1, NULL, v, 1));
  SEE(evbuffer_peek(b, 10, NULL, v, 1));
  SEE(evbuffer_peek(b, -1, NULL, NULL, 0));
  evbuffer_free(b);
}

/* Every operation on a buffer with one frozen end. */
static void operations(struct evbuffer* b) {
  struct evbuffer *other = chained_buffer("other", NULL), *sink = evbuffer_new();
  struct evbuffer_iovec v;
  char out[4];
  int p[2];
  char* line;
  if (pipe(p) || write(p[1], "piped", 5) != 5) obs("pipe failed");
  SEE(evbuffer_add(b, "x", 1));
  SEE(evbuffer_add_printf(b, "%d", 1));
  SEE(evbuffer_add_reference(b, "r", 1, NULL, NULL));
  SEE(evbuffer_expand(b, 10));
  SEE(evbuffer_reserve_space(b, 10, &v, 1));
  SEE(evbuffer_prepend(b, "p", 1));
  SEE(evbuffer_drain(b, 1));
  SEE(evbuffer_remove(b, out, 1));
  SEE(evbuffer_copyout(b, out, 1));
  SEE(evbuffer_pullup(b, 2) != NULL);
  SEE(evbuffer_add_buffer(b, other));
  SEE(evbuffer_get_length(other));
  SEE(evbuffer_prepend_buffer(b, other));
  SEE(evbuffer_get_length(other));
  SEE(evbuffer_remove_buffer(b, sink, 1));
  SEE(evbuffer_add_buffer(sink, b));
  SEE(evbuffer_get_length(b) > 0);
  SEE(evbuffer_prepend_buffer(sink, b));
  SEE(evbuffer_read(b, p[0], 2));
  SEE(evbuffer_write(b, p[1]));
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
  SEE(line != NULL);
  free(line);
  evbuffer_free(other), evbuffer_free(sink);
  close(p[0]), close(p[1]);
}

static void frozen_front(void) {
  struct evbuffer* b = chained_buffer("abc\n", "def\n", NULL);
  SEE(evbuffer_freeze(b, 1));
  operations(b);
  SEE_BUF(b);
  SEE(evbuffer_unfreeze(b, 1));
  SEE(evbuffer_drain(b, 1));
  evbuffer_free(b);
}

static void frozen_back(void) {
  struct evbuffer* b = chained_buffer("abc\n", "def\n", NULL);
  SEE(evbuffer_freeze(b, 0));
  operations(b);
  SEE_BUF(b);
  SEE(evbuffer_unfreeze(b, 0));
  SEE(evbuffer_add(b, "x", 1));
  evbuffer_free(b);
}

static void frozen_both(void) {
  struct evbuffer* b = chained_buffer("abc\n", "def\n", NULL);
  SEE(evbuffer_freeze(b, 0));
  SEE(evbuffer_freeze(b, 1));
  SEE(evbuffer_freeze(b, 1));
  operations(b);
  SEE_BUF(b);
  SEE(evbuffer_unfreeze(b, 1));
  SEE(evbuffer_drain(b, 1));
  SEE(evbuffer_add(b, "x", 1));
  evbuffer_free(b);
}

static void freezing_an_empty_buffer(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_freeze(b, 1);
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_drain(b, 1));
  evbuffer_freeze(b, 0);
  SEE(evbuffer_add(b, "abc", 3));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void flags_set_and_clear(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  SEE(evbuffer_clear_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  SEE(evbuffer_set_flags(b, 0));
  evbuffer_free(b);
}

static void locking_functions_without_threads(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_lock(b);
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_unlock(b);
  SEE(evbuffer_enable_locking(b, NULL));
  SEE_BUF(b);
  evbuffer_free(b);
}

/* add_buffer_reference: content is shared, not moved. */
static void buffer_reference_shares_content(void) {
  struct evbuffer *source = evbuffer_new(), *out = evbuffer_new();
  evbuffer_add(source, "shared", 6);
  SEE(evbuffer_add_buffer_reference(out, source));
  SEE_BUF(out);
  SEE_BUF(source);
  SEE(evbuffer_drain(out, 2));
  SEE_BUF(out);
  SEE_BUF(source);
  SEE(evbuffer_drain(source, 6));
  SEE_BUF(out);
  evbuffer_free(source);
  SEE_BUF(out);
  SEE(evbuffer_add(out, "!", 1));
  SEE_BUF(out);
  evbuffer_free(out);
}

static void buffer_reference_into_filled_buffer(void) {
  struct evbuffer *source = chained_buffer("ab", "cd", NULL), *out = evbuffer_new();
  evbuffer_add(out, "start ", 6);
  SEE(evbuffer_add_buffer_reference(out, source));
  SEE(evbuffer_add_buffer_reference(out, source));
  SEE_BUF(out);
  evbuffer_free(out);
  SEE_BUF(source);
  evbuffer_free(source);
}

static void buffer_reference_to_itself(void) {
  struct evbuffer* b = chained_buffer("abc", NULL);
  SEE(evbuffer_add_buffer_reference(b, b));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void buffer_reference_of_empty(void) {
  struct evbuffer *source = evbuffer_new(), *out = chained_buffer("abc", NULL);
  SEE(evbuffer_add_buffer_reference(out, source));
  SEE_BUF(out);
  evbuffer_free(source), evbuffer_free(out);
}

static void buffer_reference_of_a_reference(void) {
  struct evbuffer *a = evbuffer_new(), *b = evbuffer_new(), *c = evbuffer_new();
  evbuffer_add(a, "abc", 3);
  SEE(evbuffer_add_buffer_reference(b, a));
  SEE(evbuffer_add_buffer_reference(c, b));
  SEE_BUF(c);
  evbuffer_free(a), evbuffer_free(b), evbuffer_free(c);
}

static void buffer_reference_and_frozen_ends(void) {
  struct evbuffer *source = chained_buffer("abc", NULL), *out = evbuffer_new();
  evbuffer_freeze(out, 0);
  SEE(evbuffer_add_buffer_reference(out, source));
  evbuffer_unfreeze(out, 0);
  evbuffer_freeze(source, 1);
  SEE(evbuffer_add_buffer_reference(out, source));
  evbuffer_free(source), evbuffer_free(out);
}

const struct conf_case conf_cases[] = {CASE(reserve_one_and_commit),
                                       CASE(reserve_after_existing_content),
                                       CASE(commit_after_another_change),
                                       CASE(commit_nothing),
                                       CASE(reserve_two_extents),
                                       CASE(commit_first_of_two_only),
                                       CASE(reserve_bad_vector_counts),
                                       CASE(commit_foreign_memory),
                                       CASE(commit_more_than_reserved),
                                       CASE(commit_shifted_extent),
                                       CASE(reserve_moves_nothing_visible),
                                       CASE(peek_counts_extents),
                                       CASE(peek_from_a_position),
                                       CASE(peek_nothing_from_a_position),
                                       CASE(nothing_to_do_is_never_refused),
                                       CASE(peek_empty),
                                       CASE(frozen_front),
                                       CASE(frozen_back),
                                       CASE(frozen_both),
                                       CASE(freezing_an_empty_buffer),
                                       CASE(flags_set_and_clear),
                                       CASE(locking_functions_without_threads),
                                       CASE(buffer_reference_shares_content),
                                       CASE(buffer_reference_into_filled_buffer),
                                       CASE(buffer_reference_to_itself),
                                       CASE(buffer_reference_of_empty),
                                       CASE(buffer_reference_of_a_reference),
                                       CASE(buffer_reference_and_frozen_ends),
                                       CASES_END};
