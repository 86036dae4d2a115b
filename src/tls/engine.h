// The seam between our TLS state machine (tls_stream.h, in the core library) and one TLS library (a
// small adapter in a shared library of its own, e.g. openssl/engine.h). The adapter translates; it
// decides nothing.
//
// Both sides are compiled apart: nothing here throws, and an engine takes its memory through the
// two functions that the core exports, so that event_set_mem_functions() sees it.
#pragma once

#include <event2/visibility.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "sys/io_result.h"

struct bufferevent;
struct event_base;

// What the core library exports to our TLS libraries and to nobody else.
extern "C" {
EVENT2_EXPORT_SYMBOL void* bevel_memory_allocate(std::size_t size) noexcept;  // null: no memory
EVENT2_EXPORT_SYMBOL void bevel_memory_release(void* memory) noexcept;
}

namespace ev {

enum class TlsStatus : std::uint8_t {
  done,        // count bytes moved, or the handshake is complete
  want_read,   // nothing more before the wire has bytes
  want_write,  // nothing more before the wire takes bytes
  parked,  // the program or another thread must act first (a certificate callback, an asynchronous
           // key)
  closed,  // the peer ended the connection properly
  truncated,  // the wire ended without the peer's goodbye
  failed      // a fatal error; take_error() has the codes
};

struct TlsResult {
  TlsStatus status = TlsStatus::failed;
  std::size_t count = 0;
};

// How a connection begins; the values are those of bufferevent_ssl_state.
enum class TlsState : std::uint8_t { open = 0, connecting = 1, accepting = 2 };

// What carries the ciphertext. The stream implements it; the engine calls it from inside its own
// calls.
class TlsWire {
 public:
  virtual IoResult receive(void* into, std::size_t most) noexcept = 0;
  virtual IoResult send(const void* from, std::size_t size) noexcept = 0;
  virtual int descriptor() const noexcept = 0;  // -1: none

 protected:
  ~TlsWire() = default;
};

class TlsEngine {
 public:
  virtual ~TlsEngine() = default;

  // Connects the library to the wire. False: no memory.
  virtual bool attach(TlsWire& wire) noexcept = 0;
  // The last call before the wire goes. Owned: the library's connection object goes with the
  // engine; otherwise it is left to the program, talking to the plain descriptor if there is one.
  virtual void detach(bool owned) noexcept = 0;
  // Forgets the old connection and is ready for a new one, playing this part.
  virtual void restart(TlsState state) noexcept = 0;

  virtual TlsResult handshake() noexcept = 0;
  virtual TlsResult read(void* into, std::size_t most) noexcept = 0;
  virtual TlsResult write(const void* from, std::size_t size) noexcept = 0;
  virtual TlsResult say_goodbye() noexcept = 0;  // queues close_notify
  virtual std::size_t pending()
      const noexcept = 0;  // decrypted bytes that read() gives without the wire

  virtual bool renegotiate() noexcept = 0;  // false: this version of TLS has none
  virtual bool update_keys(bool ask_peer) noexcept = 0;

  // While parked: a descriptor that becomes readable when it is worth to go on; -1: the program
  // will say so.
  virtual int wake_descriptor() noexcept { return -1; }
  // The oldest error code not yet taken, in the library's own format; 0: none.
  virtual unsigned long take_error() noexcept = 0;

  // Which library, and its connection object (SSL* and the like).
  virtual const void* library() const noexcept = 0;
  virtual void* handle() const noexcept = 0;

  static void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return bevel_memory_allocate(size);
  }
  static void operator delete(void* memory) noexcept { bevel_memory_release(memory); }
  static void operator delete(void* memory, const std::nothrow_t&) noexcept {
    bevel_memory_release(memory);
  }
};

struct TlsSetup {
  event_base* loop = nullptr;
  int fd = -1;
  bufferevent* underlying = nullptr;  // null: on the descriptor
  TlsEngine* engine = nullptr;        // taken on success only
  TlsState state = TlsState::open;
  int options = 0;  // bufferevent_options
};

}  // namespace ev

extern "C" {
EVENT2_EXPORT_SYMBOL bufferevent* bevel_tls_stream_new(const ev::TlsSetup* setup) noexcept;
// The engine of `bev`, or null when it is not a TLS stream of that library (null: of any).
EVENT2_EXPORT_SYMBOL ev::TlsEngine* bevel_tls_engine(bufferevent* bev,
                                                     const void* library) noexcept;
// Sets and clears BUFFEREVENT_SSL_* flags; the flags before, or EV_UINT64_MAX for what is no TLS
// stream or no flag.
EVENT2_EXPORT_SYMBOL std::uint64_t bevel_tls_change_flags(bufferevent* bev, std::uint64_t set,
                                                          std::uint64_t clear) noexcept;
EVENT2_EXPORT_SYMBOL int bevel_tls_renegotiate(bufferevent* bev) noexcept;
}
