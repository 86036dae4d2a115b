// What every bufferevent is: two buffers, watermarks, callbacks, timeouts, reasons not to move
// bytes, a reference count. A subclass knows one way of moving bytes (socket, pair, filter, TLS)
// and nothing else.
//
//   Stream object                          what C sees
//   +---------------------+
//   | vtable pointer      |
//   | struct bufferevent  | <------------  struct bufferevent *   (frozen layout, live fields)
//   | private state       |
//   | input, output       | <------------  bufferevent_get_input(), _output()
//   +---------------------+
//
// One allocation. Locks: everything here runs under the stream's lock (empty unless
// BEV_OPT_THREADSAFE), taken by Hold at one of the two doors. The stream's lock comes before the
// loop's. User callbacks run with the lock held unless BEV_OPT_UNLOCK_CALLBACKS; a reference is
// held for as long as any of them runs.
#pragma once

#include <event2/bevel.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "buffer/buffer.h"
#include "loop/deferred.h"
#include "loop/loop.h"
#include "stream/stream_extras.h"
#include "sys/io_result.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace ev {

// Why a direction does not move bytes although it is enabled. Bits, since several may hold at once.
enum class Suspend : std::uint8_t {
  watermark = 1,     // the input has reached its high mark
  bandwidth = 2,     // the rate limits say so
  lookup = 4,        // a host name is being resolved or its addresses tried
  filter = 8,        // the filter above does not want to read
  backpressure = 16  // a pipe's other side is full
};

// EV_READ, EV_WRITE for what an event (BEV_EVENT_*) is about.
constexpr short directions_of(short what) noexcept {
  const int read = (what & BEV_EVENT_READING) != 0 ? EV_READ : 0;
  const int write = (what & BEV_EVENT_WRITING) != 0 ? EV_WRITE : 0;
  return static_cast<short>(read | write);
}

// How far a stream came with marking the end of its output.
enum class EndOutput : std::uint8_t { done, in_progress, failed };

class Stream : public BufferObserver, public bufferevent, public Allocated {
 public:
  // The most that one turn of the loop reads or writes unless the program says otherwise.
  static constexpr std::size_t default_max_single = 262144;

  static Stream& of(bufferevent* bev) noexcept { return static_cast<Stream&>(*bev); }

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // --- what C asks (called with the lock held) ---
  bool enable(short what);
  bool disable(short what);
  void set_callbacks(bufferevent_data_cb read, bufferevent_data_cb write,
                     bufferevent_event_cb event, void* arg);
  void set_watermarks(short what, std::size_t low, std::size_t high);
  void set_timeouts(const timeval* read, const timeval* write);
  // Runs the callbacks of these directions as if bytes had moved; options are
  // bufferevent_trigger_options.
  void trigger(short what, int options);
  void trigger_event(short what, int options);
  // 0 and what is too large: the default.
  void set_max_single_read(std::size_t size) { set_max_single(Direction::read, size); }
  void set_max_single_write(std::size_t size) { set_max_single(Direction::write, size); }
  void set_max_single(Direction direction, std::size_t size);
  std::size_t max_single(Direction direction) const noexcept;
  std::size_t max_single_read() const noexcept { return max_single(Direction::read); }
  std::size_t max_single_write() const noexcept { return max_single(Direction::write); }

  Loop& loop() const noexcept { return *ev_base; }
  Lock& lock() noexcept { return rare() != nullptr ? rare()->lock : no_lock; }
  int priority() const noexcept { return deferred_.callback.evcb_pri; }
  int dns_error() const noexcept { return rare() != nullptr ? rare()->dns_error : 0; }

  // --- references ---
  void retain() noexcept { references_++; }
  // Gives up one reference, and the lock once. True when it was the last one: the stream is gone,
  // or will be as soon as its loop, which runs in another thread, comes to it.
  bool release_and_unlock() noexcept {
    if (--references_ == 0) return end_and_unlock();
    lock().unlock();
    return false;
  }
  // bufferevent_free(): no callback of the program runs from now on; the memory goes with the last
  // reference. Gives up the lock.
  void free_and_unlock() noexcept;
  // Gives a stream that was made without BEV_OPT_THREADSAFE a lock of its own. Throws
  // std::bad_alloc.
  void become_threadsafe() { use_lock(Lock::make()); }
  bool is_freed() const noexcept { return freed_; }
  bool is_dead() const noexcept { return references_ == 0; }

  // --- suspension ---
  void suspend_read(Suspend reason);
  void suspend_write(Suspend reason);
  void resume_read(Suspend reason);
  void resume_write(Suspend reason);
  bool wants_read() const noexcept { return (enabled & EV_READ) != 0 && read_suspended_ == 0; }
  bool wants_write() const noexcept { return (enabled & EV_WRITE) != 0 && write_suspended_ == 0; }
  bool wants(Direction direction) const noexcept {
    return direction == Direction::read ? wants_read() : wants_write();
  }

