/* evconnlistener: options, callbacks, errors, life cycle. */
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int accepted, errors;
static evutil_socket_t last_fd = -1;

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* arg) {
  int flags = fcntl(fd, F_GETFL), fdflags = fcntl(fd, F_GETFD);
  (void)listener;
  ++accepted;
  last_fd = fd;
  obs("%s: family %s, length %d, nonblocking %d, close-on-exec %d", (const char*)arg,
      address->sa_family == AF_INET   ? "inet"
      : address->sa_family == AF_UNIX ? "unix"
                                      : "other",
      address->sa_family == AF_INET ? length : 0, !!(flags & O_NONBLOCK), !!(fdflags & FD_CLOEXEC));
}

static void on_error(struct evconnlistener* listener, void* arg) {
  ++errors;
  obs("%s: error callback, errno %s", (const char*)arg,
      EVUTIL_SOCKET_ERROR() == EMFILE ? "EMFILE" : errno_name(EVUTIL_SOCKET_ERROR()));
  evconnlistener_disable(listener);
}

static struct sockaddr_in any_port(void) {
  struct sockaddr_in sin;
  memset(&sin, 0, sizeof(sin));
  sin.sin_family = AF_INET;
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sin;
}

static struct evconnlistener* bound(unsigned flags, int backlog) {
  struct sockaddr_in sin = any_port();
  if (!base) base = event_base_new();
  return evconnlistener_new_bind(base, on_accept, (void*)"listener", flags, backlog,
                                 (struct sockaddr*)&sin, sizeof(sin));
}

static int connect_to(struct evconnlistener* listener) {
  struct sockaddr_storage address;
  socklen_t length = sizeof(address);
  int fd;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&address, &length);
  fd = socket(address.ss_family, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&address, length) != 0) obs("connect failed");
  return fd;
}

static void accepts_connections(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1);
  SEE_NULL(listener);
  SEE(evconnlistener_get_base(listener) == base);
  SEE(evconnlistener_get_fd(listener) >= 0);
  connect_to(listener);
  SEE(run_until(base, &accepted, 1));
  connect_to(listener), connect_to(listener);
  SEE(run_until(base, &accepted, 3));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void with_options(unsigned flags) {
  struct evconnlistener* listener = bound(flags, 10);
  int fd, value = 0;
  socklen_t size = sizeof(value);
  SEE_NULL(listener);
  fd = evconnlistener_get_fd(listener);
  getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &size);
  obs("reuse address %d", value);
  getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, &size);
  obs("reuse port %d", value);
  getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size);
  obs("keepalive %d", value);
  obs("listener nonblocking %d, close-on-exec %d", !!(fcntl(fd, F_GETFL) & O_NONBLOCK),
      !!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
  connect_to(listener);
  SEE(run_until(base, &accepted, flags & LEV_OPT_DISABLED ? 0 : 1));
  evconnlistener_free(listener);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  obs("listener closed %d", fcntl(fd, F_GETFD) < 0);
  event_base_free(base);
}

static void no_options(void) { with_options(0); }
static void option_close_on_free(void) { with_options(LEV_OPT_CLOSE_ON_FREE); }
static void option_close_on_exec(void) { with_options(LEV_OPT_CLOSE_ON_EXEC); }
static void option_leave_sockets_blocking(void) { with_options(LEV_OPT_LEAVE_SOCKETS_BLOCKING); }
static void option_reuseable(void) { with_options(LEV_OPT_REUSEABLE); }
static void option_reuseable_port(void) { with_options(LEV_OPT_REUSEABLE_PORT); }
static void option_bind_ipv6only_on_ipv4(void) { SEE_NULL(bound(LEV_OPT_BIND_IPV6ONLY, 10)); }
static void option_disable(void) { with_options(LEV_OPT_DISABLED); }
static void options_together(void) {
  with_options(LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE |
               LEV_OPT_LEAVE_SOCKETS_BLOCKING);
}

