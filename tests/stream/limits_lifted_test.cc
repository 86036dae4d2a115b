// One test for each of the seven limitations that the original's manual lists.
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <ctime>
#include <memory>

#include "stream/limits_support.h"

namespace limits_test {
namespace {

using namespace std::chrono_literals;

time_t wall_clock_offset = 0;  // see the end of this file

class LiftedLimitation : public testing::Test {
 protected:
  Loop loop;
};

using LiftedLimitation1OfFiles = LiftedLimitation;
using LiftedLimitation2 = LiftedLimitation;
using LiftedLimitation3 = LiftedLimitation;
using LiftedLimitation4 = LiftedLimitation;
using LiftedLimitation5 = LiftedLimitation;
using LiftedLimitation6 = LiftedLimitation;
using LiftedLimitation7 = LiftedLimitation;

class LiftedLimitation1 : public testing::TestWithParam<Kind> {
 protected:
  Loop loop;
};

INSTANTIATE_TEST_SUITE_P(EveryKind, LiftedLimitation1,
                         testing::Values(Kind::socket, Kind::pair, Kind::filter));

TEST_P(LiftedLimitation1, EveryKindOfStreamObeysWhenItWrites) {
  Ends ends(loop, GetParam());
  const Cfg cfg(1000);
  ASSERT_EQ(bufferevent_set_rate_limit(ends.left(), cfg), 0);
  write_bytes(ends.left(), 10000);
  loop.turns(30);
  EXPECT_EQ(ends.arrived_right(), 1000u);
  EXPECT_EQ(bufferevent_get_write_limit(ends.left()), 0);
  EXPECT_EQ(bufferevent_get_max_to_write(ends.left()), 0);
  bufferevent_set_rate_limit(ends.left(), nullptr);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 10000; }));
}

TEST_P(LiftedLimitation1, EveryKindOfStreamObeysWhenItReads) {
  Ends ends(loop, GetParam());
  const Cfg cfg(1000);
  ASSERT_EQ(bufferevent_set_rate_limit(ends.right(), cfg), 0);
  write_bytes(ends.left(), 10000);
  loop.turns(30);
  EXPECT_EQ(ends.arrived_right(), 1000u);
  EXPECT_EQ(bufferevent_get_read_limit(ends.right()), 0);
  bufferevent_decrement_read_limit(ends.right(), -500);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() >= 1500; }));
  loop.turns(30);
  EXPECT_EQ(ends.arrived_right(), 1500u);
  EXPECT_EQ(ends.events_right(), 0);
}

TEST_F(LiftedLimitation1OfFiles, ObeyAsWell) {
  Ends ends(loop, Kind::socket);
  const Cfg cfg(1000);
  char name[] = "/tmp/limitsXXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  ASSERT_EQ(ftruncate(fd, 100000), 0);
  bufferevent_set_rate_limit(ends.left(), cfg);
  ASSERT_EQ(evbuffer_add_file(bufferevent_get_output(ends.left()), fd, 0, 100000), 0);
  loop.turns(30);
  EXPECT_EQ(ends.arrived_right(), 1000u);
  EXPECT_EQ(bufferevent_get_write_limit(ends.left()), 0);
}

TEST_F(LiftedLimitation2, GroupsNest) {
  const Cfg wide(50000);
  const Cfg narrow(1000);
  std::vector<std::unique_ptr<Group>> groups;
  for (int depth = 0; depth < 10; ++depth) {
    groups.push_back(std::make_unique<Group>(loop, depth == 3 ? narrow : wide));
    if (depth == 0) continue;
    ASSERT_EQ(bevel_rate_limit_group_set_parent(*groups[static_cast<size_t>(depth)],
                                                *groups[static_cast<size_t>(depth) - 1]),
              0);
  }
  EXPECT_EQ(bevel_rate_limit_group_set_parent(*groups.front(), *groups.back()), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_parent(*groups.front(), *groups.front()), -1);

  Ends a(loop, Kind::socket);
  Ends b(loop, Kind::pair);
  bufferevent_add_to_rate_limit_group(a.left(), *groups.back());
  bufferevent_add_to_rate_limit_group(b.left(), *groups[5]);
  write_bytes(a.left(), 5000);
  write_bytes(b.left(), 5000);
  loop.turns(30);
  EXPECT_EQ(a.arrived_right() + b.arrived_right(), 1000u);
  EXPECT_EQ(bufferevent_rate_limit_group_get_write_limit(*groups.front()), 49000);
  groups[3].reset();  // those below it are on their own
  EXPECT_TRUE(loop.run_until([&] { return a.arrived_right() + b.arrived_right() == 10000; }));
}