  // --- rate limits ---
  // Null: no limit has ever been set.
  Throttle* throttle() const noexcept {
    return limiter() != nullptr ? &limiter()->throttle() : nullptr;
  }
  Throttle& make_throttle();
  Limiter* limiter() const noexcept { return rare() != nullptr ? rare()->limiter.get() : nullptr; }
  // This direction is suspended for want of tokens.
  bool awaits_tokens(Direction direction) const noexcept {
    const unsigned suspended = direction == Direction::read ? read_suspended_ : write_suspended_;
    return (suspended & static_cast<unsigned>(Suspend::bandwidth)) != 0;
  }
  // Tokens came for a direction that waited for some.
  void go_on(Direction direction);
  // A new turn of the loop lets a direction move bytes again.
  void move_again(Direction direction) {
    if (wants(direction)) unpause(direction == Direction::read ? EV_READ : EV_WRITE);
  }
  // What one transfer may move now, from all limits; never negative.
  std::size_t may_read();
  std::size_t may_write();

  // Whoever took the callbacks hears when the program frees the stream; after reserve_extras().
  void set_owner_of_callbacks(void (*on_freed)(void*), void* arg) noexcept;
  bool has_owner_of_callbacks() const noexcept {
    return rare() != nullptr && rare()->on_freed != nullptr;
  }
  // No callback runs any more, and whoever took them hears of it.
  void drop_callbacks() noexcept;
  void reserve_extras() { extras(); }
  // Calls something of the program's, without the lock if it asked for that.
  template <class Call>
  void call_user(Call call) {
    const bool unlock = has_option(BEV_OPT_UNLOCK_CALLBACKS);
    if (unlock) lock().unlock();
    call();
    if (unlock) lock().lock();
  }

  // --- the end ---
  // Begins to end the stream (shutdown.h). False: it is being shut down already.
  bool shut_down(bool wait_for_peer, const timeval* timeout, bevel_shutdown_cb done, void* arg);
  void end_shutdown() noexcept;
  // After shut_down(), of a stream that the program gave up.
  void leave_to_shutdown() noexcept;
  Shutdown* shutdown() const noexcept;                            // null: it is not being shut down
  bool is_shut_down_by(const Shutdown& shutdown) const noexcept;  // and not freed
  // The same for whoever began it, if it did.
  void end_shutdown_of(const void* arg) noexcept;
  // Read or event callbacks are due, in this layer or from those below it.
  bool owes_callbacks() const noexcept;
  // The peer's last byte has been read.
  bool has_ended() const noexcept { return ended_; }
  // Output that this layer has turned into something else and not sent yet.
  virtual std::size_t converted_output() const noexcept { return 0; }
  // A new connection: its peer has not ended yet.
  void forget_end() noexcept { ended_ = false; }
  // The same, and whoever was shutting down the old one, here or above, has failed.
  void begin_anew() noexcept;
  // Whether all that can leave before the end is marked has left.
  virtual bool is_ready_to_end() const noexcept { return output_.empty(); }
  // What is in the output never leaves: the way is broken, or there is none.
  virtual bool is_cut_off() const noexcept { return false; }
  // Whoever sent us bytes went without marking the end, and all that came has been read.
  virtual bool is_abandoned() const noexcept { return false; }
  // Mark the end of the output in this layer and those below. While in progress,
  // output_progressed() follows.
  virtual EndOutput end_output() = 0;
  // Subclasses call this when output has left their layer.
  void output_progressed() {
    if (rare() != nullptr) note_output();
  }
  // After link_layer_below(), when output has left the stream below.
  virtual void on_progress_below() {}
  // After link_layers(), when the lowest stream begins to connect or is through with it.
  virtual void on_connecting_below(bool) {}
  // The layers below will tell us how they get on. Throws std::bad_alloc.
  void link_layers();
  // Everything written has reached the kernel (or, for a pair, the partner).
  virtual bool is_drained() const noexcept { return output_.empty(); }
  void set_drain_callback(bevel_drain_cb callback, void* arg);
  DrainNotice* drain_notice() const noexcept {  // null: none was ever set
    return rare() != nullptr ? rare()->drain_notice.get() : nullptr;
  }
  // Who was linked on top of us; null: nobody.
  Stream* above() const noexcept { return rare() != nullptr ? rare()->above : nullptr; }
  // Another stream is on top of us: should the program free us first, we go on until that one ends,
  // or gives us back.
  bool carries_another() const noexcept { return carries_another_; }
  void carry_another() noexcept {
    carries_another_ = true;
    carries_freed_ = false;
  }
  // The program freed the one on top, which needs us for a moment more: the next one may come.
  void carry_freed() noexcept { carries_freed_ = true; }
  bool carries_freed() const noexcept { return carries_freed_; }
  // Our callbacks belong to nobody above.
  bool may_carry() const noexcept { return !carries_another_ || carries_freed_; }
  void stop_carrying() noexcept;
  bool free_is_due() const noexcept { return free_is_due_; }
  // For a stream above that fills our output, and cannot see by its size what it added: it may
  // have left at once. The count needs reserve_extras().
  std::size_t output_added() const noexcept { return rare() != nullptr ? rare()->output_added : 0; }
  bool take_output_grew() noexcept {
    const bool grew = output_grew_;
    output_grew_ = false;
    return grew;
  }
  // All that was written here and has not reached the kernel, in this layer and those below.
  std::size_t pending_output() const noexcept;
  // Writes beyond it are refused; 0: no limit.
  void set_output_limit(std::size_t bytes);
  bool output_has_room(std::size_t bytes) const noexcept;
  void deliver_mail() {
    if (rare() != nullptr && rare()->mailbox != nullptr) rare()->mailbox->deliver();
  }
  // bufferevent_write(): to the back of the output, or straight to where a subclass hands it on.
  // False, with errno where there is more to say: refused. Throws std::bad_alloc.
  bool append_output(const void* data, std::size_t size);
  // Null without a lock.
  Mailbox* mailbox() const noexcept { return rare() != nullptr ? rare()->mailbox.get() : nullptr; }

