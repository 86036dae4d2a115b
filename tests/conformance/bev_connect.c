/* Bufferevents that connect: by address, by name, to unix sockets; refusals and lifetimes. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int reads, writes, events;
static short all_events;

static void on_read(struct bufferevent* bev, void* arg) {
  log_read(bev, arg);
  ++reads;
}

static void on_write(struct bufferevent* bev, void* arg) {
  log_write(bev, arg);
  ++writes;
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  obs("%s: %s, dns error %d", (const char*)arg, bev_names(what),
      bufferevent_socket_get_dns_error(bev) != 0);
  all_events |= what;
  ++events;
}

/* For errors of which only the fact counts, not whether they come before connect returns. */
static void note_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev, (void)arg;
  all_events |= what;
  ++events;
}

static struct bufferevent* unconnected(void) {
  struct bufferevent* bev;
  base = event_base_new();
  bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, (void*)"client");
  return bev;
}

static void teardown(struct bufferevent* bev) {
  bufferevent_free(bev);
  event_base_free(base);
}

static int ready(int fd) {
  int i, accepted;
  evutil_make_socket_nonblocking(fd);
  for (i = 0; i < 1000; ++i) {
    accepted = accept(fd, NULL, NULL);
    if (accepted >= 0 || errno != EAGAIN) return accepted;
    usleep(1000);
  }
  return -1;
}

static void connects_and_talks(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, fd;
  char out[16];
  evutil_socket_t listener = listening_socket(&address, &length);
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(events);
  SEE(bufferevent_getfd(bev) >= 0);
  SEE(run_until(base, &events, 1));
  fd = ready(listener);
  SEE(fd >= 0);
  bufferevent_enable(bev, EV_READ);
  SEE(bufferevent_write(bev, "hello", 5));
  SEE(run_until(base, &writes, 1));
  see_bytes("server got", out, (size_t)read(fd, out, sizeof(out)));
  SEE(write(fd, "answer", 6));
  SEE(run_until(base, &reads, 1));
  close(fd);
  SEE(run_until(base, &events, 2));
  teardown(bev);
}

static void written_before_connected(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, fd;
  char out[16];
  evutil_socket_t listener = listening_socket(&address, &length);
  SEE(bufferevent_write(bev, "early", 5));
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &writes, 1));
  SEE(events);
  fd = ready(listener);
  see_bytes("server got", out, (size_t)read(fd, out, sizeof(out)));
  teardown(bev);
}

static void refused_by_tcp(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length;
  refused_address(&address, &length);
  obs("connect gave %d", bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 1));
  run_for(base, 10);
  SEE(events);
  SEE(all_events & BEV_EVENT_ERROR);
  teardown(bev);
}

static void refused_with_reading_enabled_and_output(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length;
  refused_address(&address, &length);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  bufferevent_write(bev, "never", 5);
  obs("connect gave %d", bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 1));
  run_for(base, 10);
  SEE(events);
  SEE(writes);
  teardown(bev);
}

static void own_descriptor_is_connected(void) {
  struct bufferevent* bev;
  struct sockaddr_storage address;
  int length;
  evutil_socket_t fd;
  listening_socket(&address, &length);
  base = event_base_new();
  fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, (void*)"client");
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(bufferevent_getfd(bev) == fd);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void already_connecting_descriptor(void) {
  struct bufferevent* bev;
  struct sockaddr_storage address;
  int length;
  evutil_socket_t fd;
  listening_socket(&address, &length);
  base = event_base_new();
  fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(fd, (struct sockaddr*)&address, (socklen_t)length);
  bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, on_event, (void*)"client");
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  SEE(bufferevent_socket_connect(bev, NULL, 0));
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void unix_socket(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_un sun;
  char directory[] = "/tmp/conformanceXXXXXX";
  int listener, fd;
  bufferevent_setcb(bev, on_read, NULL, on_event, (void*)"client");
  memset(&sun, 0, sizeof(sun));
  sun.sun_family = AF_UNIX;
  SEE(mkdtemp(directory) != NULL);
  snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", directory);
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  SEE(bind(listener, (struct sockaddr*)&sun, sizeof(sun)));
  SEE(listen(listener, 1));
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&sun, sizeof(sun)));
  SEE(run_until(base, &events, 1));
  fd = ready(listener);
  SEE(write(fd, "hi", 2));
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &reads, 1));
  unlink(sun.sun_path);
  rmdir(directory);
  teardown(bev);
}

