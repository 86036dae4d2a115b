#include "tls/support/peer.h"

#include <event2/util.h>
#include <event2/watch.h>
#include <sys/socket.h>

#include <algorithm>

namespace tls_test {

// --- Loop ---

Loop::Loop()
    : base_(event_base_new()),
      tick_(event_new(base_, -1, EV_TIMEOUT | EV_PERSIST, on_tick, this)) {}

Loop::~Loop() {
  event_free(tick_);
  // What was freed in the last callbacks goes in the next turns.
  turns(3);
  event_base_free(base_);
}

void Loop::on_tick(evutil_socket_t, short, void* self) { static_cast<Loop*>(self)->ticks_++; }

bool Loop::run_until(const std::function<bool()>& done) {
  const timeval interval{0, 10000};
  constexpr int patience = 1000;
  ticks_ = 0;
  event_add(tick_, &interval);
  bool is_done;
  while (!(is_done = done()) && ticks_ < patience) event_base_loop(base_, EVLOOP_ONCE);
  event_del(tick_);
  return is_done;
}

int Loop::wakeups() {
  int count = 0;
  evwatch* watcher = evwatch_prepare_new(
      base_,
      [](evwatch*, const evwatch_prepare_cb_info*, void* number) { ++*static_cast<int*>(number); },
      &count);
  const timeval time{0, 20000};
  event_base_loopexit(base_, &time);
  event_base_dispatch(base_);
  evwatch_free(watcher);
  return count;
}

// --- Peer ---

void Peer::own(bufferevent* bev) {
  bev_ = bev;
  if (bev != nullptr) bufferevent_setcb(bev, read_callback, write_callback, event_callback, this);
}

void Peer::free() {
  if (bev_ != nullptr) bufferevent_free(bev_);
  bev_ = nullptr;
}

bufferevent* Peer::give_away() {
  bufferevent* given = bev_;
  bufferevent_setcb(given, nullptr, nullptr, nullptr, nullptr);
  bev_ = nullptr;
  return given;
}

void Peer::take(std::size_t most) {
  std::string bytes(std::min(most, waiting()), '\0');
  bytes.resize(bufferevent_read(bev_, bytes.data(), bytes.size()));
  received += bytes;
}

int Peer::count(short what) const {
  return static_cast<int>(std::count(events.begin(), events.end(), what));
}

bool Peer::has(short flag) const {
  return std::any_of(events.begin(), events.end(), [=](short what) { return (what & flag) != 0; });
}

void Peer::read_callback(bufferevent*, void* self) {
  Peer& peer = *static_cast<Peer*>(self);
  peer.reads++;
  if (peer.on_read) {
    peer.on_read();
  } else {
    peer.take();
  }
}

void Peer::write_callback(bufferevent*, void* self) {
  Peer& peer = *static_cast<Peer*>(self);
  peer.writes++;
  if (peer.on_write) peer.on_write();
}

void Peer::event_callback(bufferevent*, short what, void* self) {
  Peer& peer = *static_cast<Peer*>(self);
  peer.events.push_back(what);
  if (peer.on_event) peer.on_event(what);
}

// --- Conversation ---

std::string name_of(Transport transport) {
  switch (transport) {
    case Transport::socket:
      return "Socket";
    case Transport::pair:
      return "Pair";
    default:
      return "Filter";
  }
}

void make_sockets(int sockets[2]) {
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets);
}

Conversation::Conversation(Library& client_library, Library& server_library, Version version,
                           Transport transport, int options)
    : Conversation(client_library, client_library.connection(Role::client, version), server_library,
                   server_library.connection(Role::server, version), transport, options) {}

Conversation::Conversation(Library& client_library, void* client_connection,
                           Library& server_library, void* server_connection, Transport transport,
                           int options)
    : client_library_(client_library), server_library_(server_library) {
  event_base* base = loop.base();
  if (transport == Transport::socket) {
    int sockets[2];
    make_sockets(sockets);
    client.own(client_library.over_socket(base, sockets[0], client_connection,
                                          BUFFEREVENT_SSL_CONNECTING, options));
    server.own(server_library.over_socket(base, sockets[1], server_connection,
                                          BUFFEREVENT_SSL_ACCEPTING, options));
    return;
  }
  bufferevent* below[2];
  bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE, below);
  if (transport == Transport::filter) {
    for (bufferevent*& end : below) {
      end = bufferevent_filter_new(end, nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr);
    }
  }
  client.own(
      client_library.over(base, below[0], client_connection, BUFFEREVENT_SSL_CONNECTING, options));
  server.own(
      server_library.over(base, below[1], server_connection, BUFFEREVENT_SSL_ACCEPTING, options));
}

bool Conversation::connect() {
  client.enable(EV_READ | EV_WRITE);
  server.enable(EV_READ | EV_WRITE);
  return run_until([&] { return !client.events.empty() && !server.events.empty(); }) &&
         client.events == std::vector<short>{BEV_EVENT_CONNECTED} &&
         server.events == std::vector<short>{BEV_EVENT_CONNECTED};
}

}  // namespace tls_test
