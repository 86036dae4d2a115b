// A listening socket that hands out its connections (event2/listener.h). The C tag is the class.
// Its methods lock it themselves; callbacks run without the lock, and a listener that is freed by
// one of them ends when that one returns.
#pragma once

#include <event2/event_struct.h>
#include <event2/listener.h>

#include <memory>
#include <mutex>

#include "net/address.h"
#include "sys/clock.h"
#include "sys/lock.h"
#include "sys/memory.h"

struct evconnlistener final : ev::Allocated {
 public:
  // Null: errno tells why, and `fd` is still the caller's. Throw std::bad_alloc.
  static evconnlistener* make(event_base* base, evconnlistener_cb callback, void* argument,
                              unsigned flags, int backlog, int fd);
  static evconnlistener* make_bound(event_base* base, evconnlistener_cb callback, void* argument,
                                    unsigned flags, int backlog, const sockaddr* address,
                                    int length);
  // The end, now or when the callback that is running has returned. Also right after the loop was
  // freed.
  void discard() noexcept;

  bool enable();  // false: the loop refused; errno tells why. Throws std::bad_alloc
  void disable() noexcept;
  bool set_callback(evconnlistener_cb callback, void* argument);  // as enable()
  void set_error_callback(evconnlistener_errorcb callback) noexcept;

  event_base* base() const noexcept { return &loop_; }
  int fd() const noexcept { return fd_; }

 private:
  using Guard = std::unique_lock<ev::Lock>;
  // What the loop watches for us: `readable_`, or `retry_` while accepting is put off.
  enum class Watched { nothing, connections, retry };

  evconnlistener(event_base& loop, evconnlistener_cb callback, void* argument, unsigned flags,
                 int fd);
  ~evconnlistener();
  friend std::default_delete<evconnlistener>;

  static void on_event(int fd, short what, void* listener);
  void accept_some(Guard& guard);
  bool accept_one(Guard& guard);
  void back_off(Guard& guard, int error);
  void resume();

  bool wanted() const noexcept { return enabled_ && callback_ != nullptr && !freed_; }
  bool watch();
  void unwatch() noexcept;

  ev::Lock lock_;
  event_base& loop_;
  event readable_{};
  event retry_{};
  evconnlistener_cb callback_;
  evconnlistener_errorcb error_callback_ = nullptr;
  void* argument_;
  ev::Duration retry_delay_;
  int fd_;
  int accept_flags_;
  Watched watched_ = Watched::nothing;
  bool close_on_free_ = false;
  bool enabled_ = false;
  bool busy_ = false;        // on_event() is running
  bool dispatched_ = false;  // another thread may be about to enter on_event()
  bool freed_ = false;
};
