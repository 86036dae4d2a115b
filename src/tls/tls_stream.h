// A bufferevent that speaks TLS, on a descriptor or on another bufferevent, with any TLS library
// behind TlsEngine.
//
//   input  <- read()  <- engine <- receive() <- inbound_  <- one recv   of up to 128 KiB
//   output -> write() -> engine -> send()    -> outbound_ -> one send   of all records of this turn
//
// On another bufferevent its input and output take the places of inbound_ and outbound_. Every path
// ends in pump(): shake hands, encrypt, decrypt, send, and then say what to wait for. Bytes that
// are here already (has_unread()) and output beyond the turn's maximum continue in the next turn of
// the loop, so that the maxima hold for each turn.
//
// Without BEV_OPT_CLOSE_ON_FREE the program gets connection and descriptor back, and may go on with
// them: then nothing is read ahead of what the engine asks for.
//
// Rate limits count ciphertext, as it passes the wire; on another bufferevent, which may have
// limits of its own, plaintext. Handshakes do not wait for them, but are counted; while there are
// limits nothing is read ahead of them.
#pragma once

#include <memory>
#include <optional>

#include "stream/fd_stream.h"
#include "stream/underlying_link.h"
#include "tls/engine.h"

namespace ev {

class TlsStream final : public FdStream, private TlsWire {
 public:
  // Takes the engine only when it succeeds. Null with EINVAL if the underlying stream carries another.
  // Throws std::bad_alloc.
  static TlsStream* make(const TlsSetup& setup);

  TlsEngine& engine() noexcept { return *engine_; }
  // BUFFEREVENT_SSL_* flags. Records are filled across segments always, so BATCH_WRITE changes
  // nothing but its own report.
  std::uint64_t flags() const noexcept { return flags_; }
  void set_flags(std::uint64_t flags) noexcept { flags_ = static_cast<std::uint8_t>(flags); }
  bool renegotiate();
  bool update_keys(bool ask_peer);
  // What a parked handshake waited for is there.
  void resume_handshake();

  static constexpr std::size_t record_size = 16384;  // the most plaintext that one record carries
  static constexpr std::size_t most_ciphertext = 128 * 1024;  // that we hold in either direction

  bool start(short what) override;
  void stop(short what) override;
  int fd() const noexcept override;
  bool set_fd(int fd) override;
  bool set_base(Loop& loop) override;
  Stream* underlying() const noexcept override { return link_.pointer(); }
  TlsStream* as_tls_stream() noexcept override { return this; }
  EndOutput end_output() override;
  bool is_abandoned() const noexcept override;
  bool is_drained() const noexcept override;
  std::size_t converted_output() const noexcept override { return outbound_.size(); }
  bool is_ready_to_end() const noexcept override { return is_drained() && !shaking_hands_; }
  bool is_cut_off() const noexcept override {
    return ended_ || write_ended_ || (link_ ? link_.lower().is_cut_off() : FdStream::is_cut_off());
  }

 private:
  // What a call of pump() may do besides sending: maxima that the program set are for a turn, and
  // the flush at the end of user callbacks comes several times in one.
  enum class Moves {
    flush,  // write, unless there is a maximum
    read,   // and read
    all
  };

  TlsStream(const TlsSetup& setup, int fd);
  ~TlsStream() override;
  void abandon() noexcept;
  void forget_connection();
  void give_back() noexcept override;
  void leave_loop() noexcept override;

  // --- TlsWire: what the engine sees ---
  IoResult receive(void* into, std::size_t most) noexcept override;
  IoResult send(const void* from, std::size_t size) noexcept override;
  int descriptor() const noexcept override { return FdStream::fd(); }

