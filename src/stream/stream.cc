#include "stream/stream.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <new>
#include <type_traits>

#include "loop/event.h"
#include "stream/drain_notice.h"
#include "stream/shutdown.h"
#include "stream/stack_depth.h"

namespace ev {
namespace {

static_assert(std::is_standard_layout_v<bufferevent>);

constexpr std::size_t largest_size = std::numeric_limits<ssize_t>::max();

std::uint8_t bit(Suspend reason) { return static_cast<std::uint8_t>(reason); }

}  // namespace

Stream::Stream(Loop& loop, int options)
    : bufferevent{}, options_(static_cast<std::uint8_t>(options)) {
  ev_base = &loop;
  input = &input_;
  output = &output_;
  enabled = EV_WRITE;
  deferred_.assign(run_deferred, this, static_cast<std::uint8_t>(loop.priorities() / 2));
  if (has_option(BEV_OPT_THREADSAFE) && threads_enabled()) use_lock(Lock::make());
  input_.set_observer(this);
  output_.set_observer(this);
}

Stream::~Stream() { delete be_ops; }

StreamExtras& Stream::extras() {
  if (rare() == nullptr) be_ops = new StreamExtras;
  return *rare();
}

void Stream::use_lock(Lock lock) {
  if (!lock) return;
  auto mailbox = std::make_unique<Mailbox>(*this);
  // Without a lock yet: that takes their memory, and nothing may fail once they borrow ours.
  input_.enable_locking({});
  output_.enable_locking({});
  StreamExtras& state = extras();  // last: our constructor calls this, and would not give them back
  input_.enable_locking(Lock::borrow(lock.handle()));
  output_.enable_locking(Lock::borrow(lock.handle()));
  state.mailbox = std::move(mailbox);
  state.lock = std::move(lock);
}

// --- references ---

// Of a stream that nobody refers to any more.
bool Stream::end_and_unlock() noexcept {
  Lock& held = lock();
  unlink();
  leave_loop();
  leave_layer_below();
  // The loop's thread may be on its way into one of our callbacks: then it must be the one to end
  // us. Asked last: a loop that is run from now on finds nothing of ours.
  const bool loop_is_elsewhere = held && loop().runs_elsewhere();
  const StackDepth depth;  // of streams that end the one below them
  if (loop_is_elsewhere || depth.is_too_deep()) {
    set_closure(deferred_.callback, Closure::release);
    schedule(loop(), deferred_);
    held.unlock();
    return true;
  }
  held.unlock();
  destroy();
  return true;
}

// It may go on without us, in other threads too.
void Stream::leave_layer_below() noexcept {
  Stream* lower = underlying();
  if (lower != nullptr && lower->above() == this) lower->rare()->above = nullptr;
}

void Stream::set_owner_of_callbacks(void (*on_freed)(void*), void* arg) noexcept {
  rare()->on_freed = on_freed;
  rare()->on_freed_arg = arg;
}

void Stream::drop_callbacks() noexcept {
  set_callbacks(nullptr, nullptr, nullptr, nullptr);
  if (drain_notice() != nullptr) drain_notice()->set(nullptr, nullptr);
  if (has_owner_of_callbacks()) rare()->on_freed(rare()->on_freed_arg);
}

void Stream::free_and_unlock() noexcept {
  if (carries_another_) return free_later_and_unlock();
  give_back();
  freed_ = true;
  forget_program();
  drop_callbacks();
  release_and_unlock();
}

// We may go on for a while, and those below that are freed with us too; their callbacks are those of
// the streams on top.
void Stream::forget_program() noexcept {
  if (drain_notice() != nullptr) drain_notice()->set(nullptr, nullptr);
  if (shutdown() != nullptr && shutdown()->arg() != cbarg) shutdown()->forget_callback();
  Stream* lower = underlying();
  if (lower != nullptr && has_option(BEV_OPT_CLOSE_ON_FREE)) lower->forget_program();
}

void Stream::free_later_and_unlock() noexcept {
  free_is_due_ = true;
  forget_program();
  lock().unlock();
}

void Stream::stop_carrying() noexcept {
  carries_another_ = carries_freed_ = false;
  if (rare() != nullptr) rare()->above = nullptr;
}

void Stream::leave_loop() noexcept {
  loop().remove_noblock(ev_read);
  loop().remove_noblock(ev_write);
  cancel(loop(), deferred_);
  if (rare() != nullptr) rare()->leave_loop();
}

void Stream::destroy() noexcept {
  cancel(loop(), deferred_);
  delete this;
}

// --- directions ---

bool Stream::enable(short what) {
  const short before = enabled;
  what = static_cast<short>(what & (EV_READ | EV_WRITE));
  enabled = static_cast<short>(enabled | what);
  on_enabled(what);
  if (read_suspended_ != 0) what = static_cast<short>(what & ~EV_READ);
  if (write_suspended_ != 0) what = static_cast<short>(what & ~EV_WRITE);
  try {
    return what == 0 || start(what);
  } catch (const std::bad_alloc&) {
    enabled = before;
    throw;
  }
}

bool Stream::disable(short what) {
  what = static_cast<short>(what & (EV_READ | EV_WRITE));
  enabled = static_cast<short>(enabled & ~what);
  stop(what);
  if (Throttle* limits = throttle()) {  // whoever does not want bytes does not wait for tokens
    if ((what & EV_READ) != 0) limits->cancel(Direction::read, loop().now());
    if ((what & EV_WRITE) != 0) limits->cancel(Direction::write, loop().now());
    if ((what & EV_READ) != 0)
      read_suspended_ &= static_cast<std::uint8_t>(~bit(Suspend::bandwidth));
    if ((what & EV_WRITE) != 0)
      write_suspended_ &= static_cast<std::uint8_t>(~bit(Suspend::bandwidth));
  }
  return true;
}

void Stream::suspend_read(Suspend reason) {
  const bool was_free = read_suspended_ == 0;
  read_suspended_ |= bit(reason);
  if (was_free) stop(EV_READ);
}

void Stream::suspend_write(Suspend reason) {
  const bool was_free = write_suspended_ == 0;
  write_suspended_ |= bit(reason);
  if (was_free) stop(EV_WRITE);
}

void Stream::resume_read(Suspend reason) {
  if ((read_suspended_ & bit(reason)) == 0) return;
  read_suspended_ &= static_cast<std::uint8_t>(~bit(reason));
  if (wants_read()) start(EV_READ);
}

void Stream::resume_write(Suspend reason) {
  if ((write_suspended_ & bit(reason)) == 0) return;
  write_suspended_ &= static_cast<std::uint8_t>(~bit(reason));
  if (wants_write() && !output_.empty()) start(EV_WRITE);
}

bool Stream::set_base(Loop&) { return errno = EINVAL, false; }

int Stream::flush(short, bufferevent_flush_mode) { return 0; }

// --- rate limits ---

Throttle& Stream::make_throttle() {
  StreamExtras& state = extras();
  if (state.limiter == nullptr) state.limiter = std::make_unique<Limiter>(*this);
  return state.limiter->throttle();
}

std::size_t Stream::limited_allowance(Direction direction, std::size_t wanted) {
  const std::size_t room = throttle()->allowance(direction, loop().now(), wanted);
  if (room > 0 || wanted == 0) return room;
  const bool reads = direction == Direction::read;
  std::uint8_t& suspended = reads ? read_suspended_ : write_suspended_;
  if (suspended == 0) pause(reads ? EV_READ : EV_WRITE);
  suspended |= bit(Suspend::bandwidth);
  return 0;
}

bool Stream::waits_for_debt(Direction direction) {
  Throttle* limits = throttle();
  if (limits == nullptr || !limits->owes(direction, loop().now())) return false;
  if (allowance(direction, 1) == 0) return true;
  spend(direction, 0);
  return false;
}

void Stream::go_on(Direction direction) {
  const bool reads = direction == Direction::read;
  std::uint8_t& suspended = reads ? read_suspended_ : write_suspended_;
  suspended &= static_cast<std::uint8_t>(~bit(Suspend::bandwidth));
  if (reads ? wants_read() : wants_write()) {
    unpause(reads ? EV_READ : EV_WRITE);
  } else if (Throttle* limits = throttle()) {
    limits->cancel(direction, loop().now());
  }
}

std::size_t Stream::may_read() {
  const std::size_t room = max_single_read();
  return throttle() == nullptr ? room : throttle()->would_move(Direction::read, room, loop().now());
}

std::size_t Stream::may_write() {
  const std::size_t room = max_single_write();
  return throttle() == nullptr ? room
                               : throttle()->would_move(Direction::write, room, loop().now());
}

// --- limits ---

void Stream::set_watermarks(short what, std::size_t low, std::size_t high) {
  if ((what & EV_WRITE) != 0) wm_write = {low, high};
  if ((what & EV_READ) == 0) return;
  wm_read = {low, high};
  if (high != 0 && input_.size() >= high) {
    suspend_read(Suspend::watermark);
  } else {
    resume_read(Suspend::watermark);
  }
}

void Stream::set_timeouts(const timeval* read, const timeval* write) {
  timeout_read = read != nullptr ? *read : timeval{};
  timeout_write = write != nullptr ? *write : timeval{};
  adjust_timeouts();
}

void Stream::set_max_single(Direction direction, std::size_t size) {
  const bool is_default = size == 0 || size > largest_size;
  if (is_default && !has_max_single(direction)) return;
  StreamExtras& state = extras();
  if (state.turn_limits == nullptr) state.turn_limits = std::make_unique<TurnLimits>(*this);
  state.turn_limits->set(direction, is_default ? 0 : size);
}

std::size_t Stream::max_single(Direction direction) const noexcept {
  return has_max_single(direction) ? rare()->turn_limits->most(direction) : default_max_single;
}

std::size_t Stream::read_room() {
  const std::size_t room = left_this_turn(Direction::read);
  if (wm_read.high == 0) return room;
  if (input_.size() >= wm_read.high) {
    suspend_read(Suspend::watermark);
    return 0;
  }
  return std::min(room, wm_read.high - input_.size());
}

// --- buffers ---

bool Stream::append_output(const void* data, std::size_t size) {
  if (!output_has_room(size)) return errno = ENOBUFS, false;
  const bool may_skip_output = output_.is_plain() && output_.empty() &&
                               !output_.frozen(End::back) && size != 0 &&
                               (rare() == nullptr || !rare()->minds_output());
  if (may_skip_output && hand_on(data, size)) {
    note_output_added(size);
    return true;
  }
  return output_.append(data, size);
}

// The bytes have changed already, so that the caller's call has succeeded whatever follows.
void Stream::on_buffer_change(evbuffer& buffer, std::size_t added, std::size_t) {
  const bool is_output = &buffer == &output_;
  if (is_output ? added == 0 : wm_read.high == 0) return;
  try {
    if (!is_output) return note_input_changed();
    note_output_added(added);
    on_output_added();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    const short direction = is_output ? BEV_EVENT_WRITING : BEV_EVENT_READING;
    raise_event(static_cast<short>(BEV_EVENT_ERROR | direction), BEV_TRIG_DEFER_CALLBACKS);
  }
}

void Stream::note_output_added(std::size_t size) {
  output_grew_ = true;
  if (rare() == nullptr) return;
  rare()->output_added += size;
  if (rare()->drain_notice != nullptr) rare()->drain_notice->output_added();
  check_output_limit(size);
}

// A user's buffer callback may free the stream around the buffer.
void Stream::hold() noexcept {
  lock().lock();
  retain();
}

void Stream::note_input_changed() {
  if (input_.size() >= wm_read.high) {
    suspend_read(Suspend::watermark);
  } else {
    resume_read(Suspend::watermark);
  }
}

}  // namespace ev
