#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "sys/fd.h"
#include "sys/memory.h"

namespace test {
namespace {

struct Ends {
  ev::Fd near;
  ev::Fd far;
};

Ends make_sockets() {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  return {ev::Fd(fds[0]), ev::Fd(fds[1])};
}

Ends make_pipe() {
  int fds[2];
  EXPECT_EQ(pipe2(fds, O_NONBLOCK), 0);
  return {ev::Fd(fds[1]), ev::Fd(fds[0])};  // near is for writing
}

std::string drain_fd(int fd) {
  std::string all;
  char bytes[65536];
  for (ssize_t got; (got = read(fd, bytes, sizeof(bytes))) > 0;)
    all.append(bytes, static_cast<std::size_t>(got));
  return all;
}

void feed(int fd, const std::string& bytes) {
  EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

TEST(ReadFrom, TakesWhatIsThere) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  feed(ends.far.get(), "hello");
  EXPECT_EQ(buffer.read_from(ends.near.get(), 100, 16384).count, 5);
  EXPECT_EQ(contents_of(buffer), "hello");
  EXPECT_TRUE(buffer.read_from(ends.near.get(), 100, 16384).would_block());
}

TEST(ReadFrom, NeverMoreThanAllowed) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  feed(ends.far.get(), std::string(50000, 'x'));
  EXPECT_EQ(buffer.read_from(ends.near.get(), 100, 16384).count, 100);
  EXPECT_EQ(buffer.read_from(ends.near.get(), 100000, 300).count, 300);
  EXPECT_EQ(buffer.read_from(ends.near.get(), 100000, 16384).count, 16384);
  EXPECT_TRUE(buffer.read_from(ends.near.get(), 0, 16384).would_block())
      << "not the end of the stream";
  EXPECT_EQ(buffer.size(), 16784U);
}

TEST(ReadFrom, SmallPiecesGatherInOneChain) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(30, static_cast<char>('a' + i % 26));
    feed(ends.far.get(), piece);
    all += piece;
    ASSERT_EQ(buffer.read_from(ends.near.get(), 65536, 65536).count, 30);
  }
  EXPECT_EQ(contents_of(buffer), all);
  EXPECT_LE(extents_of(buffer).size(), 6U);
}

// A copy pays only when a smaller chain holds it and a read fills little of what was asked for.
TEST(ReadFrom, KeepsTheChainThatFits) {
  static int allocations;
  const Ends ends = make_sockets();
  const auto read_once = [&](std::size_t size, std::size_t most) {
    feed(ends.far.get(), std::string(size, 'x'));
    evbuffer buffer;
    allocations = 0;
    EXPECT_EQ(buffer.read_from(ends.near.get(), most, most).count, static_cast<ssize_t>(size));
    return allocations;
  };
  ev::set_memory_functions(
      [](std::size_t size) {
        ++allocations;
        return std::malloc(size);
      },
      std::realloc, std::free);
  EXPECT_EQ(read_once(2000, 2000), 1);
  EXPECT_EQ(read_once(5000, 16384), 1);
  EXPECT_EQ(read_once(4096, 16384), 1);
  EXPECT_EQ(read_once(2000, 16384), 2);
  ev::set_memory_functions(nullptr, nullptr, nullptr);
}

TEST(ReadFrom, TellsTheEndFromAnError) {
  Ends ends = make_sockets();
  evbuffer buffer;
  ends.far.reset();
  EXPECT_TRUE(buffer.read_from(ends.near.get(), 100, 100).end_of_stream());
  EXPECT_EQ(buffer.read_from(-1, 100, 100).error, EBADF);
}

TEST(Read, IsBoundedByTheBuffersMaximum) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  feed(ends.far.get(), std::string(50000, 'x'));
  EXPECT_EQ(buffer.max_read(), evbuffer::default_max_read);
  EXPECT_EQ(buffer.read(ends.near.get(), -1).count,
            static_cast<ssize_t>(evbuffer::default_max_read));
  ASSERT_TRUE(buffer.set_max_read(1000));
  EXPECT_EQ(buffer.read(ends.near.get(), -1).count, 1000);
  EXPECT_EQ(buffer.read(ends.near.get(), 5000).count, 1000);
  EXPECT_EQ(buffer.read(ends.near.get(), 10).count, 10);
  EXPECT_EQ(buffer.read(ends.near.get(), 0).count, 0);
  EXPECT_FALSE(buffer.set_max_read(std::size_t{INT_MAX} + 1));
  EXPECT_EQ(buffer.max_read(), 1000U);
}

