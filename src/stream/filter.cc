#include "stream/filter.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "stream/fd_stream.h"
#include "stream/from_loop.h"
#include "stream/timer_stream.h"
#include "stream/underlying_link.h"
#include "sys/log.h"
#include "sys/raised.h"

namespace ev {
namespace {

// What an absent filter function does: hand over chains, up to the limit.
bufferevent_filter_result pass_through(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                       bufferevent_flush_mode, void*) {
  if (source->empty()) return BEV_NEED_MORE;
  const std::size_t size =
      limit < 0 ? source->size() : std::min(source->size(), static_cast<std::size_t>(limit));
  if (size == 0) return BEV_NEED_MORE;
  source->move_front_to(*destination, size);
  return BEV_OK;
}

// Room under a high mark in the mode that respects it; negative: no limit.
ev_ssize_t room_under(std::size_t high, const evbuffer& buffer, bufferevent_flush_mode mode) {
  if (mode != BEV_NORMAL || high == 0) return -1;
  return static_cast<ev_ssize_t>(high - std::min(high, buffer.size()));
}

// Of what leaves a filter, this much waits in the output below, or what the program's mark there
// allows; half of it is enough to send for a while. A function is not told, as it may need all that
// there is to go on.
constexpr std::size_t most_below = 256 * 1024;

class FilterStream final : public TimerStream {
 public:
  FilterStream(Stream& lower, const FilterFunctions& functions, int options)
      : TimerStream(lower.loop(), options & ~BEV_OPT_THREADSAFE), functions_(functions) {
    if (functions_.input == nullptr) functions_.input = pass_through;
    if (functions_.output == nullptr) functions_.output = pass_through;
    use_lock(shared_lock(lower, options));
    link_.attach(lower, lower_read, lower_write, lower_event, this);
  }

  ~FilterStream() override {
    if (functions_.free_context != nullptr) functions_.free_context(functions_.context);
    link_.detach(has_option(BEV_OPT_CLOSE_ON_FREE));
  }

  Stream* underlying() const noexcept override { return link_.pointer(); }
  int fd() const noexcept override { return link_.lower().fd(); }
  bool set_fd(int fd) override {
    if (!link_.set_fd(fd)) return false;
    forget_end();
    end_below_ = 0;
    is_ending_ = false;
    lower_end_ = EndOutput::in_progress;
    return true;
  }

  bool start(short what) override {
    if ((what & lower_timed_out_) != 0) link_.lower().enable(what & lower_timed_out_);
    lower_timed_out_ = static_cast<short>(lower_timed_out_ & ~what);
    if ((what & EV_READ) != 0) {
      restart_read_timeout();
      link_.lower().resume_read(Suspend::filter);
      // Bytes may wait below from before: nothing from the network would announce them.
      if (may_have_input()) {
        pump_soon();
      } else {
        look_for_tokens();
      }
    }
    if ((what & EV_WRITE) != 0) {
      restart_write_timeout();
      if (may_have_output()) pump_soon();
    }
    return true;
  }

  void on_enabled(short what) override {
    if ((what & EV_READ) != 0 && flushed_input_) pump_soon();
  }

  void stop(short what) override {
    if ((what & EV_READ) != 0) {
      loop().remove_noblock(ev_read);
      link_.lower().suspend_read(Suspend::filter);
    }
    if ((what & EV_WRITE) != 0 && !connecting_) loop().remove_timer(ev_write);
  }

  int flush(short what, bufferevent_flush_mode mode) override {
    bool produced = false;
    if ((what & EV_READ) != 0) {
      produced = filter_input(mode, Source::may_be_empty);  // the filter may hold bytes itself
      if (is_freed()) return 1;
      if (produced) flushed_input_ = true;
      pump_soon();  // tells the program, but not in the middle of its call
    }
    if ((what & EV_WRITE) != 0) {
      if (is_filtering_output_) return put_off_flush(mode);
      const Raised flushing(is_flushing_);
      if (filter_output(mode)) produced = true;
      if (is_freed()) return 1;
    }
    link_.lower().flush(what, mode);
    const bool broke =
        ((what & EV_READ) != 0 && input_broke_) || ((what & EV_WRITE) != 0 && output_broke_);
    if (broke) return -1;
    return produced ? 1 : 0;
  }

