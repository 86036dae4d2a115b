#include "net/connector.h"

#include <event2/event.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "loop/event.h"
#include "loop/loop.h"
#include "net/address_order.h"
#include "sys/door.h"

namespace ev {
namespace {

// "This machine has no way there" says less about the destination than any other failure.
bool is_no_route(int error) noexcept {
  switch (error) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return true;
    default:
      return false;
  }
}

TimePoint after(TimePoint now, Duration time) noexcept {
  return time >= TimePoint::max() - now ? TimePoint::max() : now + time;
}

}  // namespace

Connector* Connector::start(Loop& loop, addrinfo* list, Connected callback, void* argument,
                            const ConnectorTiming& timing) {
  Connector* connector = new Connector(loop, list, callback, argument, timing);
  try {
    const std::lock_guard guard(connector->mutex_);
    connector->try_next();
    // Known already: told from the loop all the same.
    if (connector->state_ == State::decided) loop.activate(connector->timer_, EV_TIMEOUT);
  } catch (const std::bad_alloc&) {
    connector->list_ = nullptr;
    delete connector;
    throw;
  }
  return connector;
}

Connector::Connector(Loop& loop, addrinfo* list, Connected callback, void* argument,
                     const ConnectorTiming& timing)
    : loop_(loop), list_(list), callback_(callback), argument_(argument), timing_(timing) {
  const AddressOrder order = interleave_families(list);
  attempts_.resize(order.size());
  for (std::size_t i = 0; i < order.size(); i++) {
    attempts_[i].owner = this;
    attempts_[i].address = order[i];
  }
  ev::assign(timer_, &loop, -1, 0, &on_timer, this);
  deadline_ = after(loop.now(), timing.deadline);
}

Connector::~Connector() {
  const bool loop_is_alive = Loop::is_alive(&loop_);
  for (Attempt& attempt : attempts_) {
    if (attempt.socket && loop_is_alive) loop_.remove(attempt.ready);
  }
  if (loop_is_alive) loop_.remove(timer_);
  if (list_ != nullptr) ::freeaddrinfo(list_);
}

void Connector::cancel() noexcept {
  {
    const std::lock_guard guard(mutex_);
    if (state_ == State::reporting) return;
    state_ = State::cancelled;
  }
  // Removing events waits for handlers in another thread, which see the state and leave at once.
  delete this;
}

void Connector::on_attempt_ready(int, short, void* argument) {
  Attempt& attempt = *static_cast<Attempt*>(argument);
  attempt.owner->run([&attempt] { attempt.owner->finish_attempt(attempt); });
}

void Connector::on_timer(int, short, void* argument) {
  auto& connector = *static_cast<Connector*>(argument);
  connector.run([&connector] { connector.on_time(); });
}

// One step in the loop's thread. The last one reports and ends the connector.
template <class Step>
void Connector::run(Step step) noexcept {
  {
    const std::lock_guard guard(mutex_);
    if (state_ == State::cancelled) return;
    if (state_ == State::trying && status(step) != 0) decide(-1, ENOMEM);
    if (state_ != State::decided) return;
    state_ = State::reporting;
  }
  report();
}

void Connector::report() noexcept {
  callback_(this, winner_.take(), error_, argument_);
  delete this;
}

void Connector::finish_attempt(Attempt& attempt) {
  const ConnectResult result = finish_connect(attempt.socket.get());
  if (result.state == ConnectState::in_progress) {
    loop_.add(attempt.ready, nullptr);
    return;
  }
  open_--;
  loop_.remove(attempt.ready);  // it fired, but the kernel may still watch the descriptor
  if (result.state == ConnectState::connected) {
    decide(attempt.socket.take(), 0);
    return;
  }
  attempt.socket.reset();
  note_failure(result.error);
  try_next();
}

void Connector::on_time() {
  if (loop_.now() >= deadline_) {
    decide(-1, ETIMEDOUT);
  } else {
    try_next();
  }
}

// Starts the next attempt that does not fail at once.
void Connector::try_next() {
  while (begun_ < attempts_.size()) {
    if (begin(attempts_[begun_++])) break;
  }
  if (state_ != State::trying) return;
  if (open_ == 0) {
    decide(-1, error_ != 0 ? error_ : EADDRNOTAVAIL);
  } else {
    set_timer();
  }
}

bool Connector::begin(Attempt& attempt) {
  const addrinfo& address = *attempt.address;
  const int type = address.ai_socktype != 0 ? address.ai_socktype : SOCK_STREAM;
  Fd socket = make_socket(address.ai_family, type, address.ai_protocol);
  ConnectResult result{ConnectState::failed, errno};
  if (socket) result = start_connect(socket.get(), address.ai_addr, address.ai_addrlen);
  switch (result.state) {
    case ConnectState::connected:
      decide(socket.take(), 0);
      return true;
    case ConnectState::failed:
      note_failure(result.error);
      return false;
    case ConnectState::in_progress:
      break;
  }
  ev::assign(attempt.ready, &loop_, socket.get(), EV_WRITE, &on_attempt_ready, &attempt);
  if (!loop_.add(attempt.ready, nullptr)) {
    note_failure(errno);
    return false;
  }
  attempt.socket = std::move(socket);
  open_++;
  return true;
}

void Connector::set_timer() {
  const TimePoint now = loop_.now();
  TimePoint wanted = deadline_;
  if (begun_ < attempts_.size()) wanted = std::min(wanted, after(now, timing_.attempt_delay));
  if (wanted == TimePoint::max()) {
    loop_.remove(timer_);
    return;
  }
  // Rounded up, so that the time has come when the timer fires.
  const Duration wait = std::max(wanted - now, Duration::zero()) + std::chrono::microseconds(1);
  const timeval time = to_timeval(wait);
  loop_.add(timer_, &time);
}

void Connector::note_failure(int error) noexcept {
  if (error_ == 0 || !is_no_route(error)) error_ = error;
}

void Connector::decide(int fd, int error) noexcept {
  state_ = State::decided;
  winner_ = Fd(fd);
  error_ = error;
}

}  // namespace ev