TEST_F(LiftedLimitation3, PacketHeadersMayCount) {
  int sockets[2];
  make_connection(sockets);
  bufferevent* bev = bufferevent_socket_new(loop, sockets[0], BEV_OPT_CLOSE_ON_FREE);
  const Cfg cfg(10000);
  bufferevent_set_rate_limit(bev, cfg);
  ASSERT_EQ(bevel_set_segment_overhead(bev, 40, 100), 0);
  write_bytes(bev, 20000);
  loop.turns();
  char bytes[20000];
  // 71 packets of 140 bytes, and 20 bytes with their header.
  EXPECT_EQ(read(sockets[1], bytes, sizeof bytes), 7120);
  EXPECT_EQ(bufferevent_get_write_limit(bev), 0);
  EXPECT_EQ(bevel_set_segment_overhead(bev, 40, 0), 0) << "the kernel knows the connection's";
  bufferevent_free(bev);
  close(sockets[1]);

  Ends local(loop, Kind::socket);
  EXPECT_EQ(bevel_set_segment_overhead(local.left(), 40, 0), -1) << "no TCP";
}

TEST_F(LiftedLimitation3, TheKernelKnowsThePackets) {
  int sockets[2];
  make_connection(sockets);
  bufferevent* bev = bufferevent_socket_new(loop, sockets[0], BEV_OPT_CLOSE_ON_FREE);
  const Cfg cfg(1'000'000);
  bufferevent_set_rate_limit(bev, cfg);
  int largest = 0;
  socklen_t length = sizeof largest;
  ASSERT_EQ(getsockopt(sockets[0], IPPROTO_TCP, TCP_MAXSEG, &largest, &length), 0);
  ASSERT_EQ(bevel_set_segment_overhead(bev, 40, 0), 0);
  write_bytes(bev, 5000);
  loop.turns();
  const int packets = (5000 + largest - 1) / largest;
  EXPECT_EQ(bufferevent_get_write_limit(bev), 1'000'000 - 5000 - packets * 40);
  bufferevent_free(bev);
  close(sockets[1]);
}

TEST_F(LiftedLimitation4, TheKernelNeedNotReadAhead) {
  constexpr int burst = 16384;
  const Cfg cfg(burst);
  for (const bool clamps : {false, true}) {
    int sockets[2];
    make_connection(sockets);
    bufferevent* bev = bufferevent_socket_new(loop, sockets[0], BEV_OPT_CLOSE_ON_FREE);
    EXPECT_EQ(bevel_clamp_receive_window(bev, 0), -1) << "nothing to take it from";
    bufferevent_set_rate_limit(bev, cfg);
    if (clamps) {
      ASSERT_EQ(bevel_clamp_receive_window(bev, 0), 0);
    }
    bufferevent_enable(bev, EV_READ);
    const std::string bytes(65536, 'x');
    for (int i = 0; i < 100; ++i) {
      while (send(sockets[1], bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      }
      loop.turns(2);
    }
    int ahead = 0;
    ASSERT_EQ(ioctl(sockets[0], FIONREAD, &ahead), 0);
    EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(bev)), static_cast<size_t>(burst));
    if (clamps) {
      EXPECT_LE(ahead, 3 * burst);
    } else {
      EXPECT_GT(ahead, 3 * burst);
    }
    bufferevent_free(bev);
    close(sockets[1]);
  }
}

