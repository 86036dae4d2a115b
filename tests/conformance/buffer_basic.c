/* evbuffer: putting bytes in and taking them out, whole buffers, printf, limits of sizes. */
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "support.h"

static void empty_buffer(void) {
  struct evbuffer* b = evbuffer_new();
  char c[4];
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_get_contiguous_space(b));
  SEE(evbuffer_drain(b, 0));
  SEE(evbuffer_drain(b, 10));
  SEE(evbuffer_remove(b, c, 4));
  SEE(evbuffer_copyout(b, c, 4));
  SEE_NULL(evbuffer_pullup(b, -1));
  SEE_NULL(evbuffer_pullup(b, 0));
  SEE_NULL(evbuffer_pullup(b, 1));
  SEE_NULL(evbuffer_readln(b, NULL, EVBUFFER_EOL_ANY));
  evbuffer_free(b);
}

static void add_and_remove(void) {
  struct evbuffer* b = evbuffer_new();
  char out[16];
  SEE(evbuffer_add(b, "hello ", 6));
  SEE(evbuffer_add(b, "world", 5));
  SEE(evbuffer_add(b, "ignored", 0));
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_remove(b, out, 4));
  see_bytes("out", out, 4);
  SEE_BUF(b);
  SEE(evbuffer_remove(b, out, sizeof(out)));
  see_bytes("out", out, 7);
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_remove(b, out, 0));
  evbuffer_free(b);
}

static void add_null_with_zero_length(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_add(b, NULL, 0));
  SEE(evbuffer_prepend(b, NULL, 0));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void drain_parts(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  SEE(evbuffer_drain(b, 2));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 1));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 4));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 1000));
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_drain(b, SIZE_MAX));
  evbuffer_free(b);
}

static void copyout_leaves_content(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  char out[16];
  SEE(evbuffer_copyout(b, out, 5));
  see_bytes("out", out, 5);
  SEE(evbuffer_copyout(b, out, sizeof(out)));
  see_bytes("out", out, 9);
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_copyout(b, out, 0));
  evbuffer_free(b);
}

static void copyout_from_a_position(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  struct evbuffer_ptr p;
  char out[16];
  SEE(evbuffer_ptr_set(b, &p, 2, EVBUFFER_PTR_SET));
  SEE(evbuffer_copyout_from(b, &p, out, 5));
  see_bytes("out", out, 5);
  SEE(evbuffer_copyout_from(b, &p, out, sizeof(out)));
  SEE(evbuffer_copyout_from(b, NULL, out, 3));
  see_bytes("out", out, 3);
  evbuffer_ptr_set(b, &p, 9, EVBUFFER_PTR_SET);
  SEE(evbuffer_copyout_from(b, &p, out, 3));
  evbuffer_free(b);
}

static void prepend_in_front(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_prepend(b, "c", 1));
  SEE(evbuffer_prepend(b, "ab", 2));
  SEE(evbuffer_add(b, "de", 2));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 2));
  SEE(evbuffer_prepend(b, "XYZ", 3));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void prepend_more_than_one_chain(void) {
  struct evbuffer* b = evbuffer_new();
  char* big = malloc(10000);
  fill_pattern(big, 10000);
  evbuffer_add(b, "tail", 4);
  SEE(evbuffer_prepend(b, big, 10000));
  SEE(evbuffer_get_length(b));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 9998));
  SEE(evbuffer_prepend(b, "0123456789", 10));
  SEE_BUF(b);
  free(big);
  evbuffer_free(b);
}

static void prepend_before_reference(void) {
  struct evbuffer* b = chained_buffer("constant", NULL);
  SEE(evbuffer_prepend(b, ">", 1));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 3));
  SEE(evbuffer_prepend(b, "<<", 2));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void add_buffer_moves_everything(void) {
  struct evbuffer *a = chained_buffer("abc", NULL), *b = chained_buffer("def", "ghi", NULL);
  SEE(evbuffer_add_buffer(a, b));
  SEE_BUF(a);
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_add_buffer(b, a));
  SEE_BUF(b);
  SEE(evbuffer_get_length(a));
  SEE(evbuffer_add_buffer(a, a));
  SEE(evbuffer_add_buffer(b, b));
  SEE_BUF(b);
  SEE(evbuffer_add_buffer(b, a));
  SEE_BUF(b);
  evbuffer_add(a, "after", 5);
  SEE_BUF(a);
  evbuffer_free(a), evbuffer_free(b);
}

static void prepend_buffer_moves_everything(void) {
  struct evbuffer *a = chained_buffer("abc", NULL), *b = chained_buffer("def", "ghi", NULL);
  SEE(evbuffer_prepend_buffer(a, b));
  SEE_BUF(a);
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_prepend_buffer(a, b));
  SEE(evbuffer_prepend_buffer(b, a));
  SEE_BUF(b);
  SEE(evbuffer_prepend_buffer(b, b));
  SEE_BUF(b);
  evbuffer_free(a), evbuffer_free(b);
}

