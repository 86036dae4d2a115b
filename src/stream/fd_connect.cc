// How a stream on a descriptor becomes connected.
#include <cerrno>
#include <cstdio>
#include <memory>

#include "net/socket.h"
#include "stream/fd_stream.h"
#include "stream/from_loop.h"
#include "sys/fd.h"

namespace ev {

struct ConnectAttempt : Allocated {
  ResolveRequest* request = nullptr;
  Connector* connector = nullptr;

  ~ConnectAttempt() {
    if (request != nullptr) cancel(request);
    if (connector != nullptr) connector->cancel();
  }
};

void EndConnectAttempt::operator()(ConnectAttempt* attempt) const noexcept { delete attempt; }

bool FdStream::connect(const sockaddr* address, int length) {
  if (is_connecting()) {
    errno = EALREADY;
    return false;
  }
  Fd made;
  if (fd() < 0) {
    if (address == nullptr) {
      errno = EINVAL;
      return false;
    }
    made = make_socket(address->sa_family, SOCK_STREAM);
    if (!made) return false;
  }
  ConnectResult begun{ConnectState::in_progress, 0};
  if (address != nullptr) {
    begun = start_connect(made ? made.get() : fd(), address, static_cast<socklen_t>(length));
  }
  if (begun.state == ConnectState::failed && begun.error != ECONNREFUSED) {
    errno = begun.error;
    return false;
  }
  if (made) {
    loop().remove_noblock(ev_read);
    loop().remove_noblock(ev_write);
    assign_events(made.take());
  }
  if (begun.state == ConnectState::failed) {
    disable(EV_READ | EV_WRITE);  // there is nothing to read from and write to
    fail_to_connect(begun.error, BEV_TRIG_DEFER_CALLBACKS);
    return true;
  }
  connecting_ = true;
  tell_connecting();
  if (wants_read()) wait_readable();
  return wait_writable();
}

bool FdStream::finish_connecting() {
  const ConnectResult outcome = finish_connect(fd());
  if (outcome.state == ConnectState::in_progress) return false;
  connecting_ = false;
  tell_connecting();
  loop().remove_noblock(ev_write);
  if (outcome.state != ConnectState::connected) {
    loop().remove_noblock(ev_read);
    fail_to_connect(outcome.error, 0);
    return false;
  }
  if (wants_write() && !output->empty()) flush_soon();
  on_connected();
  if (!is_freed()) output_progressed();  // a shutdown may have waited for it
  return true;
}

void FdStream::fail_to_connect(int error, int options) {
  errno = error;
  raise_event(BEV_EVENT_ERROR, options);
}

// --- by name ---

bool FdStream::connect_hostname(const addrinfo& hints, const char* host, int port) {
  const bool family_fits =
      hints.ai_family == AF_UNSPEC || hints.ai_family == AF_INET || hints.ai_family == AF_INET6;
  if (host == nullptr || port < 1 || port > 65535 || !family_fits) {
    errno = EINVAL;
    return false;
  }
  if (is_connecting()) {
    errno = EALREADY;
    return false;
  }
  char service[8];
  std::snprintf(service, sizeof service, "%d", port);
  StreamExtras& state = extras();
  std::unique_ptr<ConnectAttempt, EndConnectAttempt> attempt(new ConnectAttempt);
  state.dns_error = 0;
  attempt->request = resolve(loop(), host, service, hints, on_resolved, this);
  state.attempt = std::move(attempt);
  suspend_read(Suspend::lookup);
  suspend_write(Suspend::lookup);
  return true;
}

bool FdStream::is_trying() const noexcept {
  return rare() != nullptr && rare()->attempt != nullptr && rare()->attempt->connector != nullptr;
}

void FdStream::forget_attempt() noexcept {
  if (rare() != nullptr) rare()->attempt.reset();
}

void FdStream::end_attempt() {
  forget_attempt();
  tell_connecting();
  resume_read(Suspend::lookup);
  resume_write(Suspend::lookup);
}

// It may have been given up by another thread too late to be cancelled, and another one be under way.
void FdStream::on_resolved(const ResolveRequest* request, int gai_error, addrinfo* list,
                           void* self) {
  FdStream& stream = *static_cast<FdStream*>(self);
  AddressList addresses(list);
  from_loop(stream, [&] {
    ConnectAttempt* attempt = stream.rare()->attempt.get();
    if (attempt == nullptr || attempt->request != request) return;
    attempt->request = nullptr;
    if (gai_error == 0) return stream.begin_attempts(std::move(addresses));
    stream.end_attempt();
    stream.extras().dns_error = gai_error;
    stream.fail_to_connect(EHOSTUNREACH, 0);
  });
}

void FdStream::begin_attempts(AddressList list) {
  if (fd() >= 0) {  // the program brought its own socket: it can try one address only
    end_attempt();
    if (!connect(list->ai_addr, static_cast<int>(list->ai_addrlen))) fail_to_connect(errno, 0);
    return;
  }
  rare()->attempt->connector = Connector::start(loop(), list.get(), on_attempt_done, this);
  list.release();  // the connector's now
  // No descriptor yet: the two events serve as timers for as long as the addresses are tried.
  if ((enabled & EV_READ) != 0 && timerisset(&timeout_read)) wait_readable();
  if (timerisset(&timeout_write)) wait_writable();
  tell_connecting();
}

void FdStream::give_up_addresses() {
  if (is_trying()) end_attempt();
}

// Those above count the time. A name that is looked up does not count.
void FdStream::tell_connecting() {
  const bool is_under_way = connecting_ || is_trying();
  for (Stream* layer = above(); layer != nullptr; layer = layer->above()) {
    layer->on_connecting_below(is_under_way);
  }
}

void FdStream::on_attempt_done(const Connector* connector, int fd, int error, void* self) {
  FdStream& stream = *static_cast<FdStream*>(self);
  Fd connected(fd);
  from_loop(stream, [&] {
    ConnectAttempt* attempt = stream.rare()->attempt.get();
    if (attempt == nullptr || attempt->connector != connector) return;
    attempt->connector = nullptr;
    stream.loop().remove_noblock(stream.ev_read);
    stream.loop().remove_noblock(stream.ev_write);
    if (connected) stream.assign_events(connected.take());
    stream.end_attempt();
    if (fd < 0) return stream.fail_to_connect(error, 0);
    stream.on_connected();
    if (!stream.is_freed()) stream.output_progressed();
  });
}

}  // namespace ev
