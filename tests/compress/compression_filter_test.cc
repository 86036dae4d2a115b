// The compression filters over pairs: one table of what holds for each library and format.
#include <event2/bevel.h>
#include <event2/bevel_compress.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using NewFilter = bufferevent* (*)(bufferevent*, const bevel_compress_options*, int);

struct Case {
  const char* name;
  NewFilter make;
  int format;
};

void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

const Case cases[] = {
#if BEVEL_TESTS_ZSTD
    {"zstd", bevel_filter_zstd_new, 0},
#endif
#if BEVEL_TESTS_ZLIB
    {"zlib", bevel_filter_zlib_new, BEVEL_ZLIB_ZLIB},
    {"gzip", bevel_filter_zlib_new, BEVEL_ZLIB_GZIP},
    {"raw", bevel_filter_zlib_new, BEVEL_ZLIB_RAW},
#endif
};

// Half noise, half repetition.
std::string text_of(std::size_t size) {
  std::string text;
  unsigned state = 7;
  while (text.size() < size) {
    state = state * 1664525U + 1013904223U;
    text += std::to_string(state) + " the same words again and again, ";
  }
  text.resize(size);
  return text;
}

class End {
 public:
  void own(bufferevent* bev) {
    bev_ = bev;
    bufferevent_setcb(bev, on_read, nullptr, on_event, this);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
  }
  ~End() { free(); }
  void free() {
    if (bev_ != nullptr) bufferevent_free(bev_);
    bev_ = nullptr;
  }
  bufferevent* bev() const { return bev_; }
  void write(const std::string& text) { bufferevent_write(bev_, text.data(), text.size()); }
  void flush(bufferevent_flush_mode mode) { bufferevent_flush(bev_, EV_WRITE, mode); }
  evbuffer* input() const { return bufferevent_get_input(bev_); }

  std::string received;
  std::size_t most_waiting = 0;
  std::size_t take = SIZE_MAX;
  std::vector<short> events;

 private:
  static void on_read(bufferevent* bev, void* self) {
    End& end = *static_cast<End*>(self);
    const std::size_t waiting = evbuffer_get_length(bufferevent_get_input(bev));
    end.most_waiting = std::max(end.most_waiting, waiting);
    std::string bytes(std::min(waiting, end.take), '\0');
    bytes.resize(bufferevent_read(bev, bytes.data(), bytes.size()));
    end.received += bytes;
  }
  static void on_event(bufferevent*, short what, void* self) {
    static_cast<End*>(self)->events.push_back(what);
  }

  bufferevent* bev_ = nullptr;
};

class CompressionFilterTest : public testing::TestWithParam<Case> {
 protected:
  CompressionFilterTest() {
    how.format = GetParam().format;
    bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE, below);
  }
  ~CompressionFilterTest() override {
    near.free();
    far.free();
    turns(3);
    event_base_free(base);
  }

  bufferevent* filter(bufferevent* lower) {
    return GetParam().make(lower, &how, BEV_OPT_CLOSE_ON_FREE);
  }
  // For the next round of a test; the last one is discarded.
  void make_new_pair() {
    near.free();
    far.free();
    far.events.clear();
    far.received.clear();
    bufferevent_pair_new(base, BEV_OPT_CLOSE_ON_FREE, below);
  }
  void discard_pair() {
    for (bufferevent* end : below) bufferevent_free(end);
  }
  // A filter at each end.
  void make_both() {
    near.own(filter(below[0]));
    far.own(filter(below[1]));
  }
  // A filter at the far end only, and what it makes of bytes of ours.
  void make_far() {
    near.own(below[0]);
    far.own(filter(below[1]));
  }
  void turns(int count = 20) {
    for (int i = 0; i < count; i++) event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }
  // What a filter sends for `text` and its end.
  std::string compressed(const std::string& text) {
    bufferevent* pair[2];
    bufferevent_pair_new(base, 0, pair);
    End reader, writer;
    reader.own(pair[1]);
    writer.own(filter(pair[0]));
    writer.write(text);
    writer.flush(BEV_FINISHED);
    turns();
    return reader.received;
  }

  event_base* base = event_base_new();
  bufferevent* below[2];
  bevel_compress_options how{};
  End near;
  End far;
};

INSTANTIATE_TEST_SUITE_P(All, CompressionFilterTest, testing::ValuesIn(cases),
                         testing::PrintToStringParamName());

constexpr short failed_reading = BEV_EVENT_ERROR | BEV_EVENT_READING;

TEST_P(CompressionFilterTest, BringsBytesBothWaysAndTheEnd) {
  make_both();
  const std::string up = text_of(1 << 20), down = text_of(300);
  near.write(up);
  far.write(down);
  near.flush(BEV_FINISHED);
  far.flush(BEV_FLUSH);
  turns();
  EXPECT_TRUE(far.received == up);
  EXPECT_TRUE(near.received == down);
  EXPECT_EQ(far.events, std::vector<short>{BEV_EVENT_EOF | BEV_EVENT_READING});
  EXPECT_TRUE(near.events.empty());
}

