// Every allocation fails once, in turn: the call says so, nothing is half made, nothing leaks.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "stream/support.h"

namespace test {
namespace {

constexpr int closing = BEV_OPT_CLOSE_ON_FREE;

class OutOfMemory : public LoopTest {
 protected:
  // `prepare` runs with memory, `attempt` without after n allocations, for n = 0, 1, ...; it
  // answers whether it succeeded and is followed by `clean_up`. Returns how often it failed.
  int fail_everywhere(const std::function<void()>& prepare, const std::function<bool()>& attempt,
                      const std::function<void(bool)>& clean_up) {
    int failures = 0;
    const std::size_t descriptors = open_descriptors();
    const Memory memory;
    for (long left = 0; left < 200; left++) {
      prepare();
      Memory::set_left(left);
      const bool done = attempt();
      const bool ran_out = Memory::ran_out();
      Memory::set_left(Memory::unlimited);
      EXPECT_TRUE(done || ran_out) << "refused although there was memory, " << left;
      clean_up(done);
      for (int i = 0; i < 20; i++) turn();
      // What the loop made room for stays for the next time.
      if (left > 0) {
        EXPECT_LE(Memory::outstanding(), outstanding_ + 4) << left;
      }
      outstanding_ = std::max(outstanding_, Memory::outstanding());
      EXPECT_EQ(open_descriptors(), descriptors) << left;
      if (!ran_out) return failures;
      if (!done) failures++;
    }
    ADD_FAILURE() << "it never succeeded";
    return failures;
  }

  void make_pair() { ASSERT_EQ(bufferevent_pair_new(loop_, 0, ends_.data()), 0); }
  void free_ends() {
    for (bufferevent*& end : ends_) {
      if (end != nullptr) bufferevent_free(end);
      end = nullptr;
    }
  }
  static void nothing() {}
  // run_until() itself needs memory.
  bool turn_until(const std::function<bool()>& done) {
    for (int i = 0; i < 20'000 && !done(); i++) {
      turn();
      if (!done()) usleep(100);
    }
    return done();
  }

  long outstanding_ = 0;
  Ends ends_{};
  bufferevent* made_ = nullptr;
  int fds_[2] = {-1, -1};
};

TEST_F(OutOfMemory, MakingASocketStream) {
  for (const int options :
       std::initializer_list<int>{0, BEV_OPT_THREADSAFE, BEV_OPT_DEFER_CALLBACKS}) {
    const int failures = fail_everywhere(
        [&] { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_), 0); },
        [&] {
          return (made_ = bufferevent_socket_new(loop_, fds_[0], options | closing)) != nullptr;
        },
        [&](bool done) {
          if (done) {
            bufferevent_free(made_);
          } else {
            EXPECT_EQ(close(fds_[0]), 0) << "still the caller's";
          }
          close(fds_[1]);
        });
    EXPECT_GE(failures, 1);
  }
}

TEST_F(OutOfMemory, MakingAPair) {
  for (const int options : {0, static_cast<int>(BEV_OPT_THREADSAFE)}) {
    const int failures = fail_everywhere(
        [&] {
          ends_ = {nullptr, nullptr};
        },
        [&] { return bufferevent_pair_new(loop_, options, ends_.data()) == 0; },
        [&](bool done) {
          if (!done) {
            EXPECT_EQ(ends_[0], nullptr);
            EXPECT_EQ(ends_[1], nullptr);
          }
          free_ends();
        });
    EXPECT_GE(failures, 3);
  }
}

TEST_F(OutOfMemory, MakingAFilter) {
  static int freed;
  const auto free_context = [](void*) { freed++; };
  End below;
  for (const int options : {0, static_cast<int>(BEV_OPT_THREADSAFE)}) {
    const int failures = fail_everywhere(
        [&] {
          freed = 0;
          make_pair();
          below.take(ends_[0]);
          below.got.clear();
        },
        [&] {
          made_ = bufferevent_filter_new(ends_[0], nullptr, nullptr, options | closing,
                                         free_context, this);
          return made_ != nullptr;
        },
        [&](bool done) {
          EXPECT_EQ(freed, 0);
          if (done) {
            bufferevent_free(made_);
            ends_[0] = nullptr;
            turn();
            EXPECT_EQ(freed, 1);
          } else {
            bufferevent_write(ends_[1], "works", 5);
            for (int i = 0; i < 10; i++) turn();
            EXPECT_EQ(below.got, "works") << "the stream below is as it was";
          }
          free_ends();
        });
    EXPECT_GE(failures, 1);
  }
}

