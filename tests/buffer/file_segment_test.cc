#include "buffer/file_segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "sys/fd.h"

namespace test {
namespace {

ev::Fd make_file(const std::string& bytes) {
  char name[] = "/tmp/segment_test_XXXXXX";
  ev::Fd file(mkstemp(name));
  unlink(name);
  EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

struct Segment {
  evbuffer_file_segment* raw;
  ~Segment() {
    if (raw != nullptr) raw->release();
  }
};

struct Sockets {
  ev::Fd near;
  ev::Fd far;
  Sockets() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    near = ev::Fd(fds[0]);
    far = ev::Fd(fds[1]);
  }
  std::string received() const {
    std::string all(1 << 20, '\0');
    const ssize_t got = ::read(far.get(), all.data(), all.size());
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }
};

constexpr unsigned ways[] = {0, EVBUF_FS_DISABLE_MMAP, EVBUF_FS_DISABLE_SENDFILE,
                             EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE};

TEST(FileSegment, ShowsItsRangeWhateverTheWay) {
  std::string bytes(200000, '.');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 26);
  const ev::Fd file = make_file(bytes);
  for (const unsigned flags : ways) {
    for (const bool drains : {false, true}) {
      const Segment segment{evbuffer_file_segment::make(file.get(), 5000, 150000, flags)};
      ASSERT_NE(segment.raw, nullptr);
      evbuffer buffer;
      buffer.set_drains_to_fd(drains);
      append(buffer, "<");
      ASSERT_TRUE(buffer.append_file(*segment.raw, 100, 1000));
      ASSERT_TRUE(buffer.append_file(*segment.raw, 140000, -1));
      append(buffer, ">");
      EXPECT_EQ(contents_of(buffer),
                "<" + bytes.substr(5100, 1000) + bytes.substr(145000, 10000) + ">");
      EXPECT_EQ(remove(buffer, 11), "<" + bytes.substr(5100, 10));
    }
  }
}

TEST(FileSegment, GoesOutThroughADescriptor) {
  const ev::Fd file = make_file("0123456789");
  for (const unsigned flags : ways) {
    for (const bool drains : {false, true}) {
      const Sockets sockets;
      const Segment segment{evbuffer_file_segment::make(file.get(), 1, 8, flags)};
      evbuffer buffer;
      buffer.set_drains_to_fd(drains);
      append(buffer, "<");
      ASSERT_TRUE(buffer.append_file(*segment.raw, 0, -1));
      append(buffer, ">");
      EXPECT_GT(buffer.write_to(sockets.near.get(), 4).count, 0);
      while (!buffer.empty()) ASSERT_GT(buffer.write_to(sockets.near.get(), 3).count, 0);
      EXPECT_EQ(sockets.received(), "<12345678>");
    }
  }
}

TEST(FileSegment, SendfileSendsNoMoreThanAllowed) {
  const ev::Fd file = make_file(std::string(100000, 'x'));
  const Sockets sockets;
  const Segment segment{evbuffer_file_segment::make(file.get(), 0, -1, 0)};
  evbuffer buffer;
  buffer.set_drains_to_fd(true);
  ASSERT_TRUE(buffer.append_file(*segment.raw, 0, -1));
  EXPECT_EQ(buffer.write_to(sockets.near.get(), 500).count, 500);
  EXPECT_EQ(buffer.size(), 99500U);
}

TEST(FileSegment, SendfileSurvivesAClosedPeer) {
  signal(SIGPIPE, SIG_DFL);
  const ev::Fd file = make_file("0123456789");
  Sockets sockets;
  sockets.far.reset();
  const Segment segment{evbuffer_file_segment::make(file.get(), 0, -1, 0)};
  evbuffer buffer;
  buffer.set_drains_to_fd(true);
  ASSERT_TRUE(buffer.append_file(*segment.raw, 0, -1));
  EXPECT_EQ(buffer.write_to(sockets.near.get(), 500).error, EPIPE);
}

TEST(FileSegment, AFileThatBecameShorterIsAnError) {
  const ev::Fd file = make_file("0123456789");
  const Sockets sockets;
  const Segment segment{evbuffer_file_segment::make(file.get(), 0, -1, 0)};
  evbuffer buffer;
  buffer.set_drains_to_fd(true);
  ASSERT_TRUE(buffer.append_file(*segment.raw, 0, -1));
  ASSERT_EQ(ftruncate(file.get(), 4), 0);
  EXPECT_EQ(buffer.write_to(sockets.near.get(), 500).count, 4);
  EXPECT_EQ(buffer.write_to(sockets.near.get(), 500).error, EIO) << "not nothing, for ever";
}

TEST(FileSegment, RefusesImpossibleRanges) {
  const ev::Fd file = make_file("0123456789");
  EXPECT_EQ(evbuffer_file_segment::make(file.get(), -1, 5, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment::make(file.get(), 0, -2, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment::make(file.get(), 1, EV_SSIZE_MAX, 0), nullptr);
  EXPECT_EQ(evbuffer_file_segment::make(file.get(), 0, 50, EVBUF_FS_DISABLE_SENDFILE), nullptr);
  EXPECT_EQ(evbuffer_file_segment::make(-1, 0, -1, 0), nullptr);
  const Segment segment{evbuffer_file_segment::make(file.get(), 1, 8, 0)};
  evbuffer buffer;
  EXPECT_FALSE(buffer.append_file(*segment.raw, 9, -1));
  EXPECT_FALSE(buffer.append_file(*segment.raw, 0, 9));
  EXPECT_FALSE(buffer.append_file(*segment.raw, 3, 6));
  EXPECT_FALSE(buffer.append_file(*segment.raw, -1, 1));
  EXPECT_FALSE(buffer.append_file(*segment.raw, 0, -2));
  EXPECT_TRUE(buffer.append_file(*segment.raw, 8, -1)) << "nothing, at the end";
  EXPECT_TRUE(buffer.empty());
}

TEST(FileSegment, RefusesPipes) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const ev::Fd near(fds[0]);
  const ev::Fd far(fds[1]);
  EXPECT_EQ(evbuffer_file_segment::make(near.get(), 0, -1, EVBUF_FS_DISABLE_SENDFILE), nullptr);
  const Segment segment{evbuffer_file_segment::make(near.get(), 0, 3, 0)};
  ASSERT_NE(segment.raw, nullptr) << "only adding it needs the bytes";
  evbuffer buffer;
  EXPECT_FALSE(buffer.append_file(*segment.raw, 0, -1));
  buffer.set_drains_to_fd(true);
  EXPECT_FALSE(buffer.append_file(*segment.raw, 0, -1));
}

TEST(FileSegment, LivesAsLongAsAnyBufferShowsIt) {
  static int cleanups;
  cleanups = 0;
  ev::Fd file = make_file("0123456789");
  const int number = file.take();
  auto* segment = evbuffer_file_segment::make(number, 0, -1, EVBUF_FS_CLOSE_ON_FREE);
  segment->set_cleanup([](const evbuffer_file_segment*, int, void*) { ++cleanups; }, nullptr);
  evbuffer one;
  evbuffer two;
  one.set_drains_to_fd(true);
  ASSERT_TRUE(one.append_file(*segment, 0, -1));
  segment->release();
  EXPECT_EQ(one.remove_to(two, 3), 3);
  one.drain(100);
  EXPECT_EQ(cleanups, 0);
  EXPECT_TRUE(is_open(number));
  EXPECT_EQ(contents_of(two), "012");
  two.drain(3);
  EXPECT_EQ(cleanups, 1);
  EXPECT_FALSE(is_open(number));
}

TEST(FileSegment, FilesAreNotShared) {
  const ev::Fd file = make_file("0123456789");
  const Segment segment{evbuffer_file_segment::make(file.get(), 0, -1, 0)};
  evbuffer from;
  evbuffer to;
  ASSERT_TRUE(from.append_file(*segment.raw, 0, -1));
  EXPECT_FALSE(to.append_shared(from));
}

TEST(FileSegment, UnreadBytesCanBeSearchedAndPulledUp) {
  const ev::Fd file = make_file("01234\n6789");
  const Segment segment{evbuffer_file_segment::make(file.get(), 0, -1, 0)};
  evbuffer buffer;
  buffer.set_drains_to_fd(true);
  append(buffer, "ab");
  ASSERT_TRUE(buffer.append_file(*segment.raw, 0, -1));
  EXPECT_EQ(buffer.search("34", 2, nullptr, nullptr).pos, 5);
  EXPECT_EQ(buffer.search_end_of_line(nullptr, nullptr, EVBUFFER_EOL_LF).pos, 7);
  const std::byte* bytes = buffer.pull_up(-1);
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes), 12), "ab01234\n6789");
}

}  // namespace
}  // namespace test
