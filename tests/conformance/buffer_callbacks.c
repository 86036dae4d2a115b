/* evbuffer callbacks: what each operation reports, flags, deferral, removal from inside. */
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static void log_info(struct evbuffer* b, const struct evbuffer_cb_info* info, void* arg) {
  obs("%s: had %zu, added %zu, deleted %zu, has %zu", (const char*)arg, info->orig_size,
      info->n_added, info->n_deleted, evbuffer_get_length(b));
}

static void log_old(struct evbuffer* b, size_t before, size_t after, void* arg) {
  obs("%s: %zu to %zu, has %zu", (const char*)arg, before, after, evbuffer_get_length(b));
}

static void single_operations(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_iovec v[2];
  char out[4];
  SEE_NULL(evbuffer_add_cb(b, log_info, (void*)"cb"));
  SEE(evbuffer_add(b, "hello", 5));
  SEE(evbuffer_add(b, "", 0));
  SEE(evbuffer_prepend(b, "xy", 2));
  SEE(evbuffer_drain(b, 3));
  SEE(evbuffer_drain(b, 0));
  SEE(evbuffer_remove(b, out, 2));
  SEE(evbuffer_copyout(b, out, 1));
  SEE(evbuffer_add_printf(b, "%s", "printf"));
  SEE(evbuffer_add_reference(b, "ref", 3, NULL, NULL));
  SEE(evbuffer_pullup(b, -1) != NULL);
  SEE(evbuffer_expand(b, 5000));
  SEE(evbuffer_reserve_space(b, 10, v, 1));
  v[0].iov_len = 4;
  memcpy(v[0].iov_base, "resv", 4);
  SEE(evbuffer_commit_space(b, v, 1));
  SEE(evbuffer_drain(b, 1000));
  SEE(evbuffer_drain(b, 1000));
  evbuffer_free(b);
}

static void moving_between_buffers(void) {
  struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
  evbuffer_add(a, "abcdef", 6);
  evbuffer_add(b, "123", 3);
  evbuffer_add_cb(a, log_info, (void*)"a");
  evbuffer_add_cb(b, log_info, (void*)"b");
  SEE(evbuffer_remove_buffer(a, b, 2));
  SEE(evbuffer_add_buffer(b, a));
  SEE(evbuffer_prepend_buffer(a, b));
  SEE(evbuffer_add_buffer(a, b));
  SEE(evbuffer_add_buffer_reference(b, a));
  evbuffer_free(a), evbuffer_free(b);
}

static void reading_and_writing(void) {
  struct evbuffer* b = evbuffer_new();
  int p[2];
  SEE(pipe(p));
  evbuffer_add_cb(b, log_info, (void*)"cb");
  SEE(evbuffer_add(b, "0123456789", 10));
  SEE(evbuffer_write_atmost(b, p[1], 4));
  SEE(evbuffer_write(b, p[1]));
  SEE(evbuffer_read(b, p[0], 6));
  SEE(evbuffer_read(b, p[0], 100));
  evbuffer_free(b);
}

static void readln_reports_line_and_terminator(void) {
  static const char* texts[] = {"line\r\nrest", "line\n\r\nrest", "\nrest"};
  size_t i;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    struct evbuffer* b = evbuffer_new();
    char* line;
    evbuffer_add(b, texts[i], strlen(texts[i]));
    evbuffer_add_cb(b, log_info, (void*)"cb");
    line = evbuffer_readln(b, NULL, EVBUFFER_EOL_ANY);
    SEE_STR(line);
    free(line);
    evbuffer_free(b);
  }
}

static void several_callbacks_run_newest_first(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"first");
  evbuffer_add_cb(b, log_info, (void*)"second");
  evbuffer_add_cb(b, log_info, (void*)"third");
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_free(b);
}

static void removing_by_entry_and_by_function(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_cb_entry* entry = evbuffer_add_cb(b, log_info, (void*)"entry");
  evbuffer_add_cb(b, log_info, (void*)"function");
  SEE(evbuffer_remove_cb_entry(b, entry));
  SEE(evbuffer_add(b, "a", 1));
  SEE(evbuffer_remove_cb(b, log_info, (void*)"unknown argument"));
  SEE(evbuffer_add(b, "a", 1));
  SEE(evbuffer_remove_cb(b, log_info, (void*)"function"));
  SEE(evbuffer_add(b, "a", 1));
  evbuffer_free(b);
}

static void disabling_and_enabling(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_cb_entry* entry = evbuffer_add_cb(b, log_info, (void*)"cb");
  SEE(evbuffer_cb_clear_flags(b, entry, EVBUFFER_CB_ENABLED));
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_cb_set_flags(b, entry, EVBUFFER_CB_ENABLED));
  SEE(evbuffer_add(b, "d", 1));
  evbuffer_free(b);
}

static void old_callback(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_setcb(b, log_old, (void*)"old");
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_drain(b, 2));
  evbuffer_setcb(b, log_old, (void*)"replaced");
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_setcb(b, NULL, NULL);
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_free(b);
}

static void old_callback_replaces_new_ones(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"new");
  evbuffer_setcb(b, log_old, (void*)"old");
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_free(b);
}

static struct evbuffer_cb_entry* self_entry;
static void remove_self(struct evbuffer* b, const struct evbuffer_cb_info* info, void* arg) {
  log_info(b, info, arg);
  SEE(evbuffer_remove_cb_entry(b, self_entry));
}

static void callback_removes_itself(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"other");
  self_entry = evbuffer_add_cb(b, remove_self, (void*)"self");
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_add(b, "def", 3));
  evbuffer_free(b);
}

