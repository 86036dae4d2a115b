// What the core library exports to the adapters (engine.h).
#include <event2/bufferevent_ssl.h>

#include "sys/door.h"
#include "tls/tls_stream.h"

namespace {

ev::TlsStream* tls_stream_of(bufferevent* bev) {
  return bev == nullptr ? nullptr : ev::Stream::of(bev).as_tls_stream();
}

}  // namespace

bufferevent* bevel_tls_stream_new(const ev::TlsSetup* setup) noexcept {
  return ev::made_or_null([&] { return ev::TlsStream::make(*setup); });
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
  if (stream == nullptr) return -1;
  ev::Hold hold(*stream);
  return ev::status([&] { return stream->renegotiate(); });
}

void* bevel_memory_allocate(std::size_t size) noexcept { return ev::try_allocate(size); }

void bevel_memory_release(void* memory) noexcept { ev::release(memory); }