TEST_F(OutOfMemory, Writing) {
  const std::string bytes = pattern(100'000);
  evbuffer* message = nullptr;
  for (const bool as_buffer : {false, true}) {
    fail_everywhere(
        [&] {
          make_pair();
          bufferevent_disable(ends_[0], EV_WRITE);
          message = evbuffer_new();
          evbuffer_add(message, bytes.data(), bytes.size());
        },
        [&] {
          return as_buffer ? bufferevent_write_buffer(ends_[0], message) == 0
                           : bufferevent_write(ends_[0], bytes.data(), bytes.size()) == 0;
        },
        [&](bool done) {
          EXPECT_EQ(evbuffer_get_length(bufferevent_get_output(ends_[0])), done ? bytes.size() : 0);
          EXPECT_EQ(evbuffer_get_length(message), done && as_buffer ? 0 : bytes.size());
          evbuffer_free(message);
          free_ends();
        });
  }
}

// -1 means that nothing was written; what was accepted arrives, or an event tells why not.
TEST_F(OutOfMemory, WritingThroughAFilter) {
  const std::string bytes = pattern(10'000);
  End top;
  End other;
  for (const bool has_limit : {false, true}) {
    fail_everywhere(
        [&] {
          make_pair();
          top.take(bufferevent_filter_new(ends_[0], nullptr, nullptr, closing, nullptr, nullptr));
          other.take(ends_[1]);
          other.got.clear();
          top.events = 0;
          if (has_limit) bufferevent_set_max_single_write(top.bev, 1000);
        },
        [&] { return bufferevent_write(top.bev, bytes.data(), bytes.size()) == 0; },
        [&](bool done) {
          for (int i = 0; i < 20; i++) turn();
          if (top.events > 0) {
            EXPECT_EQ(top.what, BEV_EVENT_ERROR | BEV_EVENT_WRITING);
            EXPECT_EQ(top.error, ENOMEM);
          }
          bufferevent_write(top.bev, "more", 4);
          for (int i = 0; i < 20; i++) turn();
          EXPECT_EQ(other.got, (done ? bytes : "") + "more") << "limited: " << has_limit;
          top.free();
          other.free();
        });
  }
}

TEST_F(OutOfMemory, Connecting) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(1);  // refused is good enough
  fail_everywhere([&] { made_ = bufferevent_socket_new(loop_, -1, closing); },
                  [&] {
                    return bufferevent_socket_connect(made_, reinterpret_cast<sockaddr*>(&address),
                                                      sizeof address) == 0;
                  },
                  [&](bool) { bufferevent_free(made_); });
}

TEST_F(OutOfMemory, ConnectingByName) {
  End end;
  const int failures = fail_everywhere(
      [&] {
        end = End{};
        end.take(bufferevent_socket_new(loop_, -1, closing));
      },
      [&] {
        if (bufferevent_socket_connect_hostname(end.bev, nullptr, AF_INET, "127.0.0.1", 1) != 0) {
          EXPECT_EQ(end.events, 0);
          return false;
        }
        EXPECT_TRUE(turn_until([&] { return end.events > 0; }));
        return end.what == BEV_EVENT_ERROR && !Memory::ran_out();
      },
      [&](bool) { end.free(); });
  EXPECT_GE(failures, 1);
}

TEST_F(OutOfMemory, Limiting) {
  ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(10, 10, 10, 10, nullptr);
  const int failures = fail_everywhere(
      [&] { make_pair(); }, [&] { return bufferevent_set_rate_limit(ends_[0], cfg) == 0; },
      [&](bool done) {
        EXPECT_EQ(bufferevent_get_token_bucket_cfg(ends_[0]) != nullptr, done);
        free_ends();
      });
  EXPECT_GE(failures, 1);
  bufferevent_rate_limit_group* group = nullptr;
  EXPECT_GE(fail_everywhere(
                nothing,
                [&] {
                  group = bufferevent_rate_limit_group_new(loop_, cfg);
                  return group != nullptr;
                },
                [&](bool done) {
                  if (done) bufferevent_rate_limit_group_free(group);
                }),
            1);
  ev_token_bucket_cfg_free(cfg);
}

TEST_F(OutOfMemory, ShuttingDown) {
  static int calls;
  const auto done_cb = [](bufferevent*, bevel_shutdown_outcome, void*) { calls++; };
  const int failures = fail_everywhere(
      [&] {
        calls = 0;
        make_pair();
        ends_[0] = bufferevent_filter_new(ends_[0], nullptr, nullptr, closing, nullptr, nullptr);
        bufferevent_enable(ends_[1], EV_READ);
      },
      [&] { return bevel_shutdown(ends_[0], EV_WRITE, nullptr, done_cb, nullptr) == 0; },
      [&](bool done) {
        for (int i = 0; i < 20; i++) turn();
        EXPECT_EQ(calls, done ? 1 : 0);
        free_ends();
      });
  EXPECT_GE(failures, 1);
}

TEST_F(OutOfMemory, Piping) {
  End a;
  Ends other{};
  const int failures = fail_everywhere(
      [&] {
        make_pair();
        EXPECT_EQ(bufferevent_pair_new(loop_, 0, other.data()), 0);
        a = End{};
        a.take(ends_[0]);
      },
      [&] { return bevel_pipe(ends_[0], other[0], 0, nullptr, nullptr) == 0; },
      [&](bool done) {
        bufferevent_write(ends_[1], "bytes", 5);
        bufferevent_enable(other[1], EV_READ);
        for (int i = 0; i < 10; i++) turn();
        EXPECT_EQ(a.got, done ? "" : "bytes") << "the callbacks are taken or not";
        EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(other[1])), done ? 5U : 0U);
        for (bufferevent* end : other) bufferevent_free(end);
        free_ends();
      });
  EXPECT_GE(failures, 1);
}

