// Filters whose step is limited, and functions that hold back what was beyond the limit.
#include "stream/support.h"

namespace test {
namespace {

constexpr std::size_t step = 1000;

// Makes ten bytes of each, but adds no more than it may.
class Expander {
 public:
  static bufferevent_filter_result run(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                       bufferevent_flush_mode, void* self) {
    return static_cast<Expander*>(self)->expand(source, destination, limit);
  }
  std::size_t held() const { return held_.size(); }

 private:
  bufferevent_filter_result expand(evbuffer* source, evbuffer* destination, ev_ssize_t limit) {
    char byte;
    while (evbuffer_remove(source, &byte, 1) == 1) held_.append(10, byte);
    if (held_.empty()) return BEV_NEED_MORE;
    const std::size_t size =
        limit < 0 ? held_.size() : std::min(held_.size(), static_cast<std::size_t>(limit));
    evbuffer_add(destination, held_.data(), size);
    held_.erase(0, size);
    return BEV_OK;
  }

  std::string held_;
};

std::string expanded(const std::string& bytes) {
  std::string result;
  for (const char byte : bytes) result.append(10, byte);
  return result;
}

enum class Limit { rate, group, turn, mark };

std::string name_of_both(const testing::TestParamInfo<std::tuple<StackType, Limit>>& info) {
  static constexpr const char* names[] = {"rate", "group", "turn", "mark"};
  return std::string(std::get<StackType>(info.param).name) + "_" +
         names[static_cast<int>(std::get<Limit>(info.param))];
}

// b_ is limited in what it reads, or a_ in what it writes; both are filters over what carries them.
class FilterLimits : public ConversationTest,
                     public testing::WithParamInterface<std::tuple<StackType, Limit>> {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, std::get<StackType>(GetParam()));
    a_.bev = ends[0];
    b_.bev = ends[1];
    const timeval tick{0, 1000};
    cfg_ = ev_token_bucket_cfg_new(step, step, step, step, &tick);
    group_ = bufferevent_rate_limit_group_new(loop_, cfg_);
  }
  void TearDown() override {
    a_.free();
    b_.free();
    settle();
    bufferevent_rate_limit_group_free(group_);
    ev_token_bucket_cfg_free(cfg_);
  }
  void put_filter_on(End& end, bufferevent_filter_cb in, bufferevent_filter_cb out) {
    end.take(bufferevent_filter_new(end.bev, in, out, BEV_OPT_CLOSE_ON_FREE, nullptr, &expander_));
  }
  void limit_reading() {
    if (std::get<Limit>(GetParam()) != Limit::mark) return limit(b_.bev);
    bufferevent_setwatermark(b_.bev, EV_READ, 0, step);
  }
  void limit_writing() {
    if (std::get<Limit>(GetParam()) != Limit::mark) return limit(a_.bev);
    bufferevent_setwatermark(bufferevent_get_underlying(a_.bev), EV_WRITE, 0, step);
  }
  void limit(bufferevent* bev) {
    switch (std::get<Limit>(GetParam())) {
      case Limit::rate:
        bufferevent_set_rate_limit(bev, cfg_);
        return;
      case Limit::group:
        bufferevent_add_to_rate_limit_group(bev, group_);
        return;
      default:
        bufferevent_set_max_single_read(bev, step);
        bufferevent_set_max_single_write(bev, step);
    }
  }

  ev_token_bucket_cfg* cfg_ = nullptr;
  bufferevent_rate_limit_group* group_ = nullptr;
  Expander expander_;
};

INSTANTIATE_TEST_SUITE_P(
    All, FilterLimits,
    testing::Combine(testing::Values(StackType{"socket", false, 0, 0, false},
                                     StackType{"pair", true, 0, 0, false},
                                     StackType{"filter_on_pair", true, 1, 0, false}),
                     testing::Values(Limit::rate, Limit::group, Limit::turn, Limit::mark)),
    name_of_both);

// The last one is as large as it may be.
TEST_P(FilterLimits, TellTheEndBehindTheLastStep) {
  put_filter_on(b_, nullptr, nullptr);
  limit_reading();
  a_.write(pattern(10 * step));
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; })) << b_.got.size();
  EXPECT_TRUE(b_.got == pattern(10 * step));
  EXPECT_EQ(b_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
}

TEST_P(FilterLimits, AskForWhatTheFunctionHeldBackWhenReading) {
  put_filter_on(b_, Expander::run, nullptr);
  limit_reading();
  a_.write(pattern(step));
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 10 * step; })) << b_.got.size();
  EXPECT_TRUE(b_.got == expanded(pattern(step)));
  EXPECT_EQ(expander_.held(), 0U);
}

TEST_P(FilterLimits, AskForWhatTheFunctionHeldBackWhenWriting) {
  put_filter_on(a_, nullptr, Expander::run);
  limit_writing();
  a_.write(pattern(step));
  b_.take(b_.bev);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 10 * step; })) << b_.got.size();
  EXPECT_TRUE(b_.got == expanded(pattern(step)));
}

TEST_P(FilterLimits, EndBehindWhatTheFunctionHeldBack) {
  put_filter_on(a_, nullptr, Expander::run);
  limit_writing();
  a_.write(pattern(step));
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  b_.take(b_.bev);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; })) << b_.got.size();
  EXPECT_TRUE(b_.got == expanded(pattern(step)));
}

}  // namespace
}  // namespace test