static void option_deferred_accept(void) {
  struct evconnlistener* listener = bound(LEV_OPT_DEFERRED_ACCEPT | LEV_OPT_CLOSE_ON_FREE, 10);
  int fd;
  SEE_NULL(listener);
  fd = connect_to(listener);
  run_for(base, 30);
  SEE(accepted);
  SEE(write(fd, "x", 1));
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void option_threadsafe_without_threads(void) {
  struct evconnlistener* listener = bound(LEV_OPT_THREADSAFE, 10);
  SEE_NULL(listener);
}

static void disable_and_enable(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  SEE(evconnlistener_disable(listener));
  SEE(evconnlistener_disable(listener));
  connect_to(listener);
  run_for(base, 20);
  SEE(accepted);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(evconnlistener_enable(listener));
  SEE(evconnlistener_enable(listener));
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void created_disabled_then_enabled(void) {
  struct evconnlistener* listener = bound(LEV_OPT_DISABLED | LEV_OPT_CLOSE_ON_FREE, 10);
  connect_to(listener);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(accepted);
  SEE(evconnlistener_enable(listener));
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void no_callback_means_disabled(void) {
  struct sockaddr_in sin = any_port();
  struct evconnlistener* listener;
  base = event_base_new();
  listener = evconnlistener_new_bind(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 10,
                                     (struct sockaddr*)&sin, sizeof(sin));
  SEE_NULL(listener);
  connect_to(listener);
  run_for(base, 20);
  SEE(accepted);
  evconnlistener_set_cb(listener, on_accept, (void*)"late");
  SEE(run_until(base, &accepted, 1));
  evconnlistener_set_cb(listener, NULL, NULL);
  connect_to(listener);
  run_for(base, 20);
  SEE(accepted);
  evconnlistener_free(listener);
  event_base_free(base);
}

static void callback_can_be_changed(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  evconnlistener_set_cb(listener, on_accept, (void*)"second");
  connect_to(listener);
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void free_inside(struct evconnlistener* listener, evutil_socket_t fd,
                        struct sockaddr* address, int length, void* arg) {
  on_accept(listener, fd, address, length, arg);
  evconnlistener_free(listener);
}

static void freed_in_accept_callback(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  int fd = evconnlistener_get_fd(listener);
  evconnlistener_set_cb(listener, free_inside, (void*)"listener");
  connect_to(listener), connect_to(listener);
  SEE(event_base_loop(base, 0));
  SEE(accepted);
  SEE(fcntl(fd, F_GETFD) < 0);
  event_base_free(base);
}

static void disable_inside(struct evconnlistener* listener, evutil_socket_t fd,
                           struct sockaddr* address, int length, void* arg) {
  on_accept(listener, fd, address, length, arg);
  evconnlistener_disable(listener);
}

static void disabled_in_accept_callback(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  evconnlistener_set_cb(listener, disable_inside, (void*)"listener");
  connect_to(listener), connect_to(listener);
  SEE(event_base_loop(base, 0));
  SEE(accepted);
  evconnlistener_set_cb(listener, on_accept, (void*)"again");
  SEE(evconnlistener_enable(listener));
  SEE(run_until(base, &accepted, 2));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void error_callback_when_descriptors_run_out(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  struct rlimit limit;
  int fd = connect_to(listener);
  evconnlistener_set_error_cb(listener, on_error);
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = (rlim_t)fd + 1;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (open("/dev/null", O_RDONLY) >= 0) continue;
  SEE(event_base_loop(base, 0));
  SEE(errors);
  SEE(accepted);
  evconnlistener_free(listener);
  event_base_free(base);
}

static void new_with_listening_socket(void) {
  struct evconnlistener* listener;
  struct sockaddr_storage address;
  int length;
  evutil_socket_t fd = listening_socket(&address, &length);
  evutil_make_socket_nonblocking(fd);
  base = event_base_new();
  listener = evconnlistener_new(base, on_accept, (void*)"own socket", LEV_OPT_CLOSE_ON_FREE, 0, fd);
  SEE_NULL(listener);
  SEE(evconnlistener_get_fd(listener) == fd);
  connect_to(listener);
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  event_base_free(base);
}

static void new_calls_listen(int backlog) {
  struct evconnlistener* listener;
  struct sockaddr_in sin = any_port();
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), listening = -1;
  socklen_t size = sizeof(listening);
  SEE(bind(fd, (struct sockaddr*)&sin, sizeof(sin)));
  base = event_base_new();
  listener = evconnlistener_new(base, on_accept, (void*)"x", LEV_OPT_CLOSE_ON_FREE, backlog, fd);
  SEE_NULL(listener);
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
  SEE(listening);
}

static void new_with_positive_backlog(void) { new_calls_listen(5); }
static void new_with_negative_backlog(void) { new_calls_listen(-1); }
static void new_with_zero_backlog(void) { new_calls_listen(0); }

static void new_with_socket_that_cannot_listen(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  base = event_base_new();
  SEE_NULL(evconnlistener_new(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 5, fd));
  obs("closed %d", fcntl(fd, F_GETFD) < 0);
  event_base_free(base);
}

static void bind_fails(void) {
  struct evconnlistener* first = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  struct sockaddr_storage address;
  socklen_t length = sizeof(address);
  getsockname(evconnlistener_get_fd(first), (struct sockaddr*)&address, &length);
  SEE_NULL(evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 10,
                                   (struct sockaddr*)&address, (int)length));
  SEE_NULL(evconnlistener_new_bind(base, on_accept, NULL, 0, 0, (struct sockaddr*)&address,
                                   (int)length));
  evconnlistener_free(first);
  event_base_free(base);
}

static void bind_with_zero_backlog(void) { SEE_NULL(bound(LEV_OPT_CLOSE_ON_FREE, 0)); }

static void unix_domain(void) {
  struct evconnlistener* listener;
  struct sockaddr_un sun;
  char directory[] = "/tmp/conformanceXXXXXX";
  SEE(mkdtemp(directory) != NULL);
  memset(&sun, 0, sizeof(sun));
  sun.sun_family = AF_UNIX;
  snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", directory);
  base = event_base_new();
  listener = evconnlistener_new_bind(base, on_accept, (void*)"unix", LEV_OPT_CLOSE_ON_FREE, -1,
                                     (struct sockaddr*)&sun, sizeof(sun));
  SEE_NULL(listener);
  connect_to(listener);
  SEE(run_until(base, &accepted, 1));
  evconnlistener_free(listener);
  unlink(sun.sun_path);
  rmdir(directory);
  event_base_free(base);
}

static void ipv6_only(void) {
  struct evconnlistener* listener;
  struct sockaddr_in6 sin6;
  int value = -1;
  socklen_t size = sizeof(value);
  memset(&sin6, 0, sizeof(sin6));
  sin6.sin6_family = AF_INET6;
  base = event_base_new();
  listener =
      evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_BIND_IPV6ONLY | LEV_OPT_CLOSE_ON_FREE,
                              10, (struct sockaddr*)&sin6, sizeof(sin6));
  if (listener) {
    getsockopt(evconnlistener_get_fd(listener), IPPROTO_IPV6, IPV6_V6ONLY, &value, &size);
    evconnlistener_free(listener);
  }
  SEE(value);
  event_base_free(base);
}

static void listener_keeps_the_loop_alive(void) {
  struct evconnlistener* listener = bound(LEV_OPT_CLOSE_ON_FREE, 10);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  evconnlistener_free(listener);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_base_free(base);
}

const struct conf_case conf_cases[] = {CASE(accepts_connections),
                                       CASE(no_options),
                                       CASE(option_close_on_free),
                                       CASE(option_close_on_exec),
                                       CASE(option_leave_sockets_blocking),
                                       CASE(option_reuseable),
                                       CASE(option_reuseable_port),
                                       CASE(option_bind_ipv6only_on_ipv4),
                                       CASE(option_disable),
                                       CASE(options_together),
                                       CASE(option_deferred_accept),
                                       CASE(option_threadsafe_without_threads),
                                       CASE(disable_and_enable),
                                       CASE(created_disabled_then_enabled),
                                       CASE(no_callback_means_disabled),
                                       CASE(callback_can_be_changed),
                                       CASE(freed_in_accept_callback),
                                       CASE(disabled_in_accept_callback),
                                       CASE(error_callback_when_descriptors_run_out),
                                       CASE(new_with_listening_socket),
                                       CASE(new_with_positive_backlog),
                                       CASE(new_with_negative_backlog),
                                       CASE(new_with_zero_backlog),
                                       CASE(new_with_socket_that_cannot_listen),
                                       CASE(bind_fails),
                                       CASE(bind_with_zero_backlog),
                                       CASE(unix_domain),
                                       CASE(ipv6_only),
                                       CASE(listener_keeps_the_loop_alive),
                                       CASES_END};
