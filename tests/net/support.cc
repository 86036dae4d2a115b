#include "net/support.h"

#include <poll.h>

#include <cstring>

#include "net/socket.h"
#include "sys/clock.h"

namespace ev::test {
namespace {

void stop(int, short, void*) {}

SocketAddress address_of(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  getsockname(fd, address.get(), &address.length);
  return address;
}

}  // namespace

LoopTest::LoopTest() : loop_(event_base_new()) {}

LoopTest::~LoopTest() { free_loop(); }

void LoopTest::free_loop() {
  if (loop_ != nullptr) event_base_free(loop_);
  loop_ = nullptr;
}

bool LoopTest::run_until(const std::function<bool()>& done) {
  const TimePoint give_up = monotonic_now() + std::chrono::seconds(5);
  event* guard = event_new(loop_, -1, EV_PERSIST, stop, nullptr);
  const timeval period{1, 0};
  event_add(guard, &period);
  while (!done() && monotonic_now() < give_up) event_base_loop(loop_, EVLOOP_ONCE);
  event_free(guard);
  return done();
}

void LoopTest::run_for(std::chrono::milliseconds time) {
  const timeval exit_time = to_timeval(time);
  event_base_loopexit(loop_, &exit_time);
  event_base_dispatch(loop_);
}

Endpoint refusing() {
  Endpoint endpoint;
  SocketAddress any;
  parse_address("127.0.0.1", any);
  endpoint.fd = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(bind(endpoint.fd.get(), any.get(), any.length), 0);
  endpoint.address = address_of(endpoint.fd.get());
  return endpoint;
}

Endpoint listening(int backlog) {
  Endpoint endpoint = refusing();
  EXPECT_EQ(listen(endpoint.fd.get(), backlog), 0);
  return endpoint;
}

SilentEndpoint silent() {
  SilentEndpoint endpoint;
  static_cast<Endpoint&>(endpoint) = listening(0);
  // The kernel takes one or two more than the backlog says.
  for (bool full = false; !full;) {
    Fd client = make_socket(AF_INET, SOCK_STREAM);
    start_connect(client.get(), endpoint.address.get(), endpoint.address.length);
    pollfd wait{client.get(), POLLOUT, 0};
    full = poll(&wait, 1, 20) == 0;
    endpoint.clients.push_back(std::move(client));
  }
  return endpoint;
}

Fd client_of(const SocketAddress& address) {
  Fd client(socket(address.storage.ss_family, SOCK_STREAM, 0));
  EXPECT_EQ(connect(client.get(), address.get(), address.length), 0) << std::strerror(errno);
  return client;
}

addrinfo* list_of(const std::vector<SocketAddress>& addresses) {
  addrinfo* first = nullptr;
  addrinfo** end = &first;
  for (const SocketAddress& address : addresses) {
    // As getaddrinfo() lays it out: freeaddrinfo() frees one block.
    auto* made = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo) + sizeof address.storage));
    made->ai_family = address.storage.ss_family;
    made->ai_socktype = SOCK_STREAM;
    made->ai_addr = reinterpret_cast<sockaddr*>(made + 1);
    made->ai_addrlen = address.length;
    std::memcpy(made->ai_addr, address.get(), address.length);
    *end = made;
    end = &made->ai_next;
  }
  return first;
}

std::size_t length_of(const addrinfo* list) {
  std::size_t length = 0;
  for (; list != nullptr; list = list->ai_next) length++;
  return length;
}

}  // namespace ev::test
