// Members of one group on the loops of several threads, while others change everything that they
// may.
#include <event2/thread.h>

#include <atomic>
#include <memory>
#include <thread>

#include "stream/limits_support.h"

namespace limits_test {
namespace {

using namespace std::chrono_literals;

constexpr int loops = 4;
constexpr int streams = 6;
constexpr int options = BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS;

// A loop in a thread of its own, with connections that always have more to write.
class Worker {
 public:
  Worker() : base_(event_base_new()) {
    keep_alive_ = event_new(
        base_, -1, EV_PERSIST, [](int, short, void*) {}, nullptr);
    const timeval period{1, 0};
    event_add(keep_alive_, &period);
    for (int i = 0; i < streams; ++i) {
      int sockets[2];
      make_sockets(sockets);
      for (const int fd : sockets) {
        bufferevent* bev = bufferevent_socket_new(base_, fd, options | BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(bev, on_read, on_write, nullptr, this);
        bufferevent_enable(bev, EV_READ);
        bevs.push_back(bev);
      }
    }
  }
  ~Worker() { event_base_free(base_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start() {
    for (bufferevent* bev : bevs) write_bytes(bev, 4096);
    thread_ = std::thread([this] { event_base_dispatch(base_); });
  }
  void stop() {
    event_base_loopbreak(base_);
    thread_.join();
    event_free(keep_alive_);
  }
  event_base* base() const { return base_; }

  std::vector<bufferevent*> bevs;
  static inline std::atomic<std::uint64_t> arrived = 0;

 private:
  static void on_read(bufferevent* bev, void*) {
    evbuffer* input = bufferevent_get_input(bev);
    const size_t size = evbuffer_get_length(input);
    evbuffer_drain(input, size);
    arrived += size;
  }
  static void on_write(bufferevent* bev, void*) { write_bytes(bev, 4096); }

  event_base* base_;
  event* keep_alive_;
  std::thread thread_;
};

class LimitsAcrossThreads : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  void SetUp() override {
    Worker::arrived = 0;
    for (int i = 0; i < loops; ++i) workers.push_back(std::make_unique<Worker>());
  }
  std::vector<std::unique_ptr<Worker>> workers;
};

TEST_F(LimitsAcrossThreads, OneGroupHoldsItsRate) {
  const Cfg cfg(EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, 5000, 5000, 10'000'000);
  Group group(workers[0]->base(), cfg);
  const Clock::time_point start = Clock::now();
  for (const auto& worker : workers) {
    for (bufferevent* bev : worker->bevs) bufferevent_add_to_rate_limit_group(bev, group);
    worker->start();
  }
  std::this_thread::sleep_for(400ms);
  ev_uint64_t written = 0;
  bufferevent_rate_limit_group_get_totals(group, nullptr, &written);
  const double seconds = seconds_since(start);
  EXPECT_LE(static_cast<double>(written), 5000 * (seconds / 0.01 + 1) + 2 * 50000);
  EXPECT_GE(static_cast<double>(written), 0.2 * 5000 * seconds / 0.01);
  EXPECT_LE(Worker::arrived.load(), written + 5000);
  for (const auto& worker : workers) worker->stop();
  for (const auto& worker : workers) {
    for (bufferevent* bev : worker->bevs) bufferevent_free(bev);
  }
}

TEST_F(LimitsAcrossThreads, EverythingMayChangeMeanwhile) {
  const Cfg wide(50000, 10'000'000);
  const Cfg narrow(2000, 2'000'000);
  Group top(workers[0]->base(), wide);
  Group first(workers[1]->base(), narrow);
  auto second = std::make_unique<Group>(workers[2]->base(), wide);
  bevel_rate_limit_group_set_parent(first, top);
  for (const auto& worker : workers) {
    for (bufferevent* bev : worker->bevs) bufferevent_add_to_rate_limit_group(bev, first);
    worker->start();
  }
  const Clock::time_point start = Clock::now();
  for (int step = 0; seconds_since(start) < 0.5; ++step) {
    bufferevent* bev =
        workers[static_cast<size_t>(step) % loops]->bevs[static_cast<size_t>(step) % streams];
    bevel_rate_limit_stats stats{};
    stats.size = sizeof stats;
    bufferevent_add_to_rate_limit_group(bev, step % 3 == 0 ? *second : first);
    bufferevent_set_rate_limit(bev,
                               step % 5 == 0 ? static_cast<ev_token_bucket_cfg*>(narrow) : nullptr);
    bufferevent_rate_limit_group_set_cfg(first, step % 2 == 0 ? wide : narrow);
    bufferevent_rate_limit_group_set_min_share(first, static_cast<size_t>(step % 100));
    bufferevent_rate_limit_group* parent = top;
    bevel_rate_limit_group_set_parent(*second, step % 4 == 0 ? nullptr : parent);
    bevel_rate_limit_group_set_weight(*second, 1 + static_cast<unsigned>(step % 3));
    bevel_rate_limit_group_set_assured(first, 0, static_cast<size_t>(step % 2) * 500, 1'000'000);
    bevel_set_rate_limit_weight(bev, 1 + static_cast<unsigned>(step % 7));
    bevel_get_rate_limit_stats(bev, &stats);
    bevel_rate_limit_group_get_stats(first, &stats);
    bufferevent_get_write_limit(bev);
    bufferevent_get_max_to_read(bev);
    bufferevent_rate_limit_group_get_read_limit(first);
    bufferevent_rate_limit_group_decrement_write(*second, step % 50);
    if (step % 16 == 0) bufferevent_remove_from_rate_limit_group(bev);
    std::this_thread::yield();
  }
  // Streams go while their loops run, and a group while its members do.
  for (const auto& worker : workers) {
    bufferevent_free(worker->bevs.back());
    worker->bevs.pop_back();
  }
  second.reset();
  first.free();
  const std::uint64_t before = Worker::arrived;
  const Clock::time_point freed = Clock::now();
  while (Worker::arrived == before && seconds_since(freed) < 10) std::this_thread::yield();
  EXPECT_GT(Worker::arrived.load(), before) << "they go on without it";
  for (const auto& worker : workers) worker->stop();
  for (const auto& worker : workers) {
    for (bufferevent* bev : worker->bevs) bufferevent_free(bev);
  }
}

}  // namespace
}  // namespace limits_test