TEST_P(CompressionFilterTest, CompressesAndHoldsBack) {
  const std::string text = text_of(1 << 20);
  EXPECT_LT(compressed(text).size(), text.size() / 2);
  make_both();
  near.write("short");
  turns();
  EXPECT_EQ(far.received, "");
  near.flush(BEV_FLUSH);
  turns();
  EXPECT_EQ(far.received, "short");
  near.write(" and more");
  near.flush(BEV_FLUSH);
  turns();
  EXPECT_EQ(far.received, "short and more");
}

TEST_P(CompressionFilterTest, FlushesOfNothingCostNothing) {
  near.own(filter(below[0]));
  far.own(below[1]);
  near.flush(BEV_FLUSH);
  turns();
  EXPECT_EQ(far.received, "");
  near.write("x");
  near.flush(BEV_FLUSH);
  turns();
  const std::size_t size = far.received.size();
  near.flush(BEV_FLUSH);
  near.flush(BEV_FLUSH);
  turns();
  EXPECT_EQ(far.received.size(), size);
}

TEST_P(CompressionFilterTest, HoldsNothingBackWhenPrompt) {
  how.flags = BEVEL_COMPRESS_PROMPT;
  make_both();
  std::string sent;
  for (int i = 0; i < 50; i++) {
    const std::string message = text_of(static_cast<std::size_t>(i) * 97);
    sent += message;
    near.write(message);
    turns(5);
    ASSERT_EQ(far.received.size(), sent.size());
  }
  EXPECT_TRUE(far.received == sent);
}

TEST_P(CompressionFilterTest, ContinuesWithANewStreamAfterTheEnd) {
  const std::string first = text_of(5000), second = text_of(70000);
  const std::string bytes = compressed(first) + compressed(second) + compressed("");
  make_far();
  near.write(bytes);
  near.flush(BEV_FINISHED);
  turns();
  EXPECT_TRUE(far.received == first + second);
  EXPECT_EQ(far.events, std::vector<short>{BEV_EVENT_EOF | BEV_EVENT_READING});
}

TEST_P(CompressionFilterTest, TakesItsInputInAnyPieces) {
  const std::string text = text_of(100000);
  const std::string bytes = compressed(text);
  make_far();
  for (std::size_t at = 0; at < bytes.size(); at += 13) {
    near.write(bytes.substr(at, 13));
    turns(1);
  }
  near.flush(BEV_FINISHED);
  turns();
  EXPECT_TRUE(far.received == text);
  EXPECT_EQ(far.events, std::vector<short>{BEV_EVENT_EOF | BEV_EVENT_READING});
}

TEST_P(CompressionFilterTest, TakesAnEndInTheMiddleForAnError) {
  const std::string bytes = compressed(text_of(10000));
  for (const std::size_t size : {std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
    make_far();
    near.write(bytes.substr(0, size));
    near.flush(BEV_FINISHED);
    turns();
    EXPECT_EQ(far.events, std::vector<short>{failed_reading}) << size;
    make_new_pair();
  }
  discard_pair();
}

TEST_P(CompressionFilterTest, TakesOtherBytesForAnError) {
  make_far();
  near.write("GET / HTTP/1.0\r\n\r\nthis was never compressed");
  turns();
  EXPECT_EQ(far.events, std::vector<short>{failed_reading});
  EXPECT_EQ(bufferevent_get_enabled(far.bev()) & EV_READ, 0);
  turns();
  EXPECT_EQ(far.events.size(), 1U);
}

TEST_P(CompressionFilterTest, NoticesChangedBytes) {
  const bool has_check_sum = GetParam().format != BEVEL_ZLIB_RAW;
  const std::string text = text_of(30000);
  std::string bytes = compressed(text);
  for (std::size_t at = bytes.size() / 10; at < bytes.size(); at += bytes.size() / 5) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    make_far();
    near.write(changed);
    near.flush(BEV_FINISHED);
    turns();
    ASSERT_FALSE(far.events.empty());
    EXPECT_TRUE(!has_check_sum || far.events[0] == failed_reading) << at;
    make_new_pair();
  }
  discard_pair();
}

// --- Limits ---

TEST_P(CompressionFilterTest, KeepsTheHighMarkOfItsInput) {
  const std::string text(500000, 'a');  // all of it comes from a few bytes, which are soon taken
  const std::string bytes = compressed(text);
  make_far();
  bufferevent_setwatermark(far.bev(), EV_READ, 0, 1000);
  far.take = 600;
  near.write(bytes);
  near.flush(BEV_FINISHED);  // the end must not push the rest through
  turns(50);
  EXPECT_EQ(far.most_waiting, 1000U);
  EXPECT_TRUE(far.events.empty());
  turns(2000);
  EXPECT_EQ(far.most_waiting, 1000U);
  far.take = SIZE_MAX;
  bufferevent_trigger(far.bev(), EV_READ, 0);
  turns(2000);
  EXPECT_EQ(far.received.size(), text.size());
  EXPECT_EQ(far.events, std::vector<short>{BEV_EVENT_EOF | BEV_EVENT_READING});
}

