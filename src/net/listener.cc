#include "net/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "loop/event.h"
#include "loop/loop.h"
#include "net/socket.h"
#include "sys/door.h"
#include "sys/fd.h"
#include "sys/log.h"

namespace {

using std::chrono::milliseconds;

constexpr int default_backlog = 128;
// A flood of connections must not keep other events waiting.
constexpr int most_per_turn = 64;
constexpr ev::Duration first_retry_delay = milliseconds(10);
constexpr ev::Duration last_retry_delay = std::chrono::seconds(1);

// The connection that was next is lost, or there was none; the listener itself is well. On Linux
// accept() also tells about the network of the new connection (accept(2), "Error handling").
bool concerns_one_connection(int error) noexcept {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
      return true;
    default:
      return false;
  }
}

bool has(unsigned flags, unsigned flag) noexcept { return (flags & flag) != 0; }

bool configure(int fd, int family, unsigned flags) noexcept {
  // Accepted sockets inherit it: peers that vanished without a word are noticed.
  ev::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (has(flags, LEV_OPT_REUSEABLE) && !ev::allow_address_reuse(fd)) return false;
  if (has(flags, LEV_OPT_REUSEABLE_PORT) && !ev::allow_port_sharing(fd)) return false;
  if (has(flags, LEV_OPT_DEFERRED_ACCEPT) && !ev::defer_accept(fd)) return false;
  if (has(flags, LEV_OPT_BIND_IPV6ONLY)) return ev::set_ipv6_only(fd, true);
  if (has(flags, LEV_OPT_BIND_IPV4_AND_IPV6) && family == AF_INET6)
    return ev::set_ipv6_only(fd, false);
  return true;
}

ev::Fd bound_socket(unsigned flags, const sockaddr& address, int length) noexcept {
  const int type = SOCK_STREAM | (has(flags, LEV_OPT_CLOSE_ON_EXEC) ? SOCK_CLOEXEC : 0);
  ev::Fd socket = ev::make_socket(address.sa_family, type);
  if (!socket) return {};
  const bool ready = configure(socket.get(), address.sa_family, flags) &&
                     ::bind(socket.get(), &address, static_cast<socklen_t>(length)) == 0;
  if (ready) return socket;
  const int error = errno;
  socket.reset();
  errno = error;
  return {};
}

evconnlistener* refused(int error) noexcept {
  errno = error;
  return nullptr;
}

}  // namespace

evconnlistener* evconnlistener::make(event_base* base, evconnlistener_cb callback, void* argument,
                                     unsigned flags, int backlog, int fd) {
  if (base == nullptr) return refused(EINVAL);
  // A blocking descriptor would stop the whole loop in accept() when a connection is gone before we
  // take it.
  if (!ev::make_nonblocking(fd)) return nullptr;
  if (backlog != 0 && ::listen(fd, backlog > 0 ? backlog : default_backlog) != 0) return nullptr;
  std::unique_ptr<evconnlistener> listener(
      new evconnlistener(*base, callback, argument, flags, fd));
  if (!has(flags, LEV_OPT_DISABLED) && !listener->enable()) {
    const int error = errno;
    listener.reset();
    return refused(error);
  }
  listener->close_on_free_ = has(flags, LEV_OPT_CLOSE_ON_FREE);
  return listener.release();
}

evconnlistener* evconnlistener::make_bound(event_base* base, evconnlistener_cb callback,
                                           void* argument, unsigned flags, int backlog,
                                           const sockaddr* address, int length) {
  if (base == nullptr || address == nullptr || backlog == 0) return refused(EINVAL);
  if (length < static_cast<int>(sizeof address->sa_family)) return refused(EINVAL);
  ev::Fd socket = bound_socket(flags, *address, length);
  if (!socket) return nullptr;
  evconnlistener* listener = make(base, callback, argument, flags, backlog, socket.get());
  if (listener == nullptr) {
    const int error = errno;
    socket.reset();
    return refused(error);
  }
  socket.take();
  return listener;
}

evconnlistener::evconnlistener(event_base& loop, evconnlistener_cb callback, void* argument,
                               unsigned flags, int fd)
    : lock_(has(flags, LEV_OPT_THREADSAFE) ? ev::Lock::make() : ev::Lock()),
      loop_(loop),
      callback_(callback),
      argument_(argument),
      retry_delay_(first_retry_delay),
      fd_(fd),
      accept_flags_((has(flags, LEV_OPT_LEAVE_SOCKETS_BLOCKING) ? 0 : SOCK_NONBLOCK) |
                    (has(flags, LEV_OPT_CLOSE_ON_EXEC) ? SOCK_CLOEXEC : 0)) {
  ev::assign(readable_, &loop, fd, EV_READ | EV_PERSIST, &on_event, this);
  ev::assign(retry_, &loop, -1, 0, &on_event, this);
}