static void unix_socket_that_is_not_there(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_un sun;
  memset(&sun, 0, sizeof(sun));
  sun.sun_family = AF_UNIX;
  strcpy(sun.sun_path, "/nonexistent/socket");
  obs("connect gave %d", bufferevent_socket_connect(bev, (struct sockaddr*)&sun, sizeof(sun)));
  run_for(base, 20);
  SEE(events);
  SEE_STR(bev_names(all_events));
  teardown(bev);
}

static void unix_socket_that_nobody_listens_on(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_un sun;
  char directory[] = "/tmp/conformanceXXXXXX";
  int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  memset(&sun, 0, sizeof(sun));
  sun.sun_family = AF_UNIX;
  SEE(mkdtemp(directory) != NULL);
  snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", directory);
  SEE(bind(stale, (struct sockaddr*)&sun, sizeof(sun)));
  close(stale);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&sun, sizeof(sun)));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(events);
  SEE(run_until(base, &events, 1));
  SEE(bufferevent_write(bev, "lost", 4));
  run_for(base, 20);
  SEE(events);
  SEE_STR(bev_names(all_events));
  unlink(sun.sun_path);
  rmdir(directory);
  teardown(bev);
}

static void connect_by_name(int family, const char* name) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, fd, port;
  evutil_socket_t listener = listening_socket(&address, &length);
  port = ntohs(((struct sockaddr_in*)&address)->sin_port);
  SEE(bufferevent_socket_connect_hostname(bev, NULL, family, name, port));
  SEE(run_until(base, &events, 1));
  SEE(bufferevent_socket_get_dns_error(bev));
  fd = ready(listener);
  SEE(fd >= 0);
  teardown(bev);
}

static void numeric_name(void) { connect_by_name(AF_INET, "127.0.0.1"); }
static void numeric_name_unspecified_family(void) { connect_by_name(AF_UNSPEC, "127.0.0.1"); }
static void localhost_name(void) { connect_by_name(AF_INET, "localhost"); }

static void name_refused(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, port;
  refused_address(&address, &length);
  port = ntohs(((struct sockaddr_in*)&address)->sin_port);
  obs("connect gave %d",
      bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "127.0.0.1", port));
  SEE(run_until(base, &events, 1));
  SEE(bufferevent_socket_get_dns_error(bev));
  teardown(bev);
}

static void name_arguments_out_of_range(void) {
  struct bufferevent* bev = unconnected();
  SEE(bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "127.0.0.1", 0));
  SEE(bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "127.0.0.1", -1));
  SEE(bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "127.0.0.1", 65536));
  SEE(bufferevent_socket_connect_hostname(bev, NULL, AF_UNIX, "127.0.0.1", 80));
  SEE(bufferevent_socket_connect_hostname(bev, NULL, 12345, "127.0.0.1", 80));
  SEE(events);
  teardown(bev);
}

static void wrong_family_for_numeric_name(void) {
  struct bufferevent* bev = unconnected();
  int result;
  bufferevent_setcb(bev, NULL, NULL, note_event, NULL);
  result = bufferevent_socket_connect_hostname(bev, NULL, AF_INET6, "127.0.0.1", 80);
  obs("connect gave %d", result);
  run_for(base, 20);
  SEE(events);
  SEE_STR(bev_names(all_events));
  SEE(bufferevent_socket_get_dns_error(bev) != 0);
  teardown(bev);
}

static void impossible_name(void) {
  struct bufferevent* bev = unconnected();
  int result;
  bufferevent_setcb(bev, NULL, NULL, note_event, NULL);
  result = bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "no such host", 80);
  obs("connect gave %d", result);
  run_for(base, 20);
  SEE(events);
  SEE_STR(bev_names(all_events));
  SEE(bufferevent_socket_get_dns_error(bev) != 0);
  teardown(bev);
}