TEST(WriteTo, SendsManyChainsAtOnce) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  append_chains(buffer, {"abc", "def", "ghi"});
  EXPECT_EQ(buffer.write_to(ends.near.get(), 4).count, 4);
  EXPECT_EQ(drain_fd(ends.far.get()), "abcd");
  EXPECT_EQ(buffer.write_to(ends.near.get(), 100).count, 5);
  EXPECT_EQ(drain_fd(ends.far.get()), "efghi");
  EXPECT_TRUE(buffer.write_to(ends.near.get(), 100).would_block()) << "nothing to write";
}

TEST(WriteTo, MoreChainsThanOneCallTakes) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  for (int i = 0; i < 300; ++i) append_chains(buffer, {"xy"});
  std::string all;
  while (!buffer.empty()) {
    ASSERT_GT(buffer.write_to(ends.near.get(), 1000).count, 0);
    all += drain_fd(ends.far.get());
  }
  EXPECT_EQ(all.size(), 600U);
}

TEST(WriteTo, NeverRaisesSigpipe) {
  signal(SIGPIPE, SIG_DFL);  // a signal would end the test program
  for (const bool socket : {true, false}) {
    Ends ends = socket ? make_sockets() : make_pipe();
    ends.far.reset();
    for (const char* second : {"", "more"}) {
      evbuffer buffer;
      append_chains(buffer, {"abc", second});
      const ev::IoResult result = buffer.write_to(ends.near.get(), 100);
      EXPECT_EQ(result.count, -1);
      EXPECT_EQ(result.error, EPIPE);
    }
  }
  sigset_t pending;
  sigpending(&pending);
  EXPECT_FALSE(sigismember(&pending, SIGPIPE)) << "nor leaves one behind";
}

TEST(WriteTo, PipesAndFiles) {
  const Ends ends = make_pipe();
  evbuffer buffer;
  append_chains(buffer, {"abc", "def"});
  EXPECT_EQ(buffer.write_to(ends.near.get(), 4).count, 4);
  EXPECT_EQ(buffer.write_to(ends.near.get(), 4).count, 2);
  EXPECT_EQ(drain_fd(ends.far.get()), "abcdef");
  evbuffer back;
  feed(ends.near.get(), "tty?");
  EXPECT_EQ(back.read_from(ends.far.get(), 100, 100).count, 4);
}

TEST(WriteTo, AfterAPipeTheSameNumberMayBeASocket) {
  const Ends pipe = make_pipe();
  const Ends sockets = make_sockets();
  const ev::Fd number(fcntl(pipe.near.get(), F_DUPFD, 100));
  evbuffer buffer;
  append(buffer, "abc");
  EXPECT_EQ(buffer.write_to(number.get(), 100).count, 3);
  ASSERT_EQ(dup2(sockets.near.get(), number.get()), number.get());
  append(buffer, "def");
  EXPECT_EQ(buffer.write_to(number.get(), 100).count, 3);
  EXPECT_EQ(drain_fd(sockets.far.get()), "def");
}

TEST(Write, AnswersEmptyAndZeroWithAnError) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  EXPECT_EQ(buffer.write(ends.near.get(), -1).count, -1);
  append(buffer, "abc");
  EXPECT_EQ(buffer.write(ends.near.get(), 0).count, -1);
  EXPECT_EQ(buffer.write(ends.near.get(), 2).count, 2);
  EXPECT_EQ(buffer.write(ends.near.get(), -7).count, 1);
}

// Not EAGAIN, for which a program would wait.
TEST(Refusals, SayWhy) {
  const Ends ends = make_sockets();
  evbuffer buffer;
  EXPECT_EQ(buffer.write(ends.near.get(), -1).error, EINVAL);
  append(buffer, "abc");
  EXPECT_EQ(buffer.write(ends.near.get(), 0).error, EINVAL);
  buffer.freeze(ev::End::front);
  EXPECT_EQ(buffer.write(ends.near.get(), -1).error, EPERM);
  buffer.freeze(ev::End::back);
  EXPECT_EQ(buffer.read(ends.near.get(), -1).error, EPERM);
}

}  // namespace
}  // namespace test