static void remove_buffer_moves_a_part(void) {
  struct evbuffer *from = chained_buffer("abc", "def", "ghi", NULL), *to = evbuffer_new();
  SEE(evbuffer_remove_buffer(from, to, 2));
  SEE_BUF(to);
  SEE_BUF(from);
  SEE(evbuffer_remove_buffer(from, to, 4));
  SEE_BUF(to);
  SEE_BUF(from);
  SEE(evbuffer_remove_buffer(from, to, 0));
  SEE(evbuffer_remove_buffer(from, to, 100));
  SEE_BUF(to);
  SEE(evbuffer_get_length(from));
  SEE(evbuffer_remove_buffer(from, to, 1));
  SEE(evbuffer_remove_buffer(to, to, 3));
  SEE_BUF(to);
  evbuffer_free(from), evbuffer_free(to);
}

static void large_content_survives_moves(void) {
  struct evbuffer *a = patterned_buffer(100000), *b = evbuffer_new();
  SEE_BUF(a);
  SEE(evbuffer_remove_buffer(a, b, 33333));
  SEE_BUF(b);
  SEE(evbuffer_prepend_buffer(a, b));
  SEE_BUF(a);
  SEE(evbuffer_drain(a, 4097));
  SEE_BUF(a);
  SEE(evbuffer_pullup(a, -1) != NULL);
  SEE_BUF(a);
  evbuffer_free(a), evbuffer_free(b);
}

static void pullup_makes_contiguous(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  SEE(evbuffer_get_contiguous_space(b));
  see_bytes("pullup 5", evbuffer_pullup(b, 5), 5);
  SEE(evbuffer_get_contiguous_space(b) >= 5);
  SEE_NULL(evbuffer_pullup(b, 10));
  SEE_BUF(b);
  see_bytes("pullup all", evbuffer_pullup(b, -1), 9);
  SEE(evbuffer_get_contiguous_space(b));
  SEE_NULL(evbuffer_pullup(b, 0));
  evbuffer_free(b);
}

static int vprintf_through(struct evbuffer* b, const char* format, ...) {
  va_list ap;
  int result;
  va_start(ap, format);
  result = evbuffer_add_vprintf(b, format, ap);
  va_end(ap);
  return result;
}

static void printf_appends(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_add_printf(b, "%s-%d", "x", 42));
  SEE(evbuffer_add_printf(b, "%s", ""));
  SEE(vprintf_through(b, "|%05d|", 7));
  SEE_BUF(b);
  SEE(evbuffer_add_printf(b, "%0*d", 5000, 1));
  SEE(evbuffer_get_length(b));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void printf_across_chain_end(void) {
  struct evbuffer* b = evbuffer_new();
  int i, total = 0;
  for (i = 0; i < 300; ++i) total += evbuffer_add_printf(b, "line %d\n", i);
  SEE(total);
  SEE_BUF(b);
  evbuffer_free(b);
}

static void expand_gives_room(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[1];
  SEE(evbuffer_expand(b, 5000));
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_reserve_space(b, 5000, v, 1));
  SEE(v[0].iov_len >= 5000);
  evbuffer_add(b, "abc", 3);
  SEE(evbuffer_expand(b, 10000));
  SEE_BUF(b);
  SEE(evbuffer_expand(b, 0));
  evbuffer_free(b);
}

static void huge_sizes_are_refused(void) {
  struct evbuffer* b = chained_buffer("abc", NULL);
  struct evbuffer_iovec v[2];
  SEE(evbuffer_expand(b, SIZE_MAX));
  SEE(evbuffer_expand(b, SIZE_MAX - 1));
  SEE(evbuffer_expand(b, (size_t)EV_SSIZE_MAX));
  SEE(evbuffer_expand(b, (size_t)EV_SSIZE_MAX + 1));
  SEE(evbuffer_add(b, "x", SIZE_MAX));
  SEE(evbuffer_add(b, "x", (size_t)EV_SSIZE_MAX));
  SEE(evbuffer_prepend(b, "x", SIZE_MAX));
  SEE(evbuffer_prepend(b, "x", (size_t)EV_SSIZE_MAX));
  SEE(evbuffer_reserve_space(b, (ev_ssize_t)EV_SSIZE_MAX, v, 1));
  SEE(evbuffer_reserve_space(b, (ev_ssize_t)EV_SSIZE_MAX, v, 2));
  SEE_BUF(b);
  SEE_NULL(evbuffer_pullup(b, (ev_ssize_t)EV_SSIZE_MAX));
  evbuffer_free(b);
}