static void freed_while_connecting(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, fd;
  listening_socket(&address, &length);
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  fd = bufferevent_getfd(bev);
  bufferevent_free(bev);
  SEE(event_base_loop(base, 0));
  SEE(events);
  SEE(fcntl(fd, F_GETFD) < 0);
  event_base_free(base);
}

static void free_when_connected(struct bufferevent* bev, short what, void* arg) {
  on_event(bev, what, arg);
  bufferevent_free(bev);
}

static void freed_in_connected_event(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length;
  listening_socket(&address, &length);
  bufferevent_setcb(bev, on_read, on_write, free_when_connected, (void*)"client");
  bufferevent_enable(bev, EV_READ);
  bufferevent_write(bev, "data", 4);
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 1));
  SEE(event_base_loop(base, 0));
  SEE(writes);
  event_base_free(base);
}

static void freed_in_refused_event(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length;
  refused_address(&address, &length);
  bufferevent_setcb(bev, on_read, on_write, free_when_connected, (void*)"client");
  bufferevent_socket_connect(bev, (struct sockaddr*)&address, length);
  SEE(run_until(base, &events, 1));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void reconnect_after_refusal(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage refused, address;
  int length;
  refused_address(&refused, &length);
  bufferevent_socket_connect(bev, (struct sockaddr*)&refused, length);
  SEE(run_until(base, &events, 1));
  listening_socket(&address, &length);
  if (bufferevent_getfd(bev) >= 0) evutil_closesocket(bufferevent_getfd(bev));
  SEE(bufferevent_setfd(bev, -1));
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 2));
  SEE(all_events & BEV_EVENT_CONNECTED);
  teardown(bev);
}

static void deferred_connected_event(void) {
  struct bufferevent* bev;
  struct sockaddr_storage address;
  int length;
  listening_socket(&address, &length);
  base = event_base_new();
  bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  bufferevent_setcb(bev, on_read, on_write, on_event, (void*)"client");
  bufferevent_write(bev, "data", 4);
  SEE(bufferevent_socket_connect(bev, (struct sockaddr*)&address, length));
  SEE(run_until(base, &writes, 1));
  SEE(events);
  teardown(bev);
}

static void half_closed_by_peer_can_still_be_written_to(void) {
  struct bufferevent* bev = unconnected();
  struct sockaddr_storage address;
  int length, fd;
  char out[16];
  evutil_socket_t listener = listening_socket(&address, &length);
  bufferevent_socket_connect(bev, (struct sockaddr*)&address, length);
  SEE(run_until(base, &events, 1));
  fd = ready(listener);
  bufferevent_enable(bev, EV_READ);
  shutdown(fd, SHUT_WR);
  SEE(run_until(base, &events, 2));
  SEE(bufferevent_write(bev, "still", 5));
  SEE(run_until(base, &writes, 1));
  see_bytes("server got", out, (size_t)read(fd, out, sizeof(out)));
  teardown(bev);
}

const struct conf_case conf_cases[] = {CASE(connects_and_talks),
                                       CASE(written_before_connected),
                                       CASE(refused_by_tcp),
                                       CASE(refused_with_reading_enabled_and_output),
                                       CASE(own_descriptor_is_connected),
                                       CASE(already_connecting_descriptor),
                                       CASE(unix_socket),
                                       CASE(unix_socket_that_is_not_there),
                                       CASE(unix_socket_that_nobody_listens_on),
                                       CASE(numeric_name),
                                       CASE(numeric_name_unspecified_family),
                                       CASE(localhost_name),
                                       CASE(name_refused),
                                       CASE(name_arguments_out_of_range),
                                       CASE(wrong_family_for_numeric_name),
                                       CASE(impossible_name),
                                       CASE(freed_while_connecting),
                                       CASE(freed_in_connected_event),
                                       CASE(freed_in_refused_event),
                                       CASE(reconnect_after_refusal),
                                       CASE(deferred_connected_event),
                                       CASE(half_closed_by_peer_can_still_be_written_to),
                                       CASES_END};