static int depth;
static void drain_inside(struct evbuffer* b, const struct evbuffer_cb_info* info, void* arg) {
  log_info(b, info, arg);
  if (info->n_added && ++depth < 4) SEE(evbuffer_drain(b, 1));
}

static void callback_changes_the_buffer(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, drain_inside, (void*)"drainer");
  SEE(evbuffer_add(b, "abc", 3));
  SEE_BUF(b);
  SEE(evbuffer_add(b, "def", 3));
  SEE_BUF(b);
  evbuffer_free(b);
}

static struct evbuffer* other;

static void drain_other(struct evbuffer* b, const struct evbuffer_cb_info* info, void* arg) {
  log_info(b, info, arg);
  if (evbuffer_get_length(other) >= 2) evbuffer_drain(other, 2);
}

/* Whoever hears of the one may change the other before its callbacks run: they are told of both
 * changes at once, and no size is below zero. */
static void callback_changes_the_other_buffer(void) {
  struct evbuffer *from = evbuffer_new(), *to = other = evbuffer_new();
  evbuffer_add_cb(from, drain_other, (void*)"from");
  evbuffer_add_cb(to, log_info, (void*)"to");
  evbuffer_add(from, "0123456789", 10);
  SEE(evbuffer_add_buffer(to, from));
  evbuffer_add(from, "abc", 3);
  SEE(evbuffer_prepend_buffer(to, from));
  evbuffer_add(from, "defghi", 6);
  SEE(evbuffer_remove_buffer(from, to, 100));
  SEE_BUF(to);
  other = from;
  evbuffer_add(from, "klmnop", 6);
  evbuffer_free(to);
  to = evbuffer_new();
  evbuffer_setcb(to, log_old, (void*)"old");
  SEE(evbuffer_add_buffer(to, from));
  SEE_BUF(to);
  evbuffer_free(from), evbuffer_free(to);
}

static void deferred_callbacks_merge(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"deferred");
  SEE(evbuffer_defer_callbacks(b, base));
  SEE(evbuffer_add(b, "abcdef", 6));
  SEE(evbuffer_drain(b, 2));
  SEE(evbuffer_add(b, "g", 1));
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(evbuffer_drain(b, 1));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  evbuffer_free(b);
  event_base_free(base);
}

static void deferred_callback_and_freed_buffer(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"deferred");
  evbuffer_defer_callbacks(b, base);
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_free(b);
  obs("freed");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_free(base);
}

static void late_callback_on_deferring_buffer(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_cb_entry* entry;
  evbuffer_defer_callbacks(b, base);
  evbuffer_add_cb(b, log_info, (void*)"deferred");
  entry = evbuffer_add_cb(b, log_info, (void*)"late");
  SEE(evbuffer_cb_set_flags(b, entry, EVBUFFER_CB_ENABLED));
  SEE(evbuffer_add(b, "abc", 3));
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  evbuffer_free(b);
  event_base_free(base);
}

static void callback_that_hears_of_nothing(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_defer_callbacks(b, base));
  evbuffer_add_cb(b, log_info, (void*)"removed");
  evbuffer_add(b, "x", 1);
  SEE(evbuffer_remove_cb(b, log_info, (void*)"removed"));
  evbuffer_add(b, "y", 1);
  evbuffer_add_cb(b, log_info, (void*)"late");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  evbuffer_add(b, "z", 1);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  evbuffer_free(b);
  event_base_free(base);
}

static void disabled_callback_and_deferral(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_cb_entry* entry = evbuffer_add_cb(b, log_info, (void*)"cb");
  evbuffer_defer_callbacks(b, base);
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_cb_clear_flags(b, entry, EVBUFFER_CB_ENABLED));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(evbuffer_cb_set_flags(b, entry, EVBUFFER_CB_ENABLED));
  SEE(evbuffer_add(b, "d", 1));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  evbuffer_free(b);
  event_base_free(base);
}

static void freeing_reports_nothing(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add_cb(b, log_info, (void*)"cb");
  SEE(evbuffer_add(b, "abc", 3));
  evbuffer_free(b);
  obs("freed");
}

static void failed_operations_report_nothing(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add(b, "abc", 3);
  evbuffer_add_cb(b, log_info, (void*)"cb");
  evbuffer_freeze(b, 0), evbuffer_freeze(b, 1);
  SEE(evbuffer_add(b, "abc", 3));
  SEE(evbuffer_drain(b, 1));
  SEE(evbuffer_prepend(b, "abc", 3));
  evbuffer_free(b);
}

const struct conf_case conf_cases[] = {CASE(single_operations),
                                       CASE(moving_between_buffers),
                                       CASE(reading_and_writing),
                                       CASE(readln_reports_line_and_terminator),
                                       CASE(several_callbacks_run_newest_first),
                                       CASE(removing_by_entry_and_by_function),
                                       CASE(disabling_and_enabling),
                                       CASE(old_callback),
                                       CASE(old_callback_replaces_new_ones),
                                       CASE(callback_removes_itself),
                                       CASE(callback_changes_the_buffer),
                                       CASE(callback_changes_the_other_buffer),
                                       CASE(deferred_callbacks_merge),
                                       CASE(deferred_callback_and_freed_buffer),
                                       CASE(late_callback_on_deferring_buffer),
                                       CASE(callback_that_hears_of_nothing),
                                       CASE(disabled_callback_and_deferral),
                                       CASE(freeing_reports_nothing),
                                       CASE(failed_operations_report_nothing),
                                       CASES_END};
