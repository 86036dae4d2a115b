// What the tests of this layer share: a loop that runs until something has happened, and sockets.
#pragma once

#include <event2/event.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "net/address.h"
#include "support/resources.h"
#include "sys/fd.h"

namespace ev::test {

class LoopTest : public testing::Test {
 protected:
  LoopTest();
  ~LoopTest() override;

  // Turns the loop until `done`; false when that did not happen within five seconds.
  bool run_until(const std::function<bool()>& done);
  void run_for(std::chrono::milliseconds time);
  void free_loop();

  event_base* loop_;
};

using ::test::Memory;
using ::test::open_descriptors;
using ::test::running_threads;

struct Endpoint {
  Fd fd;
  SocketAddress address;
};
// Sockets on 127.0.0.1. Refusing: bound, but nobody listens. Silent: the backlog is full, so that a
// connect neither succeeds nor fails.
Endpoint listening(int backlog = 16);
Endpoint refusing();
struct SilentEndpoint : Endpoint {
  std::vector<Fd> clients;
};
SilentEndpoint silent();

// A blocking connection to it.
Fd client_of(const SocketAddress& address);

// A list for freeaddrinfo(), in this order.
addrinfo* list_of(const std::vector<SocketAddress>& addresses);
std::size_t length_of(const addrinfo* list);

}  // namespace ev::test
