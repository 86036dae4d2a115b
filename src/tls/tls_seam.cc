// What the core library exports to the adapters (engine.h), and the functions for the program that
// are the same for every TLS library.
#include <event2/bevel.h>
#include <event2/bufferevent_ssl.h>

#include <cerrno>

#include "sys/door.h"
#include "tls/tls_stream.h"

namespace {

ev::TlsStream* tls_stream_of(bufferevent* bev) {
  return bev == nullptr ? nullptr : ev::Stream::of(bev).as_tls_stream();
}

int refused() {
  errno = EINVAL;
  return -1;
}

// Fills in the loop. False: the parts do not fit together.
bool complete_setup(ev::TlsSetup& setup) {
  const bool unlocks = (setup.options & BEV_OPT_UNLOCK_CALLBACKS) != 0;
  const bool defers = (setup.options & BEV_OPT_DEFER_CALLBACKS) != 0;
  if (setup.state > ev::TlsState::accepting || (unlocks && !defers)) return false;
  if (setup.underlying == nullptr) return setup.loop != nullptr;
  ev::Loop* const below = &ev::Stream::of(setup.underlying).loop();
  if (setup.loop == nullptr) setup.loop = below;
  return setup.loop == below;
}

}  // namespace

bufferevent* bevel_tls_stream_new(const ev::TlsSetup* setup) noexcept {
  ev::TlsSetup complete = *setup;
  if (!complete_setup(complete)) return errno = EINVAL, nullptr;
  return ev::made_or_null([&] { return ev::TlsStream::make(complete); });
}

ev::TlsEngine* bevel_tls_engine(bufferevent* bev, const void* library) noexcept {
  ev::TlsStream* stream = tls_stream_of(bev);
  if (stream == nullptr) return nullptr;
  if (library != nullptr && stream->engine().library() != library) return nullptr;
  return &stream->engine();
}

std::uint64_t bevel_tls_change_flags(bufferevent* bev, std::uint64_t set,
                                     std::uint64_t clear) noexcept {
  constexpr std::uint64_t known = BUFFEREVENT_SSL_DIRTY_SHUTDOWN | BUFFEREVENT_SSL_BATCH_WRITE;
  ev::TlsStream* stream = tls_stream_of(bev);
  const std::uint64_t named = set | clear;
  if (stream == nullptr || (named != 0 && (named & known) == 0)) return EV_UINT64_MAX;
  ev::Hold hold(*stream);
  const std::uint64_t before = stream->flags();
  stream->set_flags((before | (set & known)) & ~clear);
  return before;
}

int bevel_tls_renegotiate(bufferevent* bev) noexcept {
  ev::TlsStream* stream = tls_stream_of(bev);
  if (stream == nullptr) return refused();
  ev::Hold hold(*stream);
  return ev::status([&] { return stream->renegotiate(); });
}

unsigned long bevel_tls_take_error(bufferevent* bev, const void* library) noexcept {
  ev::TlsStream* stream = tls_stream_of(bev);
  if (stream == nullptr || stream->engine().library() != library) return 0;
  ev::Hold hold(*stream);
  return stream->engine().take_error();
}

int bevel_tls_key_update(bufferevent* bev, int ask_peer) {
  ev::TlsStream* stream = tls_stream_of(bev);
  if (stream == nullptr) return refused();
  ev::Hold hold(*stream);
  return ev::status([&] { return stream->update_keys(ask_peer != 0); });
}

int bevel_tls_resume(bufferevent* bev) {
  ev::TlsStream* stream = tls_stream_of(bev);
  if (stream == nullptr) return refused();
  ev::Hold hold(*stream);
  return ev::status([&] { return stream->resume_handshake(); });
}
