// The load of the accept benchmarks: opens connections in small groups. With size 0 it waits for
// the server to close each; otherwise it exchanges one message with each and closes.

#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"
#include "common/window.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "connect_client: %s\n", what);
  std::exit(1);
}

void wait_for_answer(int fd, std::size_t size) {
  std::vector<char> answer(size + 1);
  std::size_t received = 0;
  while (received < size || size == 0) {
    const ssize_t got = recv(fd, answer.data(), answer.size(), 0);
    if (got < 0) bench::die("recv");
    if (got == 0) break;
    received += static_cast<std::size_t>(got);
  }
  if (received != size) fail("the answer has the wrong length");
}

// All connections of a group exist at the same time, so that the server can accept several at once.
void run_group(std::uint16_t port, std::vector<int>& group, const std::vector<char>& message,
               bench::Window& window) {
  for (int& fd : group) {
    fd = bench::connect_to(port);
    if (!message.empty()) bench::checked(int(send(fd, message.data(), message.size(), 0)), "send");
  }
  for (const int fd : group) {
    wait_for_answer(fd, message.size());
    bench::close_with_reset(fd);
    window.count(message.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const auto port = options.integer<std::uint16_t>("port", 0);
  std::vector<int> group(options.integer<std::size_t>("connections", 16));
  const std::vector<char> message(options.integer<std::size_t>("size", 0), 'x');
  bench::Window window(options.number("warmup", 0.2), options.number("seconds", 1),
                       options.integer<pid_t>("server", 0));
  while (window.open()) run_group(port, group, message, window);
  window.print();
  return 0;
}