TEST_P(CompressionFilterTest, KeepsTheHighMarkBelowItsOutput) {
  for (const unsigned flags : {0U, unsigned{BEVEL_COMPRESS_PROMPT}}) {
    how.flags = flags;
    near.own(filter(below[0]));
    far.own(below[1]);
    bufferevent_disable(far.bev(), EV_READ);
    bufferevent_setwatermark(below[0], EV_WRITE, 0, 1000);
    std::string noise(300000, '\0');
    std::generate(noise.begin(), noise.end(), [] { return static_cast<char>(std::rand()); });
    near.write(noise);
    turns();
    EXPECT_EQ(evbuffer_get_length(bufferevent_get_output(below[0])), 1000U);
    EXPECT_GT(evbuffer_get_length(bufferevent_get_output(near.bev())), 0U);
    make_new_pair();
  }
  discard_pair();
}

TEST_P(CompressionFilterTest, StopsAtTheLimitOfItsOutput) {
  const std::string bytes = compressed(std::string(100000, 'a'));
  for (const unsigned most : {99999U, 100000U}) {
    how.max_output = most;
    make_far();
    near.write(bytes);
    turns();
    EXPECT_EQ(far.events.size(), most == 99999 ? 1U : 0U);
    EXPECT_LE(far.received.size(), most);
    make_new_pair();
  }
  discard_pair();
}

TEST_P(CompressionFilterTest, StopsAtTheLimitOfTheRatio) {
  const std::string bomb = compressed(std::string(64 << 20, 'a'));
  const std::string text = compressed(text_of(4 << 20));
  how.max_ratio = 100;
  make_far();
  near.write(text);
  turns();
  EXPECT_EQ(far.received.size(), std::size_t{4} << 20);
  EXPECT_TRUE(far.events.empty());
  near.write(bomb);
  turns();
  EXPECT_EQ(far.events, std::vector<short>{failed_reading});
  EXPECT_GT(far.received.size(), text.size() * how.max_ratio)
      << "what came before the limit is kept";
  EXPECT_LE(far.received.size(), (text.size() + bomb.size()) * how.max_ratio + (1U << 20));
}

TEST_P(CompressionFilterTest, WorksOneWayOnly) {
  how.flags = BEVEL_COMPRESS_OUTPUT_ONLY;
  near.own(filter(below[0]));
  how.flags = BEVEL_COMPRESS_INPUT_ONLY;
  far.own(filter(below[1]));
  near.write("compressed");
  near.flush(BEV_FLUSH);
  far.write("as it is");
  turns();
  EXPECT_EQ(far.received, "compressed");
  EXPECT_EQ(near.received, "as it is");
}

TEST_P(CompressionFilterTest, RefusesWhatMakesNoSense) {
  const auto refused = [&](int level, unsigned flags, int format) {
    how.level = level;
    how.flags = flags;
    how.format = format;
    errno = 0;
    return GetParam().make(below[0], &how, 0) == nullptr && errno == EINVAL;
  };
  const int format = GetParam().format;
  EXPECT_TRUE(refused(99, 0, format));
  EXPECT_TRUE(refused(0, 8, format));
  EXPECT_TRUE(refused(0, BEVEL_COMPRESS_INPUT_ONLY | BEVEL_COMPRESS_OUTPUT_ONLY, format));
  EXPECT_TRUE(refused(0, 0, 9));
  EXPECT_EQ(GetParam().make(nullptr, nullptr, 0), nullptr);
  // And nothing was taken.
  near.own(GetParam().make(below[0], nullptr, BEV_OPT_CLOSE_ON_FREE));
  ASSERT_NE(near.bev(), nullptr);
  EXPECT_TRUE(refused(0, 0, format));  // a second one
  bufferevent_free(below[1]);
}

TEST_P(CompressionFilterTest, EndsByShutdown) {
  make_both();
  const std::string text = text_of(200000);
  near.write(text);
  struct Outcome {
    int calls = 0;
    bevel_shutdown_outcome what{};
  } outcome;
  const auto note = [](bufferevent*, bevel_shutdown_outcome what, void* arg) {
    auto& seen = *static_cast<Outcome*>(arg);
    seen.calls++;
    seen.what = what;
  };
  ASSERT_EQ(bevel_shutdown(near.bev(), EV_WRITE, nullptr, note, &outcome), 0);
  turns();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(outcome.what, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(far.received == text);
  EXPECT_EQ(far.events, std::vector<short>{BEV_EVENT_EOF | BEV_EVENT_READING});
}

}  // namespace