  bool is_drained() const noexcept override {
    return !may_have_output() && link_.lower().is_drained();
  }
  // What the filter holds back for want of more comes with the end.
  bool is_ready_to_end() const noexcept override {
    return !may_have_output() || output_needs_more_ || output_broke_;
  }

  bool is_cut_off() const noexcept override { return link_.lower().is_cut_off(); }
  bool is_abandoned() const noexcept override {
    return link_.lower().is_abandoned() && !may_have_input();
  }

  // As for a socket, the time for writing counts also without output, and is told again and again.
  void on_connecting_below(bool is_connecting) override {
    if (std::exchange(connecting_, is_connecting) != is_connecting) restart_write_timeout();
  }

  EndOutput end_output() override {
    if (!is_ending_) {
      is_ending_ = true;
      run_output_filter(BEV_FINISHED);
      // What the filter does not even take at the end never leaves, nor does what it broke on.
      if (is_freed() || output_broke_ || !output->empty()) return lower_end_ = EndOutput::failed;
      if (!link_.lower().shut_down(false, nullptr, on_lower_ended, this))
        lower_end_ = EndOutput::failed;
    }
    const bool is_behind_the_end = lower_end_ == EndOutput::done && !is_drained();
    return is_behind_the_end ? EndOutput::failed : lower_end_;
  }

 private:
  static void on_lower_ended(bufferevent*, bevel_shutdown_outcome outcome, void* self) {
    FilterStream& filter = *static_cast<FilterStream*>(self);
    from_loop(filter, [&] {
      filter.lower_end_ = outcome == BEVEL_SHUTDOWN_CLEAN ? EndOutput::done : EndOutput::failed;
      filter.output_progressed();
    });
  }

  // The deferred work rides on ev_write: a filter has no descriptor that could make it ready.
  void pump_soon() { loop().flush_soon(ev_write); }

  void give_up_connecting() override {
    if (FdStream* stream = lowest().as_fd_stream()) stream->give_up_addresses();
  }

  void on_flush() override {
    filter_output(BEV_NORMAL);
    if (is_freed()) return;
    pass_input(filter_input(BEV_NORMAL));
  }

  void on_output_added() override {
    output_needs_more_ = false;
    if (is_moving_output()) return;
    const StackDepth depth;
    if (depth.is_too_deep()) return pump_soon();
    filter_output(BEV_NORMAL);
  }

  bool hand_on(const void* data, std::size_t size) override {
    Stream& lower = link_.lower();
    if (functions_.output != pass_through || is_moving_output() || !wants_write() ||
        lower.wm_write.high != 0 || is_full(lower) || size > most_below - lower.output->size())
      return false;
    const StackDepth depth;
    if (depth.is_too_deep()) return false;
    return move_output([&] {
      if (!lower.append_output(data, size)) return false;
      // Callbacks of the buffers below may have written more.
      if (!is_freed() && !output->empty()) run_output_filter(BEV_NORMAL);
      return true;
    });
  }

  // Below, or in the filter function.
  bool may_have_input() const noexcept { return !link_.lower().input->empty() || input_has_more_; }
  bool may_have_output() const noexcept { return !output->empty() || output_has_more_; }
  bool is_input_full() const noexcept { return wm_read.high != 0 && input->size() >= wm_read.high; }

  // What a filter function may produce now; 0: it has to wait for tokens or for the next turn.
  // Counted is what leaves the filter: plain bytes on the way in, filtered ones on the way out. A
  // flush is not held up, but what it moved is owed.
  ev_ssize_t granted(Direction direction, ev_ssize_t room, bufferevent_flush_mode mode) {
    if (mode != BEV_NORMAL || !is_limited(direction)) return room;
    const std::size_t most = left_this_turn(direction);
    if (most == 0) {
      go_on_next_turn(direction);
      return 0;
    }
    const std::size_t wanted = room < 0 ? most : std::min(most, static_cast<std::size_t>(room));
    return static_cast<ev_ssize_t>(allowance(direction, wanted));
  }