  // --- what a subclass is ---
  // Begins or ceases to move bytes in these directions (EV_READ, EV_WRITE). start() is called again
  // for a direction that is running already.
  virtual bool start(short what) = 0;
  virtual void stop(short what) = 0;
  // These directions were enabled, also if they are suspended and so not started.
  virtual void on_enabled(short) {}
  // bufferevent_flush(): -1 refused, 0 nothing to move, 1 moved.
  virtual int flush(short what, bufferevent_flush_mode mode);
  virtual int fd() const noexcept { return -1; }
  virtual bool set_fd(int) { return false; }
  virtual bool set_base(Loop&);  // false, with errno: refused
  virtual bool set_priority(int) { return false; }
  virtual Stream* underlying() const noexcept { return nullptr; }
  // The bottom of the stack below and with this one.
  Stream& lowest() noexcept {
    Stream* layer = this;
    while (Stream* below = layer->underlying()) layer = below;
    return *layer;
  }
  virtual Stream* partner() const noexcept { return nullptr; }
  // What only some types can do; null: not one of them.
  virtual class FdStream* as_fd_stream() noexcept { return nullptr; }
  virtual class TlsStream* as_tls_stream() noexcept { return nullptr; }

 protected:
  // Options are bufferevent_options. Throws std::bad_alloc.
  Stream(Loop& loop, int options);
  // A subclass lets go of descriptors and partners here. Runs without the lock, in the loop's
  // thread or while the loop does not run; no event of ours is pending any more.
  virtual ~Stream();
  // The last reference is gone: nobody else may find us any more. Runs with the lock.
  virtual void unlink() noexcept {}
  // Nothing of ours begins to run in the loop any more.
  virtual void leave_loop() noexcept;
  // The program frees us: what is its own (without BEV_OPT_CLOSE_ON_FREE) is so from now on. May call
  // its filter function, but none of its callbacks.
  virtual void give_back() noexcept {}

  // There are more bytes to move.
  virtual void on_output_added() = 0;
  // Takes what the program writes to where the empty output would have moved it in the end. False:
  // nothing happened, and the output is the way. Only asked while nobody hears of the output's
  // changes but us.
  virtual bool hand_on(const void*, std::size_t) { return false; }
  // Timeouts were set: adjust those that are running.
  virtual void adjust_timeouts() = 0;
  // From now on it tells us when its output has left. Throws std::bad_alloc.
  void link_layer_below() { underlying()->extras().above = this; }

  // --- for subclasses: the last steps of moving bytes; the user may free the stream in each ---
  void deliver_read(int options = 0) {
    if (readcb != nullptr) return call_or_defer_read(options);
    if (rare() != nullptr) discard_unwanted_input();
  }
  void deliver_write(int options = 0) {
    if (writecb != nullptr) call_or_defer_write(options);
  }
  // Disables the directions named in `what` (BEV_EVENT_READING, _WRITING) and tells the program.
  void fail(short what, int error, int options = 0);
  void raise_event(short what, int options = 0);
  // Nothing more will come from the peer, although the program is not told: a shutdown does not
  // wait for it.
  void note_peer_gone() noexcept;

