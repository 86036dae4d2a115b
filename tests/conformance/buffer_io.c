/* evbuffer on descriptors: reading, writing, limits, end of file, would-block, errors. */
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static void nonblocking_pipe(int p[2]) {
  if (pipe(p) != 0) abort();
  evutil_make_socket_nonblocking(p[0]);
  evutil_make_socket_nonblocking(p[1]);
}

static void read_what_is_there(void) {
  struct evbuffer* b = evbuffer_new();
  int p[2];
  nonblocking_pipe(p);
  SEE(write(p[1], "hello world", 11));
  SEE(evbuffer_read(b, p[0], 5));
  SEE_BUF(b);
  SEE(evbuffer_read(b, p[0], 100));
  SEE_BUF(b);
  errno = 0;
  SEE(evbuffer_read(b, p[0], 100));
  SEE_STR(errno_name(errno));
  close(p[1]);
  SEE(evbuffer_read(b, p[0], 100));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void read_with_negative_limit(void) {
  struct evbuffer* b = evbuffer_new();
  int p[2];
  nonblocking_pipe(p);
  SEE(write(p[1], "0123456789", 10));
  SEE(evbuffer_read(b, p[0], -1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void read_from_socket(void) {
  struct evbuffer* b = evbuffer_new();
  evutil_socket_t sv[2];
  tcp_pair(sv);
  errno = 0;
  SEE(evbuffer_read(b, sv[0], 100));
  SEE_STR(errno_name(errno));
  SEE(send(sv[1], "abc", 3, 0));
  SEE(evbuffer_read(b, sv[0], 100));
  shutdown(sv[1], SHUT_WR);
  SEE(evbuffer_read(b, sv[0], 100));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void read_bad_descriptor(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_read(b, -1, 100));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void read_directory_fails(void) {
  struct evbuffer* b = evbuffer_new();
  int fd = open("/", O_RDONLY);
  evbuffer_add(b, "kept", 4);
  SEE(evbuffer_read(b, fd, 100));
  SEE_BUF(b);
  evbuffer_free(b);
  close(fd);
}

static void read_appends_to_reference(void) {
  struct evbuffer* b = chained_buffer("constant ", NULL);
  int p[2];
  nonblocking_pipe(p);
  SEE(write(p[1], "data", 4));
  SEE(evbuffer_read(b, p[0], 100));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void write_all_of_it(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  char out[16];
  int p[2];
  nonblocking_pipe(p);
  SEE(evbuffer_write(b, p[1]));
  SEE(evbuffer_get_length(b));
  see_bytes("out", out, (size_t)read(p[0], out, sizeof(out)));
  evbuffer_free(b);
}

static void write_empty_buffer(void) {
  struct evbuffer* b = evbuffer_new();
  int p[2];
  nonblocking_pipe(p);
  SEE(evbuffer_write(b, p[1]));
  SEE(evbuffer_write_atmost(b, p[1], 10));
  evbuffer_free(b);
}

static void write_atmost_limits(void) {
  struct evbuffer* b = chained_buffer("abc", "def", "ghi", NULL);
  int p[2];
  nonblocking_pipe(p);
  SEE(evbuffer_write_atmost(b, p[1], 0));
  SEE(evbuffer_write_atmost(b, p[1], 2));
  SEE_BUF(b);
  SEE(evbuffer_write_atmost(b, p[1], 3));
  SEE_BUF(b);
  SEE(evbuffer_write_atmost(b, p[1], -1));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void write_atmost_more_than_there_is(void) {
  struct evbuffer* b = chained_buffer("abc", "def", NULL);
  int p[2];
  nonblocking_pipe(p);
  SEE(evbuffer_write_atmost(b, p[1], 1000));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void write_to_full_pipe(void) {
  struct evbuffer* b = patterned_buffer(1000000);
  size_t total = 0;
  int p[2], n, rounds = 0;
  nonblocking_pipe(p);
  while ((n = evbuffer_write(b, p[1])) > 0 && rounds < 100) {
    total += (size_t)n;
    ++rounds;
  }
  SEE(n);
  SEE_STR(errno_name(errno));
  SEE(total);
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void write_to_closed_pipe(void) {
  struct evbuffer* b = chained_buffer("abc", NULL);
  int p[2];
  nonblocking_pipe(p);
  close(p[0]);
  SEE(evbuffer_write(b, p[1]));
  SEE_STR(errno_name(errno));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void write_bad_descriptor(void) {
  struct evbuffer* b = chained_buffer("abc", NULL);
  SEE(evbuffer_write(b, -1));
  SEE_STR(errno_name(errno));
  SEE_BUF(b);
  evbuffer_free(b);
}

static void large_transfer_keeps_content(void) {
  struct evbuffer *out = patterned_buffer(300000), *in = evbuffer_new();
  evutil_socket_t sv[2];
  int rounds = 0, r = 0, w = 0;
  unix_pair(sv);
  SEE_BUF(out);
  while ((evbuffer_get_length(out) || r > 0) && rounds++ < 100000) {
    if (evbuffer_get_length(out)) w = evbuffer_write(out, sv[0]);
    r = evbuffer_read(in, sv[1], 7000);
    if (w < 0 && r < 0 && errno != EAGAIN) break;
  }
  SEE_BUF(in);
  evbuffer_free(out), evbuffer_free(in);
}

static void many_small_chains_in_one_write(void) {
  struct evbuffer* b = evbuffer_new();
  size_t total = 0;
  int p[2], i, n;
  nonblocking_pipe(p);
  for (i = 0; i < 500; ++i) evbuffer_add_reference(b, "0123456789", 10, NULL, NULL);
  SEE(evbuffer_get_length(b));
  while ((n = evbuffer_write(b, p[1])) > 0) total += (size_t)n;
  SEE(total);
  evbuffer_free(b);
}

/* Files: a file of 26 letters, mapped or sent. */
static int letters_file(void) {
  char name[] = "/tmp/conformanceXXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  if (write(fd, "abcdefghijklmnopqrstuvwxyz", 26) != 26) abort();
  return fd;
}

static void send_through_pipe(struct evbuffer* b) {
  char out[64];
  evutil_socket_t sv[2];
  ssize_t n;
  unix_pair(sv);
  while (evbuffer_get_length(b) && evbuffer_write(b, sv[0]) > 0) continue;
  n = read(sv[1], out, sizeof(out));
  see_bytes("sent", out, n > 0 ? (size_t)n : 0);
  SEE(evbuffer_get_length(b));
  close(sv[0]), close(sv[1]);
}

static void add_file_whole_and_part(void) {
  struct evbuffer* b = evbuffer_new();
  int fd = letters_file();
  SEE(evbuffer_add_file(b, fd, 0, 26));
  SEE(evbuffer_get_length(b));
  SEE(fcntl(fd, F_GETFD) >= 0);
  send_through_pipe(b);
  obs("descriptor closed: %d", fcntl(fd, F_GETFD) < 0);
  fd = letters_file();
  SEE(evbuffer_add_file(b, fd, 3, 4));
  send_through_pipe(b);
  evbuffer_free(b);
}

static void add_file_between_bytes(void) {
  struct evbuffer* b = evbuffer_new();
  evbuffer_add(b, "<", 1);
  SEE(evbuffer_add_file(b, letters_file(), 1, 3));
  evbuffer_add(b, ">", 1);
  SEE(evbuffer_get_length(b));
  send_through_pipe(b);
  evbuffer_free(b);
}

static void add_file_impossible(void) {
  struct evbuffer* b = evbuffer_new();
  int fd = letters_file();
  SEE(evbuffer_add_file(b, -1, 0, 10));
  SEE(evbuffer_add_file(b, fd, -1, 10));
  evbuffer_freeze(b, 0);
  SEE(evbuffer_add_file(b, letters_file(), 0, 10));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void cleanup(const struct evbuffer_file_segment* segment, int flags, void* arg) {
  (void)segment;
  obs("cleanup of %s, flags 0x%x", (const char*)arg, (unsigned)flags);
}

static void segment_with_flags(unsigned flags) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_file_segment* segment;
  int fd = letters_file();
  segment = evbuffer_file_segment_new(fd, 2, 10, flags);
  SEE_NULL(segment);
  evbuffer_file_segment_add_cleanup_cb(segment, cleanup, (void*)"segment");
  SEE(evbuffer_add_file_segment(b, segment, 0, 5));
  SEE(evbuffer_add_file_segment(b, segment, 5, -1));
  SEE(evbuffer_get_length(b));
  evbuffer_file_segment_free(segment);
  obs("own reference dropped, closed: %d", fcntl(fd, F_GETFD) < 0);
  send_through_pipe(b);
  obs("closed: %d", fcntl(fd, F_GETFD) < 0);
  evbuffer_free(b);
}

static void segment_default(void) { segment_with_flags(0); }
static void segment_close_on_free(void) { segment_with_flags(EVBUF_FS_CLOSE_ON_FREE); }
static void segment_without_mmap(void) {
  segment_with_flags(EVBUF_FS_CLOSE_ON_FREE | EVBUF_FS_DISABLE_MMAP);
}
static void segment_without_sendfile(void) {
  segment_with_flags(EVBUF_FS_CLOSE_ON_FREE | EVBUF_FS_DISABLE_SENDFILE);
}
static void segment_without_both(void) {
  segment_with_flags(EVBUF_FS_CLOSE_ON_FREE | EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP);
}
static void segment_without_locking(void) { segment_with_flags(EVBUF_FS_DISABLE_LOCKING); }

static void segment_to_end_of_file(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_file_segment* segment = evbuffer_file_segment_new(letters_file(), 20, -1, 0);
  SEE_NULL(segment);
  SEE(evbuffer_add_file_segment(b, segment, 1, -1));
  SEE(evbuffer_get_length(b));
  send_through_pipe(b);
  evbuffer_file_segment_free(segment);
  evbuffer_free(b);
}

static void segment_range_error(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_add_file_segment(b, evbuffer_file_segment_new(letters_file(), 0, 26, 0), 27, -1));
  SEE(evbuffer_add_file_segment(b, evbuffer_file_segment_new(letters_file(), 0, 26, 0), 20, 7));
  SEE(evbuffer_get_length(b));
  evbuffer_free(b);
}

static void segment_survives_range_errors(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_file_segment* segment = evbuffer_file_segment_new(letters_file(), 0, 26, 0);
  SEE(evbuffer_add_file_segment(b, segment, 27, -1));
  SEE(evbuffer_add_file_segment(b, segment, 20, 7));
  SEE(evbuffer_add_file_segment(b, segment, 20, 6));
  SEE(evbuffer_get_length(b));
  evbuffer_file_segment_free(segment);
  evbuffer_free(b);
}

static void segment_content_is_readable_when_mapped(void) {
  struct evbuffer* b = evbuffer_new();
  struct evbuffer_file_segment* segment =
      evbuffer_file_segment_new(letters_file(), 0, 26, EVBUF_FS_DISABLE_SENDFILE);
  char out[8];
  SEE(evbuffer_add_file_segment(b, segment, 4, 6));
  SEE(evbuffer_copyout(b, out, 3));
  see_bytes("out", out, 3);
  SEE(evbuffer_drain(b, 2));
  SEE(evbuffer_remove(b, out, 4));
  see_bytes("out", out, 4);
  evbuffer_file_segment_free(segment);
  evbuffer_free(b);
}

static void segment_shared_by_two_buffers(void) {
  struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
  struct evbuffer_file_segment* segment =
      evbuffer_file_segment_new(letters_file(), 0, 26, EVBUF_FS_CLOSE_ON_FREE);
  evbuffer_file_segment_add_cleanup_cb(segment, cleanup, (void*)"shared");
  SEE(evbuffer_add_file_segment(a, segment, 0, 3));
  SEE(evbuffer_add_file_segment(b, segment, 3, 3));
  evbuffer_file_segment_free(segment);
  send_through_pipe(a);
  evbuffer_free(a);
  obs("first buffer is gone");
  send_through_pipe(b);
  evbuffer_free(b);
}

static void drains_to_fd_flag_with_file(void) {
  struct evbuffer* b = evbuffer_new();
  SEE(evbuffer_set_flags(b, EVBUFFER_FLAG_DRAINS_TO_FD));
  SEE(evbuffer_add_file(b, letters_file(), 5, 5));
  SEE(evbuffer_write_atmost(b, -1, 5));
  send_through_pipe(b);
  evbuffer_free(b);
}

const struct conf_case conf_cases[] = {
    CASE(read_what_is_there),
    CASE(read_with_negative_limit),
    CASE(read_from_socket),
    CASE(read_bad_descriptor),
    CASE(read_directory_fails),
    CASE(read_appends_to_reference),
    CASE(write_all_of_it),
    CASE(write_empty_buffer),
    CASE(write_atmost_limits),
    CASE(write_atmost_more_than_there_is),
    CASE(write_to_full_pipe),
    CASE(write_to_closed_pipe),
    CASE(write_bad_descriptor),
    CASE(large_transfer_keeps_content),
    CASE(many_small_chains_in_one_write),
    CASE(add_file_whole_and_part),
    CASE(add_file_between_bytes),
    CASE(add_file_impossible),
    CASE(segment_default),
    CASE(segment_close_on_free),
    CASE(segment_without_mmap),
    CASE(segment_without_sendfile),
    CASE(segment_without_both),
    CASE(segment_without_locking),
    EXCEPTION(segment_to_end_of_file, "better: stock counts from the start of the file",
              "segment = not NULL\n"
              "evbuffer_add_file_segment(b, segment, 1, -1) = 0\n"
              "evbuffer_get_length(b) = 5\n"
              "sent = \"vwxyz\"\n"
              "evbuffer_get_length(b) = 0"),
    CASE(segment_range_error),
    EXCEPTION(segment_survives_range_errors, "better: stock drops the caller's reference on error",
              "evbuffer_add_file_segment(b, segment, 27, -1) = -1\n"
              "evbuffer_add_file_segment(b, segment, 20, 7) = -1\n"
              "evbuffer_add_file_segment(b, segment, 20, 6) = 0\n"
              "evbuffer_get_length(b) = 6"),
    CASE(segment_content_is_readable_when_mapped),
    CASE(segment_shared_by_two_buffers),
    CASE(drains_to_fd_flag_with_file),
    CASES_END};
