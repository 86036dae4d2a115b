// Random operations on random stacks: every byte is accounted for at every moment, and none is
// changed, lost or doubled.
#include <random>

#include "stream/support.h"

namespace test {
namespace {

using Random = std::mt19937;

unsigned below(Random& random, unsigned end) { return static_cast<unsigned>(random() % end); }

StackType random_stack(Random& random) {
  static const int options[] = {
      0, BEV_OPT_DEFER_CALLBACKS, BEV_OPT_THREADSAFE,
      BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS};
  // Rewriting filters change what lies between the layers, so such stacks are read at the ends only.
  return {"random", below(random, 2) == 0, static_cast<int>(below(random, 5)),
          options[below(random, 4)], false};
}

class Property : public ConversationTest, public testing::WithParamInterface<unsigned> {
 protected:
  // One direction: what was sent, and where it can be.
  struct Way {
    End& from;
    End& to;
    std::string sent;
  };

  void SetUp() override {
    open(random_stack(random_));
    a_.keeps_input = b_.keeps_input = true;
  }

  static std::size_t buffered(bufferevent* bev, evbuffer* (*which)(bufferevent*)) {
    std::size_t bytes = 0;
    for (; bev != nullptr; bev = bufferevent_get_underlying(bev)) {
      bytes += evbuffer_get_length(which(bev));
    }
    return bytes;
  }

  // For pairs nothing hides in the kernel; for sockets it may be there.
  void expect_all_accounted_for(const Way& way) {
    const std::size_t known = way.to.got.size() + buffered(way.from.bev, bufferevent_get_output) +
                              buffered(way.to.bev, bufferevent_get_input);
    if (bufferevent_getfd(way.from.bev) < 0) {
      ASSERT_EQ(known, way.sent.size());
    } else {
      ASSERT_LE(known, way.sent.size());
    }
    ASSERT_EQ(way.sent.compare(0, way.to.got.size(), way.to.got), 0);
  }

  void send(Way& way) {
    const unsigned kind = below(random_, 8);
    const std::string bytes = pattern(kind == 0 ? below(random_, 200'000) : below(random_, 3000),
                                      static_cast<unsigned>(way.sent.size()));
    if (below(random_, 2) == 0) {
      way.from.write(bytes);
    } else {
      evbuffer* message = evbuffer_new();
      evbuffer_add(message, bytes.data(), bytes.size());
      EXPECT_EQ(bufferevent_write_buffer(way.from.bev, message), 0);
      evbuffer_free(message);
    }
    way.sent += bytes;
  }

  static void receive(Way& way, std::size_t most) {
    std::string bytes(most, '\0');
    bytes.resize(bufferevent_read(way.to.bev, bytes.data(), most));
    way.to.got += bytes;
  }

  bufferevent* random_layer(bufferevent* bev) {
    while (bufferevent* lower = bufferevent_get_underlying(bev)) {
      if (below(random_, 3) == 0) break;
      bev = lower;
    }
    return bev;
  }

  void operate(Way& way) {
    switch (below(random_, 12)) {
      case 0:
        bufferevent_disable(way.to.bev, EV_READ);
        break;
      case 1:
        bufferevent_disable(way.from.bev, EV_WRITE);
        break;
      case 2:
        bufferevent_enable(way.to.bev, EV_READ);
        bufferevent_enable(way.from.bev, EV_WRITE);
        break;
      case 3: {
        const std::size_t high = below(random_, 3) == 0 ? 0 : 1 + below(random_, 20'000);
        bufferevent_setwatermark(random_layer(way.to.bev), EV_READ, 0, high);
        break;
      }
      case 4:
        bufferevent_setwatermark(random_layer(way.from.bev), EV_WRITE, 0, below(random_, 20'000));
        break;
      case 5:
        bufferevent_set_max_single_read(random_layer(way.to.bev), below(random_, 5000));
        break;
      case 6:
        bufferevent_set_max_single_write(random_layer(way.from.bev), below(random_, 5000));
        break;
      case 7:
        bufferevent_flush(way.from.bev, EV_READ | EV_WRITE,
                          below(random_, 2) == 0 ? BEV_NORMAL : BEV_FLUSH);
        break;
      case 8:
        receive(way, below(random_, 30'000));
        break;
      case 9:
        turn();
        break;
      default:
        send(way);
    }
  }

  // All obstacles go; the rest has to arrive.
  void open_up(Way& way) {
    for (bufferevent* bev = way.to.bev; bev != nullptr; bev = bufferevent_get_underlying(bev)) {
      bufferevent_setwatermark(bev, EV_READ, 0, 0);
    }
    bufferevent_enable(way.to.bev, EV_READ);
    bufferevent_enable(way.from.bev, EV_WRITE);
    way.to.keeps_input = false;
    way.to.take_input();
  }

  Random random_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Seeds, Property, testing::Range(0U, 60U));

TEST_P(Property, EveryByteIsAccountedFor) {
  Way forth{a_, b_, {}};
  Way back{b_, a_, {}};
  for (int i = 0; i < 300; i++) {
    operate(below(random_, 2) == 0 ? forth : back);
    expect_all_accounted_for(forth);
    expect_all_accounted_for(back);
    if (HasFatalFailure()) return;
  }
  open_up(forth);
  open_up(back);
  const auto has_all = [](const Way& way) { return way.to.got.size() >= way.sent.size(); };
  EXPECT_TRUE(run_until([&] { return has_all(forth) && has_all(back); }))
      << forth.to.got.size() << " of " << forth.sent.size() << ", " << back.to.got.size() << " of "
      << back.sent.size();
  EXPECT_TRUE(forth.to.got == forth.sent);
  EXPECT_TRUE(back.to.got == back.sent);
  EXPECT_EQ(a_.events + b_.events, 0);
}

}  // namespace
}  // namespace test
