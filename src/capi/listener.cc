// The functions of event2/listener.h, in its order.
#include "net/listener.h"

#include <cerrno>

#include "sys/door.h"
#include "sys/log.h"

struct evconnlistener* evconnlistener_new(struct event_base* base, evconnlistener_cb cb, void* ptr,
                                          unsigned flags, int backlog, evutil_socket_t fd) {
  return ev::made_or_null([=] { return evconnlistener::make(base, cb, ptr, flags, backlog, fd); });
}

struct evconnlistener* evconnlistener_new_bind(struct event_base* base, evconnlistener_cb cb,
                                               void* ptr, unsigned flags, int backlog,
                                               const struct sockaddr* sa, int socklen) {
  return ev::made_or_null(
      [=] { return evconnlistener::make_bound(base, cb, ptr, flags, backlog, sa, socklen); });
}

void evconnlistener_free(struct evconnlistener* lev) {
  if (lev != nullptr) lev->discard();
}

int evconnlistener_enable(struct evconnlistener* lev) {
  if (lev == nullptr) return -1;
  return ev::status([lev] { return lev->enable(); });
}

int evconnlistener_disable(struct evconnlistener* lev) {
  if (lev == nullptr) return -1;
  lev->disable();
  return 0;
}

struct event_base* evconnlistener_get_base(struct evconnlistener* lev) {
  return lev != nullptr ? lev->base() : nullptr;
}

evutil_socket_t evconnlistener_get_fd(struct evconnlistener* lev) {
  return lev != nullptr ? lev->fd() : -1;
}

void evconnlistener_set_cb(struct evconnlistener* lev, evconnlistener_cb cb, void* arg) {
  if (lev == nullptr) return;
  if (ev::status([=] { return lev->set_callback(cb, arg); }) != 0) {
    ev::log_errno(errno, "evconnlistener_set_cb: the listener stays disabled");
  }
}

void evconnlistener_set_error_cb(struct evconnlistener* lev, evconnlistener_errorcb errorcb) {
  if (lev != nullptr) lev->set_error_callback(errorcb);
}
