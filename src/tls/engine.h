// The seam between our TLS state machine (tls_stream.h, in the core library) and one TLS library (a
// small adapter in a shared library of its own, e.g. openssl/engine.h). The adapter translates; it
// decides nothing.
//
// Both sides are compiled apart: nothing here throws, and an engine takes its memory through what
// the core exports (sys/seam.h), so that event_set_mem_functions() sees it.
#pragma once

#include <event2/bufferevent_ssl.h>
#include <event2/visibility.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

#include "sys/io_result.h"
#include "sys/seam.h"

struct bufferevent;
struct event_base;

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
enum class TlsState : int { open = 0, connecting = 1, accepting = 2 };

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

class TlsEngine : public AllocatedAcross {
 public:
  virtual ~TlsEngine() = default;

  // Connects the library to the wire, to play this part. Until then the connection object is not
  // touched. False: no memory, and it still is not.
  virtual bool attach(TlsWire& wire, TlsState state) noexcept = 0;
  // The last call before the wire goes. Owned: the library's connection object goes with the
  // engine; otherwise it is left to the program, talking to the plain descriptor if there is one.
  virtual void detach(bool owned) noexcept = 0;
  // Forgets the old connection and is ready for a new one, playing this part. False: this library's
  // connection object serves one connection only.
  virtual bool restart(TlsState state) noexcept = 0;

  // The first handshake; or one that renegotiate() began. In that one it answers want_read also
  // when plaintext stands in the way.
  virtual TlsResult handshake() noexcept = 0;
  // Of a first handshake that is done: the peer needs nothing of what was sent last. A server of TLS
  // 1.3 ends with tickets.
  virtual bool ended_with_tickets() const noexcept = 0;
  virtual TlsResult read(void* into, std::size_t most) noexcept = 0;
  virtual TlsResult write(const void* from, std::size_t size) noexcept = 0;
  virtual TlsResult say_goodbye() noexcept = 0;  // queues close_notify
  // Bytes that read() probably gives without the wire. Nothing more once it has answered want_read.
  virtual std::size_t pending() const noexcept = 0;

  // Begins a new handshake on an open connection; false: this version of TLS has none, or one is on
  // its way, perhaps begun by the peer. From then on
  // read() carries it forward as well as handshake(), and write() answers want_read while it must
  // wait for it.
  virtual bool renegotiate() noexcept = 0;
  virtual bool update_keys(bool ask_peer) noexcept = 0;

  // While parked: a descriptor that becomes readable when it is worth to go on; -1: the program
  // will say so.
  virtual int wake_descriptor() noexcept { return -1; }
  // The first error code not yet taken, in the library's own format; 0: none.
  virtual unsigned long take_error() noexcept = 0;

  // Which library, and its connection object (SSL* and the like).
  virtual const void* library() const noexcept = 0;
  virtual void* handle() const noexcept = 0;
};

struct TlsSetup {
  event_base* loop = nullptr;  // null: that of the underlying one
  int fd = -1;
  bufferevent* underlying = nullptr;  // null: on the descriptor
  TlsEngine* engine = nullptr;        // taken on success only
  TlsState state = TlsState::open;
  int options = 0;  // bufferevent_options
};

}  // namespace ev

extern "C" {
// Null, with errno, for a setup that makes no sense and without memory.
EVENT2_EXPORT_SYMBOL bufferevent* bevel_tls_stream_new(const ev::TlsSetup* setup) noexcept;
// The engine of `bev`, or null when it is not a TLS stream of that library (null: of any).
EVENT2_EXPORT_SYMBOL ev::TlsEngine* bevel_tls_engine(bufferevent* bev,
                                                     const void* library) noexcept;
// Sets and clears BUFFEREVENT_SSL_* flags; the flags before, or EV_UINT64_MAX for what is no TLS
// stream or no flag.
EVENT2_EXPORT_SYMBOL std::uint64_t bevel_tls_change_flags(bufferevent* bev, std::uint64_t set,
                                                          std::uint64_t clear) noexcept;
EVENT2_EXPORT_SYMBOL int bevel_tls_renegotiate(bufferevent* bev) noexcept;
// The first error code of the engine not yet taken, under the stream's lock; 0: none, or no TLS
// stream of that library.
EVENT2_EXPORT_SYMBOL unsigned long bevel_tls_take_error(bufferevent* bev,
                                                        const void* library) noexcept;
}

namespace ev {

// A stream over `connection`, an object of Engine's library. On failure nothing is consumed and the
// connection is as it was.
template <class Engine, class Connection>
bufferevent* new_tls_stream(Connection* connection, TlsSetup setup) noexcept {
  if (connection == nullptr) return errno = EINVAL, nullptr;
  auto* engine = new (std::nothrow) Engine(connection);
  if (engine == nullptr) return errno = ENOMEM, nullptr;
  setup.engine = engine;
  bufferevent* bev = bevel_tls_stream_new(&setup);
  if (bev == nullptr) delete engine;
  return bev;
}

// The connection object of a stream of Engine's library; null for others.
template <class Engine>
void* tls_connection_of(bufferevent* bev) noexcept {
  const TlsEngine* engine = bevel_tls_engine(bev, Engine::identity());
  return engine == nullptr ? nullptr : engine->handle();
}

// Whether the flag for it is set: 0 or 1, -1 for what is no TLS stream.
inline int tls_allows_dirty_shutdown(bufferevent* bev) noexcept {
  const std::uint64_t flags = bevel_tls_change_flags(bev, 0, 0);
  if (flags == EV_UINT64_MAX) return -1;
  return (flags & BUFFEREVENT_SSL_DIRTY_SHUTDOWN) != 0 ? 1 : 0;
}

inline void tls_allow_dirty_shutdown(bufferevent* bev, bool allow) noexcept {
  constexpr std::uint64_t flag = BUFFEREVENT_SSL_DIRTY_SHUTDOWN;
  bevel_tls_change_flags(bev, allow ? flag : 0, allow ? 0 : flag);
}

}  // namespace ev