evconnlistener::~evconnlistener() {
  if (close_on_free_) ::close(fd_);
}

void evconnlistener::discard() noexcept {
  bool wait = false;
  {
    const Guard guard(lock_);
    freed_ = true;
    unwatch();
    if (busy_) return;  // on_event() deletes it
    wait = dispatched_;
  }
  // For an on_event() that another thread is about to enter; it leaves at once.
  if (wait && event_base::is_alive(&loop_)) {
    loop_.remove(readable_);
    loop_.remove(retry_);
  }
  delete this;
}

bool evconnlistener::enable() {
  const Guard guard(lock_);
  enabled_ = true;
  return !wanted() || watch();
}

void evconnlistener::disable() noexcept {
  const Guard guard(lock_);
  enabled_ = false;
  unwatch();
}

bool evconnlistener::set_callback(evconnlistener_cb callback, void* argument) {
  const Guard guard(lock_);
  callback_ = callback;
  argument_ = argument;
  if (wanted()) return watched_ != Watched::nothing || watch();
  unwatch();
  return true;
}

void evconnlistener::set_error_callback(evconnlistener_errorcb callback) noexcept {
  const Guard guard(lock_);
  error_callback_ = callback;
}

void evconnlistener::on_event(int, short what, void* argument) {
  auto* listener = static_cast<evconnlistener*>(argument);
  {
    Guard guard(listener->lock_);
    listener->dispatched_ = false;
    if (listener->freed_) return;  // discard() waits for us and deletes
    listener->busy_ = true;
    if ((what & EV_TIMEOUT) != 0) {
      listener->resume();
    } else {
      listener->accept_some(guard);
    }
    listener->busy_ = false;
    if (!listener->freed_) return;
  }
  delete listener;
}

void evconnlistener::accept_some(Guard& guard) {
  for (int i = 0; i < most_per_turn && wanted(); i++) {
    // An accept() that finds nothing makes a socket first, which costs more than asking.
    if (i > 0 && !ev::has_input(fd_)) return;
    if (!accept_one(guard)) return;
  }
}

// False: there is nothing more to accept now.
bool evconnlistener::accept_one(Guard& guard) {
  ev::SocketAddress peer;
  peer.length = sizeof peer.storage;
  const int fd = ::accept4(fd_, peer.get(), &peer.length, accept_flags_);
  if (fd < 0) {
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return false;
    if (concerns_one_connection(error)) return true;
    back_off(guard, error);
    return false;
  }
  retry_delay_ = first_retry_delay;
  const evconnlistener_cb callback = callback_;
  void* const argument = argument_;
  guard.unlock();
  callback(this, fd, peer.get(), static_cast<int>(peer.length), argument);
  guard.lock();
  return true;
}

// No descriptors or no memory: the connection stays in the backlog, and the loop would report it at
// every turn.
void evconnlistener::back_off(Guard& guard, int error) {
  const timeval delay = ev::to_timeval(retry_delay_);
  if (ev::status([&] { return loop_.add(retry_, &delay); }) == 0) {
    unwatch();
    watched_ = Watched::retry;
  }
  retry_delay_ = std::min(retry_delay_ * 2, last_retry_delay);
  if (error_callback_ == nullptr) {
    ev::log_errno(error, "accept on descriptor %d; trying again in %ld ms", fd_,
                  static_cast<long>(delay.tv_sec * 1000 + delay.tv_usec / 1000));
    return;
  }
  const evconnlistener_errorcb callback = error_callback_;
  void* const argument = argument_;
  guard.unlock();
  errno = error;  // for EVUTIL_SOCKET_ERROR()
  callback(this, argument);
  guard.lock();
}

void evconnlistener::resume() {
  watched_ = Watched::nothing;
  if (!wanted() || ev::status([this] { return watch(); }) == 0) return;
  const timeval delay = ev::to_timeval(retry_delay_);
  if (ev::status([&] { return loop_.add(retry_, &delay); }) == 0) {
    watched_ = Watched::retry;
  } else {
    ev::log_warn("the listener on descriptor %d stops: no memory", fd_);
  }
}

bool evconnlistener::watch() {
  if (watched_ == Watched::connections) return true;
  if (!loop_.add(readable_, nullptr)) return false;
  unwatch();
  watched_ = Watched::connections;
  return true;
}

void evconnlistener::unwatch() noexcept {
  if (watched_ == Watched::nothing) return;
  event& pending = watched_ == Watched::retry ? retry_ : readable_;
  watched_ = Watched::nothing;
  if (!event_base::is_alive(&loop_)) return;  // freed before us
  const std::lock_guard guard(loop_.lock());
  loop_.remove_noblock(pending);
  dispatched_ |= !busy_ && loop_.running() == &pending && !loop_.runs_in_this_thread();
}
