// Random stacks whose layers are freed in any order, in the middle of a conversation and of their own
// callbacks: nobody is told anything afterwards, and nothing is left in the loop.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "stream/support.h"

namespace test {
namespace {

class FreeingOrder : public LoopTest, public testing::WithParamInterface<unsigned> {
 protected:
  // A layer is the program's own until it frees it, or one above that was made with
  // BEV_OPT_CLOSE_ON_FREE.
  struct Layer {
    FreeingOrder& test;
    std::size_t side;
    std::size_t height;
    bufferevent* bev;
    bool frees_lower;
    bool is_freed = false;
  };
  using Side = std::vector<std::unique_ptr<Layer>>;

  void SetUp() override {
    options_ = below(2) == 0 ? 0 : BEV_OPT_DEFER_CALLBACKS;
    bufferevent* ends[2];
    if (below(2) == 0) {
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_), 0);
      for (int i = 0; i < 2; i++) ends[i] = bufferevent_socket_new(loop_, fds_[i], options_);
    } else {
      ASSERT_EQ(bufferevent_pair_new(loop_, options_, ends), 0);
    }
    const unsigned filters = 1 + below(4);
    for (std::size_t side = 0; side < 2; side++) {
      put_on(side, ends[side], false);
      for (unsigned i = 0; i < filters; i++) put_filter_on(side);
      Layer& top = *sides_[side].back();
      bufferevent_setcb(top.bev, on_data, on_data, on_event, &top);
      bufferevent_enable(top.bev, EV_READ | EV_WRITE);
    }
  }

  void TearDown() override {
    for (const int fd : fds_) {
      if (fd >= 0) close(fd);
    }
  }

  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }

  void put_on(std::size_t side, bufferevent* bev, bool frees_lower) {
    sides_[side].push_back(
        std::make_unique<Layer>(Layer{*this, side, sides_[side].size(), bev, frees_lower}));
  }
  void put_filter_on(std::size_t side) {
    const bool frees_lower = below(2) == 0;
    const int all = options_ | (frees_lower ? BEV_OPT_CLOSE_ON_FREE : 0);
    const bufferevent_filter_cb function = below(2) == 0 ? nullptr : pass_some;
    put_on(
        side,
        bufferevent_filter_new(sides_[side].back()->bev, function, function, all, nullptr, nullptr),
        frees_lower);
  }

  static bufferevent_filter_result pass_some(evbuffer* from, evbuffer* to, ev_ssize_t limit,
                                             bufferevent_flush_mode, void*) {
    const std::size_t held = evbuffer_get_length(from);
    const std::size_t size = limit < 0 ? held : std::min(held, static_cast<std::size_t>(limit));
    if (size == 0) return BEV_NEED_MORE;
    evbuffer_remove_buffer(from, to, size);
    return BEV_OK;
  }

  static void expect_alive(const Layer& layer) { ASSERT_FALSE(layer.is_freed); }
  static void on_data(bufferevent* bev, void* layer) {
    Layer& called = *static_cast<Layer*>(layer);
    expect_alive(called);
    evbuffer* input = bufferevent_get_input(bev);
    const auto held = static_cast<unsigned>(evbuffer_get_length(input));
    evbuffer_drain(input, called.test.below(held + 1));
    called.test.operate_now_and_then();
  }
  static void on_event(bufferevent*, short, void* layer) {
    expect_alive(*static_cast<Layer*>(layer));
    static_cast<Layer*>(layer)->test.operate_now_and_then();
  }
  static void on_drained(bufferevent*, void* layer) {
    expect_alive(*static_cast<Layer*>(layer));
    static_cast<Layer*>(layer)->test.operate_now_and_then();
  }
  static void on_shut_down(bufferevent*, bevel_shutdown_outcome, void* layer) {
    expect_alive(*static_cast<Layer*>(layer));
  }

  void operate_now_and_then() {
    if (below(8) == 0) operate();
  }

  bool is_owned(const Layer& layer) const {
    const Side& side = sides_[layer.side];
    const bool goes_with_another =
        layer.height + 1 < side.size() && side[layer.height + 1]->frees_lower;
    return !layer.is_freed && !goes_with_another;
  }

  void free(Layer& layer) {
    if (!is_owned(layer)) return;
    layer.is_freed = true;
    const Side& side = sides_[layer.side];
    for (std::size_t i = layer.height; side[i]->frees_lower; i--) side[i - 1]->is_freed = true;
    bufferevent_free(layer.bev);
  }

  void operate() {
    Side& side = sides_[below(2)];
    Layer& layer = *side[below(static_cast<unsigned>(side.size()))];
    if (layer.is_freed) return;
    switch (below(12)) {
      case 0:
        if (below(3) == 0) free(layer);
        return;
      case 1:
        bevel_set_drain_cb(layer.bev, below(4) == 0 ? nullptr : on_drained, &layer);
        return;
      case 2:
        if (below(5) == 0) bevel_shutdown(layer.bev, EV_WRITE, nullptr, on_shut_down, &layer);
        return;
      default:
        if (!side.back()->is_freed) operate_on_top(side.back()->bev);
    }
  }

  void operate_on_top(bufferevent* top) {
    switch (below(8)) {
      case 0:
        bufferevent_enable(top, EV_READ | EV_WRITE);
        return;
      case 1:
        bufferevent_disable(top, below(2) == 0 ? EV_READ : EV_WRITE);
        return;
      case 2:
        bufferevent_flush(top, EV_READ | EV_WRITE, below(2) == 0 ? BEV_FLUSH : BEV_FINISHED);
        return;
      case 3:
        bufferevent_setwatermark(top, EV_READ, below(100), below(2) == 0 ? 0 : 200 + below(5000));
        return;
      default: {
        const std::string bytes = pattern(below(below(4) == 0 ? 300'000 : 2000));
        bufferevent_write(top, bytes.data(), bytes.size());
      }
    }
  }

  std::mt19937 random_{GetParam()};
  int options_ = 0;
  int fds_[2] = {-1, -1};
  Side sides_[2];
};

INSTANTIATE_TEST_SUITE_P(Seeds, FreeingOrder, testing::Range(0U, 100U));

TEST_P(FreeingOrder, TellsNothingAfterwardsAndLeavesNothing) {
  for (int i = 0; i < 150; i++) {
    operate();
    if (below(2) == 0) turn();
    if (HasFatalFailure()) return;
  }
  std::vector<Layer*> all;
  for (const Side& side : sides_) {
    for (const auto& layer : side) all.push_back(layer.get());
  }
  std::shuffle(all.begin(), all.end(), random_);
  for (Layer* layer : all) {
    free(*layer);
    if (below(2) == 0) turn();
  }
  settle();
  constexpr unsigned kinds = EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE;
  EXPECT_EQ(event_base_get_num_events(loop_, kinds), 0);
}

}  // namespace
}  // namespace test