  enum class Source { has_bytes, may_be_empty };

  bool is_limited(Direction direction) const noexcept {
    return throttle() != nullptr || has_max_single(direction);
  }

  void account(Direction direction, std::size_t bytes) {
    spend(direction, bytes);
    count_this_turn(direction, bytes);
  }

  // Whether bytes remain that the filter may have now. A flush asks neither marks nor the program.
  bool may_filter_more_input(bufferevent_flush_mode mode) const noexcept {
    return may_have_input() && (mode != BEV_NORMAL || (wants_read() && !is_input_full()));
  }
  bool may_filter_more_output(bufferevent_flush_mode mode) const noexcept {
    return may_have_output() && (mode != BEV_NORMAL || (wants_write() && !is_full(link_.lower())));
  }

  // True when bytes were produced.
  bool filter_input(bufferevent_flush_mode mode, Source needs = Source::has_bytes) {
    evbuffer& source = *link_.lower().input;
    if (is_freed()) return false;
    if (mode == BEV_NORMAL && needs == Source::has_bytes && !may_have_input()) {
      look_for_tokens();
      return false;
    }
    input_needs_more_ = false;
    if (mode == BEV_NORMAL && (!wants_read() || is_input_full())) return false;
    if (input_broke_) {
      if (wants_read()) source.take_front(source.size());  // it must not pile up
      return false;
    }
    bool produced = false;
    do {
      const std::size_t had = source.size();
      const std::size_t held = input->size();
      const ev_ssize_t limit =
          granted(Direction::read, room_under(wm_read.high, *input, mode), mode);
      if (limit == 0) break;
      const auto result = functions_.input(&source, input, limit, mode, functions_.context);
      const std::size_t given = input->size() - std::min(held, input->size());
      account(Direction::read, given);
      if (is_freed()) break;
      input_has_more_ = limit >= 0 && given >= static_cast<std::size_t>(limit);
      if (result == BEV_ERROR) {
        input_broke_ = true;
        return produced || input->size() > held;  // what came before the error counts
      }
      // A filter that says OK and did nothing would keep us here for ever.
      if (result != BEV_OK || (source.size() == had && input->size() == held)) {
        input_needs_more_ = true;
        break;
      }
      produced = true;
    } while (may_filter_more_input(mode));
    if (produced) restart_read_timeout();
    if (!is_freed()) look_for_tokens();
    return produced;
  }

  // True once, when a flush has produced what the program has not taken and may hear of: also beyond
  // the high mark, which holds up what comes and not what is there.
  bool take_flushed_input() noexcept {
    if ((enabled & EV_READ) == 0) return false;
    return std::exchange(flushed_input_, false) && !input->empty();
  }

  // Gives the program what was produced, and behind it the filter's error or the end.
  void pass_input(bool produced, int options = 0) {
    if (take_flushed_input() || produced) deliver_read(options);
    if (!is_freed()) output_progressed();  // a shutdown may have waited for the last byte
    if (is_freed()) return;
    if (input_broke_ && !std::exchange(input_error_told_, true)) {
      fail(BEV_EVENT_ERROR | BEV_EVENT_READING, EPROTO, options);
    }
    if (!is_freed() && end_below_ != 0) pass_end(options);
  }

  // The end comes behind the last byte, and that may have to wait: for room under the high mark,
  // tokens, or a program that reads. start() goes on then. What the filter holds back for want of
  // more it must give now. Behind an error there is nothing that could end.
  void pass_end(int options) {
    if (!input_broke_ && !input_needs_more_ && may_have_input()) return;
    const short what = std::exchange(end_below_, 0);
    pass_input(filter_input(BEV_FINISHED), options);
    if (is_freed()) return;
    if (input_broke_) return note_peer_gone();
    errno = end_errno_;
    raise_event(what, options);
  }