  // What the rate limits leave of `wanted`. 0: none, the direction is suspended and go_on() will
  // come. Each positive answer is followed by spend(), with 0 if nothing was moved.
  std::size_t allowance(Direction direction, std::size_t wanted) {
    return throttle() == nullptr ? wanted : limited_allowance(direction, wanted);
  }
  // Asked when a timeout is up, for none comes in debt. True if there is one: the direction waits until
  // it is paid back, and its time begins anew.
  bool waits_for_debt(Direction direction);
  void spend(Direction direction, std::size_t bytes) {
    if (Throttle* limits = throttle()) limits->spend(direction, bytes, loop().now());
  }
  // Suspension for want of tokens: short and frequent, so a subclass may leave its descriptor
  // registered.
  virtual void pause(short what) { stop(what); }
  virtual void unpause(short what) { start(what); }

  // How much a read may add to the input now: what is left of the turn's maximum, and the high
  // watermark.
  std::size_t read_room();
  // What may still move in this turn of the loop. Exact for types that count what they move.
  std::size_t left_this_turn(Direction direction) const noexcept {
    return has_max_single(direction) ? rare()->turn_limits->left(direction) : default_max_single;
  }
  void count_this_turn(Direction direction, std::size_t bytes) noexcept {
    if (has_max_single(direction)) rare()->turn_limits->count(direction, bytes);
  }
  void go_on_next_turn(Direction direction) { rare()->turn_limits->go_on_next_turn(direction); }
  bool has_option(int option) const noexcept { return (options_ & option) != 0; }
  bool has_max_single(Direction direction) const noexcept {
    return rare() != nullptr && rare()->turn_limits != nullptr &&
           rare()->turn_limits->most(direction) != 0;
  }
  bool has_max_single_write() const noexcept { return has_max_single(Direction::write); }
  // The unusual state lives behind the layout's unused be_ops, which saves every stream a pointer.
  StreamExtras* rare() const noexcept { return const_cast<StreamExtras*>(be_ops); }
  StreamExtras& extras();
  void use_lock(Lock lock);  // before the stream is visible to anybody else
  Deferred& deferred() noexcept { return deferred_; }

  // One read asks for 1 << this many bytes; grows after full reads.
  std::uint8_t read_size_shift_ = 14;
  // Of an FdStream, and of a filter whose lowest stream is one; here, where the layout has room.
  bool connecting_ = false;

 private:
  friend class Hold;

  inline static Lock no_lock;

  void on_buffer_change(evbuffer& buffer, std::size_t added, std::size_t deleted) override;
  void hold() noexcept override;
  void release() noexcept override { release_and_unlock(); }
  static void run_deferred(event_callback*, void* stream);
  void run_pending_callbacks();
  void free_later_and_unlock() noexcept;
  void forget_program() noexcept;
  void leave_layer_below() noexcept;
  void call_or_defer_read(int options);
  void call_or_defer_write(int options);
  bool defers(int options) const noexcept;
  void defer_callbacks() noexcept;
  void call_data(bufferevent_data_cb callback);
  void call_event(bufferevent_event_cb callback, short what, int error);
  bool call_pending_events(short which);
  std::size_t limited_allowance(Direction direction, std::size_t wanted);
  void tell_event(short what, int options);
  void discard_unwanted_input();
  void note_output();
  void note_event(short what);
  void note_callbacks_ran() noexcept;
  void note_output_added(std::size_t size);
  void note_input_changed();
  template <class Call>
  void for_each_shutdown_above(Call call) noexcept;
  void check_output_limit(std::size_t added);
  bool end_and_unlock() noexcept;
  void destroy() noexcept;

  std::uint8_t options_;
  std::uint8_t read_suspended_ = 0;
  std::uint8_t write_suspended_ = 0;
  bool freed_ : 1 = false;
  bool ended_ : 1 = false;
  bool carries_another_ : 1 = false;
  bool carries_freed_ : 1 = false;
  bool free_is_due_ : 1 = false;
  bool output_grew_ : 1 = false;
  bool read_callback_pending_ : 1 = false;
  bool write_callback_pending_ : 1 = false;
  short pending_events_ = 0;
  short pending_errno_ = 0;
  std::uint32_t references_ = 1;
  Deferred deferred_;
  evbuffer input_;
  evbuffer output_;
};

// Lock and reference for as long as the library or a user's callback works on a stream: the door
// for C calls and for events. After a user's callback ran, ask is_freed() before anything else.
class Hold {
 public:
  explicit Hold(Stream& stream) noexcept : stream_(stream) {
    stream.lock().lock();
    stream.retain();
  }
  // Of a stream whose lock the caller took, and gives to this object.
  Hold(Stream& stream, std::adopt_lock_t) noexcept : stream_(stream) { stream.retain(); }
  ~Hold() { stream_.release_and_unlock(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  Stream& stream_;
};

}  // namespace ev
