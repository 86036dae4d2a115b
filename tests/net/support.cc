#include "net/support.h"

#include <dirent.h>
#include <poll.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "net/socket.h"
#include "sys/clock.h"
#include "sys/memory.h"

namespace ev::test {
namespace {

std::atomic<long> left_until_failure = Memory::unlimited;
std::atomic<long> balance = 0;
std::atomic<bool> failed = false;

bool may_allocate() {
  if (left_until_failure == Memory::unlimited) return true;
  if (left_until_failure > 0) {
    left_until_failure--;
    return true;
  }
  failed = true;
  return false;
}

void* counted_malloc(std::size_t size) {
  if (!may_allocate()) return nullptr;
  balance++;
  return std::malloc(size);
}

void* counted_realloc(void* old, std::size_t size) {
  if (!may_allocate()) return nullptr;
  if (old == nullptr) balance++;
  return std::realloc(old, size);
}

void counted_free(void* memory) {
  balance--;
  std::free(memory);
}

std::size_t entries_of(const char* directory) {
  DIR* open = opendir(directory);
  std::size_t count = 0;
  while (readdir(open) != nullptr) count++;
  closedir(open);
  return count - 2;  // "." and ".."
}

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

Memory::Memory(long left) {
  balance = 0;
  set_left(left);
  set_memory_functions(counted_malloc, counted_realloc, counted_free);
}

Memory::~Memory() { set_memory_functions(nullptr, nullptr, nullptr); }

void Memory::set_left(long left) {
  failed = false;
  left_until_failure = left;
}

bool Memory::ran_out() const { return failed; }

long Memory::outstanding() const { return balance; }

std::size_t open_descriptors() { return entries_of("/proc/self/fd") - 1; }

std::size_t running_threads() { return entries_of("/proc/self/task"); }

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
