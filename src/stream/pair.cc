#include "stream/pair.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "stream/timer_stream.h"

namespace ev {
namespace {

class PairStream;

// What both ends share: the lock, and the knowledge of each other. Goes with the second end.
struct PairLink : Allocated {
  Lock lock = Lock::make();
  PairStream* ends[2] = {nullptr, nullptr};
};

// Chains change hands when a byte is written (or reading is enabled), on the writer's stack;
// callbacks are deferred, or a ping-pong between the ends would grow that stack without bound.
class PairStream final : public TimerStream {
 public:
  PairStream(Loop& loop, int options, PairOptions extra, PairLink* link, int side)
      : TimerStream(loop, options | BEV_OPT_DEFER_CALLBACKS),
        link_(link),
        side_(side),
        extra_(extra) {
    if (has_option(BEV_OPT_THREADSAFE)) use_lock(Lock::borrow(link->lock.handle()));
    input->freeze(End::back);
    output->freeze(End::front);
    link->ends[side] = this;
  }

  ~PairStream() override {
    PairStream* other;
    {
      std::lock_guard guard(link_->lock);
      link_->ends[side_] = nullptr;
      other = other_end();
      if (other != nullptr) other->on_partner_gone(extra_.eof_on_free);
    }
    if (other == nullptr) delete link_;
  }

  Stream* partner() const noexcept override { return other_end(); }

  bool start(short what) override {
    if ((what & EV_READ) != 0) restart_read_timeout();
    if ((what & EV_WRITE) != 0) restart_write_timeout();
    PairStream* other = other_end();
    if (other == nullptr) return true;
    if ((what & EV_READ) != 0) other->move_if_wanted(*this);
    if ((what & EV_WRITE) != 0) move_if_wanted(*other);
    return true;
  }

  void stop(short what) override {
    if ((what & EV_READ) != 0) loop().remove_noblock(ev_read);
    if ((what & EV_WRITE) != 0) loop().remove_noblock(ev_write);
  }

  int flush(short what, bufferevent_flush_mode mode) override {
    PairStream* other = other_end();
    if (other == nullptr) return -1;
    int moved = 0;
    if ((what & EV_READ) != 0 && other->move_to(*this, other->output->size())) moved = 1;
    if ((what & EV_WRITE) != 0 && move_to(*other, output->size())) moved = 1;
    if (mode != BEV_FINISHED) return moved;
    short end = BEV_EVENT_EOF;
    if ((what & EV_WRITE) != 0) end |= BEV_EVENT_READING;
    if ((what & EV_READ) != 0) end |= BEV_EVENT_WRITING;
    other->raise_event(end);
    return moved;
  }

  EndOutput end_output() override {
    PairStream* other = other_end();
    if (other == nullptr) return EndOutput::failed;
    other->raise_event(BEV_EVENT_EOF | BEV_EVENT_READING);
    return EndOutput::done;
  }

 private:
  PairStream* other_end() const noexcept { return link_->ends[1 - side_]; }

  void on_output_changed(std::size_t added, std::size_t) override {
    PairStream* other = other_end();
    if (added > 0 && other != nullptr) move_if_wanted(*other);
    if (added > 0) restart_write_timeout();
  }

  // Limits may let all of it pass in parts only; whoever lacks tokens in the end waits for them.
  void move_if_wanted(PairStream& to) {
    if (throttle() == nullptr && to.throttle() == nullptr) {
      move_some(to);
      return;
    }
    const Hold hold(*this);
    const Hold hold_to(to);
    while (!is_freed() && !to.is_freed() && move_some(to)) {
    }
  }

  // False when nothing moved. May free both ends.
  bool move_some(PairStream& to) {
    if (!wants_write() || !to.wants_read()) return false;
    std::size_t size = output->size();
    if (to.wm_read.high != 0) {
      const std::size_t have = to.input->size();
      size = std::min(size, to.wm_read.high - std::min(have, to.wm_read.high));
    }
    const std::size_t may_leave = allowance(Direction::write, size);
    if (may_leave == 0) return false;
    const std::size_t may_arrive = to.allowance(Direction::read, may_leave);
    if (may_arrive == 0) {
      spend(Direction::write, 0);
      return false;
    }
    return move_to(to, may_arrive);
  }

  bool move_to(PairStream& to, std::size_t size) {
    if (size == 0) return false;
    output->move_front_to(*to.input, size);
    spend(Direction::write, size);
    to.spend(Direction::read, size);
    restart_write_timeout();
    to.restart_read_timeout();
    to.deliver_read();
    deliver_write();
    output_progressed();
    return true;
  }

  void on_partner_gone(bool tell) {
    if (tell) raise_event(BEV_EVENT_EOF | BEV_EVENT_READING);
  }

  PairLink* link_;
  int side_;
  PairOptions extra_;
};

}  // namespace

void new_pair(event_base& loop, int options, bufferevent* pair[2]) {
  new_pair(loop, loop, options, {}, pair);
}

void new_pair(event_base& first, event_base& second, int options, PairOptions extra,
              bufferevent* pair[2]) {
  auto link = std::make_unique<PairLink>();
  auto* left = new PairStream(first, options, extra, link.get(), 0);
  PairLink* shared = link.release();
  try {
    pair[1] = new PairStream(second, options, extra, shared, 1);
  } catch (const std::bad_alloc&) {
    delete left;
    throw;
  }
  pair[0] = left;
}

}  // namespace ev