static void huge_counts_when_taking(void) {
  struct evbuffer *b = chained_buffer("abc", "def", NULL), *to = evbuffer_new();
  char out[8];
  struct evbuffer_iovec v[4];
  SEE(evbuffer_copyout(b, out, 6));
  SEE(evbuffer_peek(b, EV_SSIZE_MAX, NULL, v, 4));
  SEE(evbuffer_remove_buffer(b, to, (size_t)INT_MAX + 1));
  SEE_BUF(to);
  evbuffer_free(b), evbuffer_free(to);
}

static void add_iovec_appends_each(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[3];
  v[0].iov_base = (void*)"abc", v[0].iov_len = 3;
  v[1].iov_base = NULL, v[1].iov_len = 0;
  v[2].iov_base = (void*)"defg", v[2].iov_len = 4;
  SEE(evbuffer_add_iovec(b, v, 3));
  SEE_BUF(b);
  SEE(evbuffer_add_iovec(b, v, 0));
  SEE(evbuffer_add_iovec(b, v, 1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static int released;
static void release(const void* data, size_t length, void* arg) {
  released++;
  obs("released \"%.*s\", %s", (int)length, (const char*)data, (const char*)arg);
}

static void reference_is_released_when_drained(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_add_reference(b, "hello", 5, release, (void*)"first"));
  SEE(evbuffer_add_reference(b, "world", 5, release, (void*)"second"));
  SEE(evbuffer_drain(b, 4));
  SEE(released);
  SEE(evbuffer_drain(b, 1));
  SEE(released);
  SEE_BUF(b);
  evbuffer_free(b);
  SEE(released);
}

static void count_release(const void* data, size_t length, void* arg) {
  (void)data, (void)length, (void)arg;
  ++released;
}

/* Whether the memory is given back at once or later is the library's business. */
static void reference_of_zero_bytes(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_add_reference(b, "x", 0, count_release, NULL));
  SEE(evbuffer_get_length(b));
  SEE(evbuffer_add(b, "abc", 3));
  SEE_BUF(b);
  SEE(evbuffer_drain(b, 3));
  evbuffer_free(b);
  SEE(released);
}

static void reference_moves_with_its_chain(void) {
  struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
  evbuffer_add_reference(a, "moved", 5, release, (void*)"reference");
  evbuffer_add_buffer(b, a);
  evbuffer_free(a);
  SEE(released);
  SEE_BUF(b);
  evbuffer_free(b);
  SEE(released);
}

static void reference_is_not_written_to(void) {
  static char memory[8] = "abc";
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_reference(b, memory, 3, NULL, NULL);
  evbuffer_add(b, "def", 3);
  evbuffer_prepend(b, "x", 1);
  SEE_BUF(b);
  see_bytes("memory", memory, sizeof(memory));
  evbuffer_free(b);
}

static void reference_pulled_up_is_released(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add(b, "start ", 6);
  evbuffer_add_reference(b, "middle", 6, release, (void*)"reference");
  evbuffer_add(b, " end", 4);
  see_bytes("all", evbuffer_pullup(b, -1), 16);
  SEE(released);
  evbuffer_free(b);
}

static void byte_by_byte(void) {
  struct evbuffer* b = evbuffer_new();
  unsigned long sum = 0;
  int i;
  char c = 0;
  for (i = 0; i < 20000; ++i) {
    c = (char)i;
    evbuffer_add(b, &c, 1);
  }
  SEE(evbuffer_get_length(b));
  while (evbuffer_remove(b, &c, 1) == 1) sum = sum * 31 + (unsigned char)c;
  obs("sum %lu", sum & 0xffffffff);
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

const struct conf_case conf_cases[] = {CASE(empty_buffer),
                                       CASE(add_and_remove),
                                       CASE(add_null_with_zero_length),
                                       CASE(drain_parts),
                                       CASE(copyout_leaves_content),
                                       CASE(copyout_from_a_position),
                                       CASE(prepend_in_front),
                                       CASE(prepend_more_than_one_chain),
                                       CASE(prepend_before_reference),
                                       CASE(add_buffer_moves_everything),
                                       CASE(prepend_buffer_moves_everything),
                                       CASE(remove_buffer_moves_a_part),
                                       CASE(large_content_survives_moves),
                                       CASE(pullup_makes_contiguous),
                                       CASE(printf_appends),
                                       CASE(printf_across_chain_end),
                                       CASE(expand_gives_room),
                                       CASE(huge_sizes_are_refused),
                                       CASE(huge_counts_when_taking),
                                       CASE(add_iovec_appends_each),
                                       CASE(reference_is_released_when_drained),
                                       CASE(reference_of_zero_bytes),
                                       CASE(reference_moves_with_its_chain),
                                       CASE(reference_is_not_written_to),
                                       CASE(reference_pulled_up_is_released),
                                       CASE(byte_by_byte),
                                       CASES_END};
