// A bufferevent that speaks TLS, on a descriptor or on another bufferevent, with any TLS library
// behind TlsEngine.
//
//   input  <- read()  <- engine <- receive() <- inbound_  <- one recv   of up to 128 KiB
//   output -> write() -> engine -> send()    -> outbound_ -> one send   of all records of this turn
//
// On another bufferevent its input and output take the places of inbound_ and outbound_. Every path
// ends in pump(): shake hands, decrypt, encrypt, send, and then say what to wait for. Bytes that
// the engine or inbound_ holds while the stream may not read are remembered by has_unread():
// whoever resumes the stream pumps it.
#pragma once

#include <memory>

#include "stream/fd_stream.h"
#include "stream/underlying_link.h"
#include "tls/engine.h"

namespace ev {

class TlsStream final : public FdStream, private TlsWire {
 public:
  // Takes the engine only when it succeeds. Throws std::bad_alloc.
  static TlsStream* make(const TlsSetup& setup);

  TlsEngine& engine() noexcept { return *engine_; }
  // BUFFEREVENT_SSL_* flags. Records are filled across segments always, so BATCH_WRITE changes
  // nothing but its own report.
  std::uint64_t flags() const noexcept { return flags_; }
  void set_flags(std::uint64_t flags) noexcept { flags_ = static_cast<std::uint8_t>(flags); }
  bool renegotiate();
  bool update_keys(bool ask_peer);
  // What a parked handshake waited for is there.
  void resume_handshake() { flush_soon(); }

  static constexpr std::size_t record_size = 16384;  // the most plaintext that one record carries
  static constexpr std::size_t most_ciphertext = 128 * 1024;  // that we hold in either direction

  bool start(short what) override;
  void stop(short what) override;
  int fd() const noexcept override;
  bool set_fd(int fd) override;
  Stream* underlying() const noexcept override { return link_.pointer(); }
  TlsStream* as_tls_stream() noexcept override { return this; }
  EndOutput end_output() override;
  bool is_drained() const noexcept override;
  bool is_ready_to_end() const noexcept override { return is_drained() && !shaking_hands_; }

 private:
  TlsStream(const TlsSetup& setup, int fd);
  ~TlsStream() override;

  // --- TlsWire: what the engine sees ---
  IoResult receive(void* into, std::size_t most) noexcept override;
  IoResult send(const void* from, std::size_t size) noexcept override;
  int descriptor() const noexcept override { return FdStream::fd(); }

  void on_readable() override;
  void on_writable() override;
  void on_connected() override;
  void on_timeout(short direction) override;
  void on_output_changed(std::size_t added, std::size_t deleted) override;

  void pump();
  bool shake_hands();
  void read_plaintext();
  void write_plaintext();
  TlsResult write_front();
  bool send_ciphertext();
  void tell_written();
  void wait_as_needed();
  void wait_for_bytes(bool wanted);
  void park();
  void fail_with(TlsResult result, short side);
  void fail_wire(IoResult result, short side);
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
  std::unique_ptr<event, void (*)(event*)> wake_;  // while parked on a descriptor of the engine's
  TlsState initial_state_;
  bool shaking_hands_ = false;
  bool read_ended_ = false;  // the peer said goodbye; we may still write
  bool ended_ = false;       // truncated or failed: nothing moves any more
  bool wire_ended_ = false;  // the wire said end of stream
  bool parked_ = false;
  bool engine_wants_bytes_ = false;  // a handshake or a write waits for the peer
  bool wrote_plaintext_ = false;     // the program is owed a write callback
  bool in_engine_ = false;           // calls of the engine are ours, so sends may be collected
  bool is_pumping_ = false;
  bool said_goodbye_ = false;
  EndOutput lower_end_ = EndOutput::in_progress;
  std::uint8_t flags_ = 0;
};

}  // namespace ev