// TCP stalls with a window of a few packets, and the limit would not be reached.
TEST_F(LiftedLimitation4, ASmallBurstDoesNotMakeTheWindowTooSmall) {
  int sockets[2];
  make_connection(sockets);
  bufferevent* bev = bufferevent_socket_new(loop, sockets[0], BEV_OPT_CLOSE_ON_FREE);
  const Cfg cfg(1500);
  bufferevent_set_rate_limit(bev, cfg);
  const auto buffer = [&] {
    int size = 0;
    socklen_t length = sizeof size;
    EXPECT_EQ(getsockopt(sockets[0], SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
    return size;
  };
  ASSERT_EQ(bevel_clamp_receive_window(bev, 0), 0);
  EXPECT_GE(buffer(), 32768);
  ASSERT_EQ(bevel_clamp_receive_window(bev, 8192), 0);
  EXPECT_LT(buffer(), 32768) << "whoever says a size gets it";
  bufferevent_free(bev);
  close(sockets[1]);
}

TEST_F(LiftedLimitation5, NoByteTooMuch) {
  const Cfg cfg(12345);
  Group group(loop, cfg);
  std::vector<std::unique_ptr<Ends>> all;
  for (const Kind kind : {Kind::socket, Kind::pair, Kind::filter}) {
    for (int i = 0; i < 10; ++i) {
      Ends& ends = *all.emplace_back(std::make_unique<Ends>(loop, kind));
      bufferevent_add_to_rate_limit_group(ends.left(), group);
      write_bytes(ends.left(), 5000);
    }
  }
  const auto sum = [&] {
    size_t arrived = 0;
    for (const auto& ends : all) arrived += ends->arrived_right();
    return arrived;
  };
  EXPECT_TRUE(loop.run_until([&] { return sum() >= 12345; }));
  loop.turns(50);
  EXPECT_EQ(sum(), 12345u);
  ev_uint64_t written = 0;
  bufferevent_rate_limit_group_get_totals(group, nullptr, &written);
  EXPECT_EQ(written, 12345u);
}

// Sends as fast as it may, and remembers when it could send how much.
struct Sender {
  Clock::time_point start = Clock::now();
  std::vector<std::pair<double, size_t>> sent;

  static void on_read(bufferevent* bev, void* self) {
    auto& sender = *static_cast<Sender*>(self);
    evbuffer* input = bufferevent_get_input(bev);
    sender.sent.emplace_back(seconds_since(sender.start), evbuffer_get_length(input));
    evbuffer_drain(input, evbuffer_get_length(input));
  }
};

TEST_F(LiftedLimitation6, ExactModeNeverCarriesATickMore) {
  constexpr double rate = 500000;
  constexpr double burst = 5000;
  const Cfg cfg(5000, 10'000'000, BEVEL_REFILL_EXACT);
  Ends ends(loop, Kind::pair);
  Sender sender;
  bufferevent_setcb(ends.right(), Sender::on_read, nullptr, nullptr, &sender);
  sender.start = Clock::now();
  bufferevent_set_rate_limit(ends.left(), cfg);
  write_bytes(ends.left(), 2000000);
  loop.run_for(400ms);
  ASSERT_GT(sender.sent.size(), 10u);
  // A callback sees its bytes later than they moved, so only intervals that begin with ours count.
  double total = 0;
  for (const auto& [when, size] : sender.sent) {
    total += static_cast<double>(size);
    EXPECT_LE(total, burst + rate * when + 1) << "after " << when << " s";
  }
}

TEST_F(LiftedLimitation7, TicksBelowAMillisecondCount) {
  const Cfg cfg(7, 7, 7, 7, 11'000);  // 636,363 bytes per second in ticks of 11 us
  ASSERT_NE(static_cast<ev_token_bucket_cfg*>(cfg), nullptr);
  Ends ends(loop, Kind::socket);
  bufferevent_set_rate_limit(ends.left(), cfg);
  write_bytes(ends.left(), 2000000);
  const Clock::time_point start = Clock::now();
  loop.run_for(500ms);
  const double expected = 7 / 11e-6 * seconds_since(start);
  // What a stall of more than a tenth of a second costs, nobody makes up for.
  EXPECT_GT(static_cast<double>(ends.arrived_right()), 0.6 * expected);
  EXPECT_LT(static_cast<double>(ends.arrived_right()), expected + 2000);
}

// The clock on the wall jumps ahead and back by a year all the time.
TEST_F(LiftedLimitation7, TheClockOnTheWallMayJump) {
  constexpr double rate = 500'000;
  const Cfg cfg(5000, 10'000'000);
  Group group(loop, cfg);
  Ends own(loop, Kind::socket);
  Ends member(loop, Kind::pair);
  bufferevent_set_rate_limit(own.left(), cfg);
  bufferevent_add_to_rate_limit_group(member.left(), group);
  write_bytes(own.left(), 2'000'000);
  write_bytes(member.left(), 2'000'000);
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < 20; ++i) {
    wall_clock_offset = (i % 3 - 1) * 31'536'000L;
    loop.run_for(15ms);
  }
  wall_clock_offset = 0;
  const double most = rate * seconds_since(start) + 2 * 5000;
  for (const Ends* ends : {&own, &member}) {
    EXPECT_GT(ends->arrived_right(), 5000u) << "goes on";
    EXPECT_LT(static_cast<double>(ends->arrived_right()), most);
  }
}

}  // namespace
}  // namespace limits_test

// Instead of the C library's. The monotonic clock tells the truth.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_REALTIME) time->tv_sec += limits_test::wall_clock_offset;
  return result;
}
extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now;
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return result;
}