// The end of one side is passed on out of the loop.
TEST_F(OutOfMemory, PassingOnTheEndOfAPipe) {
  struct Outcome {
    int calls = 0;
    int error = 0;
  };
  Outcome outcome;
  const auto done = [](bufferevent*, bufferevent*, int error, void* arg) {
    auto& own = *static_cast<Outcome*>(arg);
    own.calls++;
    own.error = error;
  };
  Ends other{};
  fail_everywhere(
      [&] {
        outcome = {};
        make_pair();
        EXPECT_EQ(bufferevent_pair_new(loop_, 0, other.data()), 0);
        EXPECT_EQ(bevel_pipe(ends_[0], other[0], 0, done, &outcome), 0);
        for (bufferevent* end : {ends_[1], other[1]}) {
          bufferevent_enable(end, EV_READ);
          bufferevent_write(end, "bytes", 5);
          bufferevent_flush(end, EV_WRITE, BEV_FINISHED);
        }
      },
      [&] {
        for (int i = 0; i < 20 && outcome.calls == 0; i++) turn();
        return outcome.calls == 1 && outcome.error == 0;
      },
      [&](bool) {
        for (int i = 0; i < 20 && outcome.calls == 0; i++) turn();
        EXPECT_EQ(outcome.calls, 1);
        for (bufferevent* end : other) bufferevent_free(end);
        free_ends();
      });
}

// Bytes that arrive while there is no memory are not lost: the program hears of an error, and gets
// them when there is some again.
TEST_F(OutOfMemory, Reading) {
  End end;
  const Memory memory;
  const Ends ends = make_sockets(loop_, 0);
  end.take(ends[0]);
  bufferevent_write(ends[1], pattern(100'000).data(), 100'000);
  turn();
  const std::size_t had = end.got.size();
  Memory::set_left(0);
  for (int i = 0; i < 3; i++) turn();
  Memory::set_left(Memory::unlimited);
  EXPECT_TRUE(run_until([&] { return end.got.size() == 100'000; })) << had;
  EXPECT_TRUE(end.got == pattern(100'000));
  end.free();
  bufferevent_free(ends[1]);
}

}  // namespace
}  // namespace test