  void on_readable() override;
  bool read_wire(std::size_t& left);
  IoResult receive_asked(void* into, std::size_t most) noexcept;
  // The engine takes bytes from the descriptor itself, as many as it needs and no more.
  bool reads_as_asked() const noexcept {
    const bool is_limited_handshake = shaking_hands_ && throttle() != nullptr;
    return !link_ && (!has_option(BEV_OPT_CLOSE_ON_FREE) || is_limited_handshake);
  }
  void on_writable() override { pump(Moves::flush); }
  void on_connected() override;
  void on_timeout(short direction) override;
  void on_output_added() override;
  void on_progress_below() override;
  void adjust_timeouts() override;
  void pause(short) override {}  // only asked for while we pump, and that ends in wait_as_needed()
  void unpause(short what) override;

  // --- tls_pump.cc; the program may free the stream in each of them
  // False: what it served is gone, freed or replaced by another connection.
  bool pump(Moves moves);
  void shake_hands();
  void finish_handshake();
  void continue_handshake();
  void move_plaintext(bool reads, bool writes);
  void read_plaintext();
  TlsResult read_piece(std::size_t most);
  void write_plaintext();
  TlsResult write_front(std::size_t most);
  bool send_ciphertext();
  bool is_harmless(int error) const noexcept;
  bool is_held_by_limits() const noexcept;
  void tell_written();
  void fail_with(TlsResult result, short side);
  void fail_wire(int error, short side);
  bool is_allowed_reset(short what, int error) const noexcept;
  bool is_gone() const noexcept { return is_freed() || replaced_; }
  bool is_stopped() const noexcept { return is_gone() || ended_ || parked_; }
  // A peer that said goodbye may be gone before it hears ours, the last thing that we send.
  bool needs_no_goodbye() const noexcept { return said_goodbye_ && read_ended_ && !ended_; }

  // --- tls_wait.cc
  void wait_as_needed();
  void wait_for_bytes(bool wanted);
  void wait_for_room();
  void time_handshake();
  std::optional<TimePoint> end_of_handshake();
  void forget_handshake_time();
  void run_timer(event& timer, const timeval& timeout, bool wanted);
  void continue_next_turn();
  void park();
  bool is_up() const noexcept;
  bool has_unread() const noexcept;
  evbuffer& incoming() noexcept { return link_ ? *link_.lower().input : inbound_; }
  evbuffer& outgoing() noexcept { return link_ ? *link_.lower().output : outbound_; }

  static void lower_read(bufferevent*, void* self);
  static void lower_write(bufferevent*, void* self);
  static void lower_event(bufferevent*, short what, void* self);
  static void wake_event(int, short, void* self);
  static void on_lower_ended(bufferevent*, bevel_shutdown_outcome outcome, void* self);

  std::unique_ptr<TlsEngine> engine_;
  UnderlyingLink link_;
  evbuffer inbound_;
  evbuffer outbound_;
  event wake_{};  // the next turn, or a descriptor of the engine's that we are parked on
  std::optional<TimePoint> handshake_ends_;  // the program's patience with the first one
  TlsState initial_state_;
  bool shaking_hands_ = false;  // for the first time
  bool renewing_ = false;       // the program is owed an event when the new handshake is over
  bool read_ended_ = false;     // the peer said goodbye; we may still write
  bool write_ended_ = false;    // the wire takes nothing more; we may still read
  bool ended_ = false;          // truncated or failed: nothing moves any more
  bool wire_ended_ = false;     // the wire said end of stream
  bool parked_ = false;
  bool reads_next_turn_ = false;     // so the wire is left alone until then
  bool write_is_blocked_ = false;    // by a handshake that has to come first
  bool engine_wants_bytes_ = false;  // for it
  bool wrote_plaintext_ = false;     // the program is owed a write callback
  bool in_engine_ = false;           // calls of the engine are ours, so sends may be collected
  bool is_pumping_ = false;
  bool said_goodbye_ = false;
  bool replaced_ = false;  // a callback of ours brought another connection
  int wire_error_ = 0;     // that the engine met and was not told of
  EndOutput lower_end_ = EndOutput::in_progress;
  std::uint8_t flags_ = 0;
};

}  // namespace ev
