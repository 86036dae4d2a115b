// Whatever a program may do with limits, in any order, also inside callbacks, while bytes move.
// Afterwards all limits go, and every byte must have arrived.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>

#include "stream/limits_support.h"

namespace limits_test {
namespace {

using namespace std::chrono_literals;

class LimitChaos : public testing::TestWithParam<int> {
 protected:
  static constexpr size_t groups = 4;

  LimitChaos() {
    event_base_priority_init(loop_, 3);
    for (const Kind kind : {Kind::socket, Kind::pair, Kind::filter}) add(kind, 0);
    for (const Kind kind : {Kind::socket, Kind::pair, Kind::filter}) {
      add(kind, BEV_OPT_DEFER_CALLBACKS);
    }
    for (bufferevent_rate_limit_group*& group : groups_) group = new_group();
  }
  ~LimitChaos() override {
    lines_.clear();
    for (bufferevent_rate_limit_group* group : groups_) bufferevent_rate_limit_group_free(group);
  }

  // Bytes go both ways over it.
  struct Line {
    LimitChaos* test;
    std::unique_ptr<Ends> ends;
    size_t written[2] = {0, 0};
    size_t arrived[2] = {0, 0};
    bufferevent* end(size_t i) const { return i == 0 ? ends->left() : ends->right(); }
  };

  void add(Kind kind, int options) {
    auto line = std::make_unique<Line>();
    line->test = this;
    line->ends = std::make_unique<Ends>(loop_, kind, options);
    for (const size_t i : {0U, 1U}) {
      bufferevent_setcb(line->end(i), i == 0 ? on_left_read : on_right_read, on_write, nullptr,
                        line.get());
    }
    lines_.push_back(std::move(line));
  }