  // The filter function, which somebody calls this out of, has to return first. 0: nothing moved yet.
  int put_off_flush(bufferevent_flush_mode mode) {
    flush_put_off_ = std::max(flush_put_off_, mode);
    return 0;
  }

  bool is_moving_output() const noexcept { return is_filtering_output_ || is_telling_written_; }

  // True when bytes were produced.
  bool filter_output(bufferevent_flush_mode mode) {
    if (mode == BEV_NORMAL ? is_moving_output() : is_filtering_output_) return false;
    const Hold hold(*this);
    return move_output([&] { return run_output_filter(mode); });
  }

  // `move` tells whether it produced bytes. The write callback runs in here and may free us, whom
  // the caller holds; what it writes is filtered from the loop's stack, or a program that always
  // writes more would never leave this one.
  template <class Move>
  bool move_output(Move move) {
    const std::size_t had = output->size();
    const StackDepth depth;
    bool produced;
    {
      const Raised busy(is_filtering_output_);
      produced = move();
    }
    const std::size_t left = output->size();
    if (produced || left < had) {  // taken is as good as produced for whoever wants to write more
      const Raised telling(is_telling_written_);
      if (!connecting_) restart_write_timeout();
      deliver_write(depth.is_too_deep() ? BEV_TRIG_DEFER_CALLBACKS : 0);
    }
    if (is_freed()) return produced;
    if (output->size() > left) pump_soon();
    output_progressed();
    const auto flush_mode = std::exchange(flush_put_off_, BEV_NORMAL);
    if (flush_mode != BEV_NORMAL && !is_freed()) flush(EV_WRITE, flush_mode);
    return produced;
  }

  bool run_output_filter(bufferevent_flush_mode mode) {
    Stream& lower = link_.lower();
    evbuffer& destination = *lower.output;
    if (output_broke_ || is_freed()) return false;
    if (mode == BEV_NORMAL && !may_filter_more_output(mode)) return note_room_below(), false;
    if (is_limited(Direction::write) || lower.wm_write.high != 0) lower.reserve_extras();
    bool produced = false;
    do {
      const std::size_t had = output->size();
      const std::size_t added = lower.output_added();
      lower.take_output_grew();
      const ev_ssize_t limit = granted(Direction::write, room_below(mode), mode);
      if (limit == 0) break;
      const auto result = functions_.output(output, &destination, limit, mode, functions_.context);
      const std::size_t given = lower.output_added() - added;
      account(Direction::write, given);
      if (is_freed()) break;
      output_has_more_ = limit >= 0 && given >= static_cast<std::size_t>(limit);
      output_needs_more_ = result == BEV_NEED_MORE;
      if (result == BEV_ERROR) {
        output_broke_ = true;
        // Deferred: this may be the program's own stack, in the middle of its bufferevent_write().
        fail(BEV_EVENT_ERROR | BEV_EVENT_WRITING, EPROTO, BEV_TRIG_DEFER_CALLBACKS);
        return produced;
      }
      if (result != BEV_OK) break;
      if (output->size() == had && !lower.take_output_grew()) {
        output_needs_more_ = true;
        break;
      }
      produced = true;
    } while (may_filter_more_output(mode));
    if (!is_freed()) note_room_below();
    return produced;
  }

  bool is_full(const Stream& lower) const noexcept {
    const std::size_t high = lower.wm_write.high;
    if (high == 0) return !is_flushing_ && lower.output->size() >= most_below / 2;
    return lower.output->size() >= high;
  }

  // What may go down in one step; negative: no limit.
  ev_ssize_t room_below(bufferevent_flush_mode mode) const noexcept {
    const Stream& lower = link_.lower();
    if (lower.wm_write.high != 0) return room_under(lower.wm_write.high, *lower.output, mode);
    if (is_flushing_ || functions_.output != pass_through) return -1;
    return room_under(most_below, *lower.output, mode);
  }

