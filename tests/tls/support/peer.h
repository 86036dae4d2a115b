// Two ends of a conversation, each keeping what its callbacks were told, on one loop.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <functional>
#include <string>
#include <vector>

#include "support/pattern.h"
#include "tls/support/library.h"

namespace tls_test {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  event_base* base() const { return base_; }
  // False: it did not come true within ten seconds.
  bool run_until(const std::function<bool()>& done);
  // What is ready now, without waiting.
  void turn() { event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }
  void turns(int count) {
    for (int i = 0; i < count; i++) turn();
  }
  // How often it wakes up within 20 milliseconds. More than a few times: somebody burns time.
  int wakeups();

 private:
  static void on_tick(evutil_socket_t, short, void* self);

  event_base* base_;
  event* tick_;  // so that the condition is looked at again when nothing else happens
  int ticks_ = 0;
};

class Peer {
 public:
  Peer() = default;
  ~Peer() { free(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // From now on it is ours: listened to, and freed.
  void own(bufferevent* bev);
  bufferevent* bev() const { return bev_; }
  void free();
  bufferevent* give_away();

  void write(const std::string& text) { bufferevent_write(bev_, text.data(), text.size()); }
  void enable(short what) { bufferevent_enable(bev_, what); }
  void disable(short what) { bufferevent_disable(bev_, what); }
  std::size_t waiting() const { return evbuffer_get_length(bufferevent_get_input(bev_)); }
  // Takes bytes from the input to `received`.
  void take(std::size_t most = SIZE_MAX);
  int count(short what) const;  // events that are exactly this
  bool has(short flag) const;   // an event with this flag
  void forget() {               // what it heard so far
    events.clear();
    received.clear();
  }

  std::string received;
  std::vector<short> events;
  int reads = 0;
  int writes = 0;

  // In place of taking everything.
  std::function<void()> on_read;
  std::function<void()> on_write;
  std::function<void(short)> on_event;

 private:
  static void read_callback(bufferevent*, void* self);
  static void write_callback(bufferevent*, void* self);
  static void event_callback(bufferevent*, short what, void* self);

  bufferevent* bev_ = nullptr;
};

// What carries TLS: a socket, a pair of bufferevents, or a filter on each end of a pair.
enum class Transport { socket, pair, filter };
std::string name_of(Transport transport);

// A non-blocking connected pair of sockets.
void make_sockets(int sockets[2]);

class Conversation {
 public:
  Conversation(Library& client_library, Library& server_library, Version version,
               Transport transport = Transport::socket, int options = BEV_OPT_CLOSE_ON_FREE);
  // With connection objects of the test's.
  Conversation(Library& client_library, void* client_connection, Library& server_library,
               void* server_connection, Transport transport = Transport::socket,
               int options = BEV_OPT_CLOSE_ON_FREE);

  // Both ends enabled; false if the handshakes do not finish.
  bool connect();
  bool run_until(const std::function<bool()>& done) { return loop.run_until(done); }
  Library& library(Role role) { return role == Role::client ? client_library_ : server_library_; }
  Peer& peer(Role role) { return role == Role::client ? client : server; }
  void* connection(Role role) { return library(role).connection_of(peer(role).bev()); }

  Loop loop;
  Peer client;
  Peer server;

 private:
  Library& client_library_;
  Library& server_library_;
};

// Bytes that show where they were cut or mixed.
using test::pattern;

}  // namespace tls_test