  size_t below(size_t limit) { return random_() % limit; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }
  size_t amount() { return one_of<size_t>({1, 3, 100, 5000, 1'000'000, EV_RATE_LIMIT_MAX}); }
  // Freed at once by the caller: whoever uses it keeps it.
  Cfg any_cfg() {
    const size_t read = amount();
    const size_t write = amount();
    return Cfg(read, std::max(read, amount()), write, std::max(write, amount()),
               one_of<ev_uint64_t>({1, 100'000, 1'000'000, 50'000'000, INT64_MAX}),
               one_of({BEVEL_REFILL_SMOOTH, BEVEL_REFILL_TICKS, BEVEL_REFILL_EXACT}));
  }
  bufferevent_rate_limit_group* new_group() {
    return bufferevent_rate_limit_group_new(loop_, any_cfg());
  }
  bufferevent_rate_limit_group*& any_group() { return groups_[below(groups)]; }
  Line& any_line() { return *lines_[below(lines_.size())]; }

  void change_group() {
    bufferevent_rate_limit_group*& group = any_group();
    bevel_rate_limit_stats stats{};
    stats.size = sizeof stats;
    switch (below(9)) {
      case 0:
        bufferevent_rate_limit_group_free(group);
        group = new_group();
        break;
      case 1:
        bufferevent_rate_limit_group_set_cfg(group, any_cfg());
        break;
      case 2:
        bufferevent_rate_limit_group_set_min_share(group, amount() - 1);
        break;
      case 3:
        bufferevent_rate_limit_group_decrement_write(group, any_decrement());
        bufferevent_rate_limit_group_decrement_read(group, any_decrement());
        break;
      case 4:
        bevel_rate_limit_group_set_weight(group, one_of({1U, 4U, UINT32_MAX}));
        break;
      case 5:
        bevel_rate_limit_group_set_assured(group, amount() - 1, amount() - 1,
                                           one_of<ev_uint64_t>({1, 1'000'000, INT64_MAX}));
        break;
      case 6:
        bevel_rate_limit_group_get_stats(group, &stats);
        bufferevent_rate_limit_group_get_read_limit(group);
        break;
      default:
        bevel_rate_limit_group_set_parent(group, below(3) == 0 ? nullptr : any_group());
        break;
    }
  }
  ev_ssize_t any_decrement() {
    return one_of<ev_ssize_t>({-100'000, -1, 0, 1, 100'000, EV_SSIZE_MAX, EV_SSIZE_MIN});
  }

  // What comes last may call back, and the callback may free the stream.
  void change_stream(bufferevent* bev) {
    EXPECT_GE(bufferevent_get_max_to_read(bev), 0);
    EXPECT_GE(bufferevent_get_max_to_write(bev), 0);
    switch (below(14)) {
      case 0:
        bufferevent_set_rate_limit(bev, any_cfg());
        break;
      case 1:
        bufferevent_set_rate_limit(bev, nullptr);
        break;
      case 2:
      case 3:
        bufferevent_add_to_rate_limit_group(bev, any_group());
        break;
      case 4:
        bufferevent_remove_from_rate_limit_group(bev);
        break;
      case 5:
        bufferevent_decrement_read_limit(bev, any_decrement());
        bufferevent_decrement_write_limit(bev, any_decrement());
        break;
      case 6:
        bevel_set_rate_limit_weight(bev, one_of({1U, 9U, UINT32_MAX}));
        break;
      case 7:
        bevel_set_segment_overhead(bev, one_of<size_t>({0, 40, 65535}),
                                   one_of<size_t>({1, 1460, 65535}));
        break;
      case 8:
        bufferevent_disable(bev, one_of<short>({EV_READ, EV_WRITE, EV_READ | EV_WRITE}));
        break;
      case 9:
        bufferevent_enable(bev, one_of<short>({EV_READ, EV_WRITE, EV_READ | EV_WRITE}));
        break;
      case 10:
        bufferevent_setwatermark(bev, EV_READ, 0, one_of<size_t>({0, 1, 1000}));
        break;
      case 11:
        bufferevent_flush(bev, one_of<short>({EV_READ, EV_WRITE}), one_of({BEV_NORMAL, BEV_FLUSH}));
        break;
      case 12:
        bufferevent_priority_set(bev, static_cast<int>(below(3)));
        break;
      default:
        bufferevent_set_max_single_read(bev, one_of<size_t>({0, 1, 700}));
        bufferevent_set_max_single_write(bev, one_of<size_t>({0, 1, 700}));
        break;
    }
  }

  void write_some(Line& line, size_t end) {
    const size_t size = one_of<size_t>({1, 100, 3000, 20000});
    line.written[end] += size;
    write_bytes(line.end(end), size);
  }

  void take_all(Line& line, size_t end, bufferevent* bev) {
    evbuffer* input = bufferevent_get_input(bev);
    const size_t size = evbuffer_get_length(input);
    line.arrived[end] += size;
    evbuffer_drain(input, size);
  }
  void on_read(Line& line, size_t end, bufferevent* bev) {
    if (below(8) != 0 || is_calm_) take_all(line, end, bev);
    meddle(line, bev);
  }
  void meddle(Line& line, bufferevent* bev) {
    if (is_calm_) return;
    if (below(3) == 0) change_stream(bev);
    if (below(10) == 0) change_group();
    if (below(60) == 0) replace(line);
  }
  // As it is, waiting or not. Nothing happens if a callback inside of a callback has done it.
  void replace(const Line& line) {
    const auto found = std::find_if(lines_.begin(), lines_.end(),
                                    [&](const auto& other) { return other.get() == &line; });
    if (found == lines_.end()) return;
    lines_.erase(found);
    add(one_of({Kind::socket, Kind::pair, Kind::filter}),
        one_of({0, int{BEV_OPT_DEFER_CALLBACKS}}));
  }
  static void on_left_read(bufferevent* bev, void* arg) {
    Line& line = *static_cast<Line*>(arg);
    line.test->on_read(line, 0, bev);
  }
  static void on_right_read(bufferevent* bev, void* arg) {
    Line& line = *static_cast<Line*>(arg);
    line.test->on_read(line, 1, bev);
  }
  static void on_write(bufferevent* bev, void* arg) {
    Line& line = *static_cast<Line*>(arg);
    line.test->meddle(line, bev);
  }

  void step() {
    const bool often = below(40) != 0;
    Line& line = any_line();
    switch (below(6)) {
      case 0:
        return change_group();
      case 1:
      case 2:
        return write_some(line, below(2));
      case 3:
        if (often) return loop_.turns(static_cast<int>(below(4)));
        return replace(line);
      default:
        return change_stream(line.end(below(2)));
    }
  }

  void calm_down() {
    is_calm_ = true;
    for (const auto& line : lines_) {
      for (const size_t i : {0U, 1U}) {
        bufferevent* bev = line->end(i);
        bufferevent_set_rate_limit(bev, nullptr);
        bufferevent_remove_from_rate_limit_group(bev);
        bufferevent_setwatermark(bev, EV_READ, 0, 0);
        bufferevent_set_max_single_read(bev, 0);
        bufferevent_set_max_single_write(bev, 0);
        bufferevent_enable(bev, EV_READ | EV_WRITE);
      }
    }
  }
  bool has_all(const Line& line) const {
    return line.arrived[1] + evbuffer_get_length(bufferevent_get_input(line.end(1))) ==
               line.written[0] &&
           line.arrived[0] + evbuffer_get_length(bufferevent_get_input(line.end(0))) ==
               line.written[1];
  }

  Loop loop_;
  std::mt19937 random_{static_cast<unsigned>(GetParam())};
  std::vector<std::unique_ptr<Line>> lines_;
  bufferevent_rate_limit_group* groups_[groups] = {};
  bool is_calm_ = false;
};

TEST_P(LimitChaos, LosesNoByteAndLeavesNobodyBehind) {
  for (int i = 0; i < 600; ++i) step();
  calm_down();
  for (size_t i = 0; i < lines_.size(); ++i) {
    EXPECT_TRUE(loop_.run_until([&] { return has_all(*lines_[i]); })) << "line " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LimitChaos, testing::Range(0, 30));

}  // namespace
}  // namespace limits_test
