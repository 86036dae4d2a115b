#include "stream/support.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace test {
namespace {

constexpr int locked = BEV_OPT_THREADSAFE;
constexpr int deferred = BEV_OPT_DEFER_CALLBACKS;
constexpr int unlocked = BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS;

// Turns every byte over: what passes through it twice is what it was.
bufferevent_filter_result rewrite(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                  bufferevent_flush_mode, void*) {
  char bytes[4000];
  std::size_t most = sizeof bytes;
  if (limit >= 0 && static_cast<std::size_t>(limit) < most) most = static_cast<std::size_t>(limit);
  const int size = evbuffer_remove(source, bytes, most);
  if (size <= 0) return BEV_NEED_MORE;
  for (int i = 0; i < size; i++) bytes[i] = static_cast<char>(~bytes[i]);
  evbuffer_add(destination, bytes, static_cast<std::size_t>(size));
  return BEV_OK;
}

void on_end_read(bufferevent*, void* self) {
  End& end = *static_cast<End*>(self);
  end.reads++;
  if (!end.keeps_input) end.take_input();
  if (end.on_read) end.on_read();
}

void on_end_write(bufferevent*, void* self) {
  End& end = *static_cast<End*>(self);
  end.writes++;
  if (end.on_write) end.on_write();
}

void on_end_event(bufferevent*, short what, void* self) {
  End& end = *static_cast<End*>(self);
  end.error = errno;
  end.events++;
  end.what = static_cast<short>(end.what | what);
  if (end.on_event) end.on_event(what);
}

void do_nothing(int, short, void*) {}

}  // namespace

std::ostream& operator<<(std::ostream& out, const StackType& type) { return out << type.name; }

const std::vector<StackType>& all_stacks() {
  static const std::vector<StackType> stacks = {
      {"socket", false, 0, 0, false},
      {"socket_deferred", false, 0, deferred, false},
      {"socket_locked", false, 0, locked, false},
      {"socket_unlocked", false, 0, unlocked, false},
      {"pair", true, 0, 0, false},
      {"pair_locked", true, 0, locked, false},
      {"pair_unlocked", true, 0, unlocked, false},
      {"filter_on_socket", false, 1, 0, false},
      {"filter_on_pair", true, 1, 0, false},
      {"filter_on_socket_locked", false, 1, locked, false},
      {"filter_on_pair_unlocked", true, 1, unlocked, false},
      {"rewriting_filter_on_socket", false, 1, 0, true},
      {"two_filters_on_socket", false, 2, 0, false},
      {"two_filters_on_pair", true, 2, 0, true},
      {"filter_on_filter_deferred", false, 2, deferred, false},
      {"tall_on_socket", false, 300, 0, false},
      {"tall_on_pair", true, 300, 0, false},
  };
  return stacks;
}

std::string name_of(const testing::TestParamInfo<StackType>& info) { return info.param.name; }

void use_threads() {
  static const int done = evthread_use_pthreads();
  ASSERT_EQ(done, 0);
}

Ends make_sockets(event_base* loop, int options) {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {bufferevent_socket_new(loop, fds[0], options | BEV_OPT_CLOSE_ON_FREE),
          bufferevent_socket_new(loop, fds[1], options | BEV_OPT_CLOSE_ON_FREE)};
}

Ends make_ends(event_base* loop, const StackType& type) {
  Ends ends{};
  if (type.is_pair) {
    EXPECT_EQ(bufferevent_pair_new(loop, type.options, ends.data()), 0);
  } else {
    ends = make_sockets(loop, type.options);
  }
  const bufferevent_filter_cb function = type.rewrites ? rewrite : nullptr;
  for (bufferevent*& end : ends) {
    for (int i = 0; i < type.filters; i++) {
      end = bufferevent_filter_new(end, function, function, type.options | BEV_OPT_CLOSE_ON_FREE,
                                   nullptr, nullptr);
    }
  }
  return ends;
}

bufferevent* lowest(bufferevent* top) {
  while (bufferevent* below = bufferevent_get_underlying(top)) top = below;
  return top;
}

void limit_output_below(bufferevent* top, std::size_t all) {
  std::size_t layers = 0;
  for (bufferevent* below = top; (below = bufferevent_get_underlying(below)) != nullptr;) layers++;
  const std::size_t high = std::max<std::size_t>(all / (layers + 1), 1000);
  while (bufferevent* below = bufferevent_get_underlying(top)) {
    bufferevent_setwatermark(below, EV_WRITE, 0, high);
    top = below;
  }
}

void End::take(bufferevent* stream) {
  bev = stream;
  listen();
  bufferevent_enable(bev, EV_READ | EV_WRITE);
}

void End::listen() { bufferevent_setcb(bev, on_end_read, on_end_write, on_end_event, this); }

void End::free() {
  if (bev != nullptr) bufferevent_free(bev);
  bev = nullptr;
}

void End::write(const std::string& bytes) const {
  EXPECT_EQ(bufferevent_write(bev, bytes.data(), bytes.size()), 0);
}

void End::take_input() {
  const std::size_t size = input_size();
  const std::size_t had = got.size();
  got.resize(had + size);
  got.resize(had + bufferevent_read(bev, got.data() + had, size));
}

LoopTest::LoopTest() {
  use_threads();
  loop_ = event_base_new();
}

LoopTest::~LoopTest() {
  if (loop_ != nullptr) event_base_free(loop_);
}

bool LoopTest::run_until(const std::function<bool()>& done, int seconds) {
  using std::chrono::steady_clock;
  const auto give_up = steady_clock::now() + std::chrono::seconds(seconds);
  event* guard = event_new(loop_, -1, EV_PERSIST, do_nothing, nullptr);
  constexpr timeval period{1, 0};
  event_add(guard, &period);
  while (!done() && steady_clock::now() < give_up) event_base_loop(loop_, EVLOOP_ONCE);
  event_free(guard);
  return done();
}

void LoopTest::run_for(int milliseconds) {
  const timeval time{0, milliseconds * 1000};
  event_base_loopexit(loop_, &time);
  event_base_loop(loop_, EVLOOP_NO_EXIT_ON_EMPTY);
}

void LoopTest::settle() {
  for (int i = 0; i < 1000; i++) turn();
}

ConversationTest::~ConversationTest() {
  a_.free();
  b_.free();
  settle();  // what is freed in parts
}

void ConversationTest::open(const StackType& type) {
  const Ends ends = make_ends(loop_, type);
  ASSERT_NE(ends[0], nullptr);
  ASSERT_NE(ends[1], nullptr);
  a_.take(ends[0]);
  b_.take(ends[1]);
}

}  // namespace test
