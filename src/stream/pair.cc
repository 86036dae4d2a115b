#include "stream/pair.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "stream/timer_stream.h"

namespace ev {
namespace {

class PairStream;

// What both ends share: the lock, and the knowledge of each other. Goes with the second end.
struct PairLink : Allocated {
  Lock lock = Lock::make();
  PairStream* ends[2] = {nullptr, nullptr};  // those that somebody still refers to
  int users = 0;                             // those whose memory is still there
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
    link->users++;
  }

  ~PairStream() override {
    bool is_last;
    {
      std::lock_guard guard(link_->lock);
      is_last = --link_->users == 0;
    }
    if (is_last) delete link_;
  }

  void unlink() noexcept override {
    link_->ends[side_] = nullptr;
    if (PairStream* other = other_end()) other->on_partner_gone(extra_.eof_on_free);
  }

  Stream* partner() const noexcept override { return other_end(); }

  bool start(short what) override {
    const Hold hold(*this);
    if ((what & EV_READ) != 0) restart_read_timeout();
    if ((what & EV_WRITE) != 0) restart_write_timeout();
    if (PairStream* other = (what & EV_READ) != 0 ? other_end() : nullptr) {
      const Hold hold_other(*other);
      other->move_if_wanted(*this);
    }
    if (PairStream* other = (what & EV_WRITE) != 0 ? other_end() : nullptr) move_if_wanted(*other);
    return true;
  }

  void stop(short what) override {
    if ((what & EV_READ) != 0) loop().remove_noblock(ev_read);
    if ((what & EV_WRITE) != 0) loop().remove_noblock(ev_write);
  }

  int flush(short what, bufferevent_flush_mode mode) override {
    PairStream* other = other_end();
    if (other == nullptr) return -1;
    const Hold hold_other(*other);
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

  bool is_cut_off() const noexcept override { return other_end() == nullptr; }
  bool is_abandoned() const noexcept override { return other_end() == nullptr; }

  EndOutput end_output() override {
    PairStream* other = other_end();
    if (other == nullptr) return EndOutput::done;  // as with a socket whose peer has closed it
    if (std::exchange(told_end_, true)) return EndOutput::done;
    other->raise_event(BEV_EVENT_EOF | BEV_EVENT_READING);
    return EndOutput::done;
  }

 private:
  PairStream* other_end() const noexcept { return link_->ends[1 - side_]; }
  bool can_move() const noexcept override { return other_end() != nullptr; }

  void on_output_added() override {
    const Hold hold(*this);
    if (PairStream* other = other_end()) move_if_wanted(*other);
    restart_write_timeout();
  }

  // Nobody but the partner hears of it, and no mark or limit can divide it: then there is no need
  // for a chain of its own that changes hands.
  bool hand_on(const void* data, std::size_t size) override {
    PairStream* to = other_end();
    if (to == nullptr || !wants_write() || !to->wants_read() || to->wm_read.high != 0 ||
        !to->input->is_plain() || is_limited(*to))
      return false;
    if (!to->input->put(data, size)) return false;
    note_moved(*to);
    return true;
  }

  // Either end may hold back a part of what moves.
  bool is_limited(const PairStream& to) const noexcept {
    return throttle() != nullptr || to.throttle() != nullptr || has_max_single(Direction::write) ||
           to.has_max_single(Direction::read);
  }

  // Limits may let all of it pass in parts only; whoever lacks tokens in the end waits for them.
  // Callbacks of the buffers may free both ends, so this one is held by the caller.
  void move_if_wanted(PairStream& to) {
    const Hold hold_to(to);
    if (!is_limited(to)) {
      if (wants_write() && to.wants_read()) move_to(to, room_for_output(to));
      return;
    }
    while (!is_freed() && !to.is_freed() && move_some(to)) {
    }
    if (!to.is_freed()) to.look_for_tokens();
  }

  // False when nothing moved.
  bool move_some(PairStream& to) {
    if (!wants_write() || !to.wants_read()) return false;
    const std::size_t may_leave =
        allowance(Direction::write, in_this_turn(to, room_for_output(to)));
    if (may_leave == 0) return false;
    const std::size_t may_arrive = to.allowance(Direction::read, may_leave);
    if (may_arrive == 0) {
      spend(Direction::write, 0);
      return false;
    }
    return move_to(to, may_arrive);
  }

  // How much of the output fits under the other end's high mark.
  std::size_t room_for_output(const PairStream& to) const noexcept {
    const std::size_t high = to.wm_read.high;
    return high == 0 ? output->size()
                     : std::min(output->size(), high - std::min(to.input->size(), high));
  }

  // What the maxima of both ends leave of `size` in this turn of their loops; the next one goes on.
  std::size_t in_this_turn(PairStream& to, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t may_leave = left_this_turn(Direction::write);
    const std::size_t may_arrive = to.left_this_turn(Direction::read);
    if (may_leave == 0) go_on_next_turn(Direction::write);
    if (may_arrive == 0) to.go_on_next_turn(Direction::read);
    return std::min({size, may_leave, may_arrive});
  }

  bool move_to(PairStream& to, std::size_t size) {
    if (size == 0) return false;
    output->move_front_to(*to.input, size);
    spend(Direction::write, size);
    count_this_turn(Direction::write, size);
    to.spend(Direction::read, size);
    to.count_this_turn(Direction::read, size);
    note_moved(to);
    return true;
  }

  void note_moved(PairStream& to) {
    told_end_ = false;
    restart_write_timeout();
    to.restart_read_timeout();
    to.deliver_read();
    deliver_write();
    output_progressed();
  }

  void on_partner_gone(bool tell) {
    if (tell) raise_event(BEV_EVENT_EOF | BEV_EVENT_READING);
    adjust_timeouts();
    note_peer_gone();
  }

  PairLink* link_;
  int side_;
  PairOptions extra_;
  bool told_end_ = false;  // and nothing was written since
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
