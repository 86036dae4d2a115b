#include <event2/bevel_compress.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "soak/conversation.h"
#include "tls/support/openssl_context.h"

namespace soak {
namespace {

using tls_test::OpenSslContext;
using tls_test::Role;
using tls_test::Version;

// Takes bytes in pieces of its own, and turns each over: what passes it twice is what it was.
bufferevent_filter_result rewrite(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                  bufferevent_flush_mode, void*) {
  char bytes[3000];
  std::size_t most = sizeof bytes;
  if (limit >= 0) most = std::min(most, static_cast<std::size_t>(limit));
  const int size = evbuffer_remove(source, bytes, most);
  if (size <= 0) return BEV_NEED_MORE;
  for (int i = 0; i < size; i++) bytes[i] = static_cast<char>(~bytes[i]);
  evbuffer_add(destination, bytes, static_cast<std::size_t>(size));
  return BEV_OK;
}

SSL_CTX* context(Role role) {
  const OpenSslContext any(role, Version::tls13);
  SSL_CTX_set_min_proto_version(any.get(), TLS1_2_VERSION);
  SSL_CTX_up_ref(any.get());
  return any.get();
}

}  // namespace

Wires::Wires(event_base* loop)
    : loop_(loop),
      contexts_{context(Role::client), context(Role::server)},
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  ::listen(listener_, SOMAXCONN);  // on any port
}

Wires::~Wires() {
  ::close(listener_);
  for (SSL_CTX* one : contexts_) SSL_CTX_free(one);
}

const char* Wires::name_of(Kind kind) {
  static constexpr const char* names[kinds] = {"TCP",           "socket",      "pair",
                                               "filter",        "zlib",        "TLS",
                                               "TLS on filter", "TLS on pair", "filter on TLS"};
  return names[static_cast<std::size_t>(kind)];
}

bool Wires::make(Kind kind, Random& random, bufferevent* ends[2]) {
  switch (kind) {
    case Kind::tcp:
      return make_tcp(ends);
    case Kind::pair:
      return bufferevent_pair_new(loop_, 0, ends) == 0;
    case Kind::tls_on_pair:
      return bufferevent_pair_new(loop_, 0, ends) == 0 && add_tls(ends, false, random);
    default:
      break;
  }
  if (random.once_in(2) ? !make_tcp(ends) : !make_sockets(ends)) return false;
  constexpr int options = BEV_OPT_CLOSE_ON_FREE;
  if (kind == Kind::filter || kind == Kind::tls_on_filter) {
    for (int i = 0; i < 2; i++) ends[i] = filter(ends[i]);
  }
  if (kind == Kind::zlib) {
    for (int i = 0; i < 2; i++) ends[i] = bevel_filter_zlib_new(ends[i], nullptr, options);
  }
  if (kind == Kind::tls || kind == Kind::filter_on_tls) return add_tls(ends, true, random);
  return kind != Kind::tls_on_filter || add_tls(ends, false, random);
}

// Connected over the loopback interface there and then.
bool Wires::make_tcp(bufferevent* ends[2]) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ends[0] = bufferevent_socket_new(loop_, -1, BEV_OPT_CLOSE_ON_FREE);
  const bool begun = bufferevent_socket_connect(ends[0], reinterpret_cast<sockaddr*>(&address),
                                                static_cast<int>(length)) == 0;
  const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (!begun || accepted < 0) {
    bufferevent_free(ends[0]);
    if (accepted >= 0) ::close(accepted);
    return false;
  }
  ends[1] = bufferevent_socket_new(loop_, accepted, BEV_OPT_CLOSE_ON_FREE);
  return true;
}

bool Wires::make_sockets(bufferevent* ends[2]) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return false;
  for (int i = 0; i < 2; i++) {
    ends[i] = bufferevent_socket_new(loop_, fds[i], BEV_OPT_CLOSE_ON_FREE);
  }
  return true;
}

bufferevent* Wires::filter(bufferevent* below) {
  return bufferevent_filter_new(below, rewrite, rewrite, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr);
}

// Over the bufferevents, or in their places on their descriptors.
bool Wires::add_tls(bufferevent* ends[2], bool on_sockets, Random& random) {
  const bool is_old = random.once_in(2);
  const bool is_filtered = on_sockets && random.once_in(2);
  for (int i = 0; i < 2; i++) {
    SSL* ssl = SSL_new(contexts_[i]);
    SSL_set_max_proto_version(ssl, is_old ? TLS1_2_VERSION : TLS1_3_VERSION);
    const auto state = i == 0 ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING;
    constexpr int options = BEV_OPT_CLOSE_ON_FREE;
    if (!on_sockets) {
      ends[i] = bufferevent_openssl_filter_new(loop_, ends[i], ssl, state, options);
      continue;
    }
    const int fd = ::dup(bufferevent_getfd(ends[i]));
    bufferevent_free(ends[i]);
    ends[i] = bufferevent_openssl_socket_new(loop_, fd, ssl, state, options);
    if (is_filtered) ends[i] = filter(ends[i]);
  }
  return true;
}

}  // namespace soak