  // Output that waits for the stream below is waiting to be written: its time counts. The write
  // callback below goes on with it; but that never comes if the stream below is a filter which
  // keeps a few bytes for want of more, so we also ask to hear of each step there.
  void note_room_below() {
    const bool waits = wants_write() && may_have_output() && is_full(link_.lower());
    if (waits && !waits_for_room_) {
      link_layer_below();
      if (!has_flag(ev_write, EVLIST_TIMEOUT)) restart_write_timeout();
    }
    waits_for_room_ = waits;
  }

  void on_progress_below() override {
    if (!waits_for_room_) return;
    restart_write_timeout();  // for a peer that is slow, but takes bytes
    const Stream& lower = link_.lower();
    if (!is_full(lower)) pump_soon();
    if (!lower.output->empty()) output_progressed();  // else whoever tells us has called it
  }

  // Who goes on with the stream below finds there what the program wrote.
  void give_back() noexcept override {
    if (has_option(BEV_OPT_CLOSE_ON_FREE)) return;
    if (waits_for_room_ && !is_filtering_output_) {
      const Raised flushing(is_flushing_);
      const Raised busy(is_filtering_output_);
      try {
        run_output_filter(BEV_NORMAL);
      } catch (const std::bad_alloc&) {
        log_warn("no memory to pass on the output of a filter that is freed");
      }
    }
    link_.give_back();
  }

  static void lower_read(bufferevent*, void* self) {
    FilterStream& filter = *static_cast<FilterStream*>(self);
    from_loop(filter, [&] {
      const StackDepth depth;
      const bool produced = filter.filter_input(BEV_NORMAL);
      filter.pass_input(produced, depth.is_too_deep() ? BEV_TRIG_DEFER_CALLBACKS : 0);
    });
  }

  static void lower_write(bufferevent*, void* self) {
    FilterStream& filter = *static_cast<FilterStream*>(self);
    from_loop(filter, [&] { filter.filter_output(BEV_NORMAL); });
  }

  static void lower_event(bufferevent*, short what, void* self) {
    FilterStream& filter = *static_cast<FilterStream*>(self);
    const int error = errno;
    from_loop(filter, [&] {
      const StackDepth depth;
      const int options = depth.is_too_deep() ? BEV_TRIG_DEFER_CALLBACKS : 0;
      if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) {
        filter.end_below_ = what;
        filter.end_errno_ = error;
        return filter.pass_input(filter.filter_input(BEV_NORMAL), options);
      }
      if ((what & BEV_EVENT_TIMEOUT) != 0) filter.lower_timed_out_ |= directions_of(what);
      errno = error;
      filter.raise_event(what, options);
    });
  }

  FilterFunctions functions_;
  UnderlyingLink link_;
  bool is_filtering_output_ = false;
  bool is_telling_written_ = false;  // the program, which may write more
  bool is_flushing_ = false;         // it wants all of the output to go down
  bufferevent_flush_mode flush_put_off_ = BEV_NORMAL;
  bool waits_for_room_ = false;  // below, with output that the filter may have
  bool is_ending_ = false;
  bool output_needs_more_ = false;  // the filter can do nothing with what is in the output
  bool input_needs_more_ = false;   // nor with what waits below
  bool input_has_more_ = false;     // it was stopped by its limit, and may hold bytes back
  bool output_has_more_ = false;    // the same
  bool flushed_input_ = false;      // the program has not been told of it
  bool input_broke_ = false;        // the filter called it an error, and is called no more
  bool input_error_told_ = false;
  bool output_broke_ = false;
  short lower_timed_out_ = 0;  // directions; whoever enables ours wants them to go on
  short end_below_ = 0;        // BEV_EVENT_*: the end from below, not passed on yet
  int end_errno_ = 0;
  EndOutput lower_end_ = EndOutput::in_progress;
};

}  // namespace

bufferevent* new_filter(Stream& underlying, const FilterFunctions& functions, int options) {
  shared_lock(underlying, options);  // first: Hold gives back the lock that it took
  Hold hold(underlying);
  if (!underlying.may_carry()) return errno = EINVAL, nullptr;
  return new FilterStream(underlying, functions, options);
}

}  // namespace ev
