// Question: how exactly, how evenly and at what cost do rate limits let bytes through? Reads from
// streams that always have more to read, dealt to groups or under a limit each.

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/socket.h>

#include <cstdlib>
#include <vector>

#include "common/abstract_socket.h"
#include "common/options.h"
#include "limits/record.h"

namespace {

struct Limits {
  std::size_t groups;    // none: a limit each
  std::size_t per_tick;  // of each group, or of each member
  timeval tick;
};

class Reader {
 public:
  Reader(std::size_t members, const Limits& limits, double warm_up, double seconds)
      : limits_(limits),
        config_(ev_token_bucket_cfg_new(limits.per_tick, limits.per_tick, EV_RATE_LIMIT_MAX,
                                        EV_RATE_LIMIT_MAX, &limits.tick)),
        members_(members),
        warm_up_(warm_up),
        seconds_(seconds),
        record_(members, seconds) {
    while (groups_.size() < limits_.groups) {
      groups_.push_back(bufferevent_rate_limit_group_new(base_, config_));
    }
    listener_ =
        evconnlistener_new(base_, on_connection, this, 0, 0, bench::listen_abstract_and_announce());
  }

  void run() {
    event_base_dispatch(base_);
    const double rate = static_cast<double>(limits_.per_tick) * 1e6 /
                        (static_cast<double>(limits_.tick.tv_sec) * 1e6 +
                         static_cast<double>(limits_.tick.tv_usec));
    record_.print(rate * static_cast<double>(groups_.empty() ? members_.size() : groups_.size()));
  }

 private:
  struct Member {
    Reader* reader;
    std::size_t index;
  };

  static void on_connection(evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* arg) {
    static_cast<Reader*>(arg)->add_member(fd);
  }

  void add_member(evutil_socket_t fd) {
    if (joined_ == members_.size()) std::abort();
    Member& member = members_[joined_];
    member = {this, joined_++};
    bufferevent* stream = bufferevent_socket_new(base_, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(stream, on_read, nullptr, nullptr, &member);
    limit(stream, member.index);
    bufferevent_enable(stream, EV_READ);
    if (joined_ == members_.size()) begin();
  }

  void limit(bufferevent* stream, std::size_t index) {
    if (groups_.empty()) {
      bufferevent_set_rate_limit(stream, config_);
    } else {
      bufferevent_add_to_rate_limit_group(stream, groups_[index % groups_.size()]);
    }
  }

  // Without a warm-up from the very first byte on.
  void begin() {
    if (warm_up_ > 0) {
      after(warm_up_, on_warm);
    } else {
      on_warm(-1, 0, this);
    }
  }

  static void on_read(bufferevent* stream, void* arg) {
    const Member& member = *static_cast<Member*>(arg);
    evbuffer* input = bufferevent_get_input(stream);
    const std::size_t size = evbuffer_get_length(input);
    evbuffer_drain(input, size);
    member.reader->record_.add(member.index, size);
  }

  void after(double seconds, event_callback_fn callback) {
    const timeval delay{.tv_sec = static_cast<time_t>(seconds),
                        .tv_usec = static_cast<suseconds_t>(seconds * 1e6) % 1000000};
    event_base_once(base_, -1, EV_TIMEOUT, callback, this, &delay);
  }

  static void on_warm(evutil_socket_t, short, void* arg) {
    auto& self = *static_cast<Reader*>(arg);
    self.record_.start();
    self.after(self.seconds_, on_end);
  }

  static void on_end(evutil_socket_t, short, void* arg) {
    auto& self = *static_cast<Reader*>(arg);
    self.record_.finish();
    event_base_loopbreak(self.base_);
  }

  event_base* base_ = event_base_new();
  Limits limits_;
  ev_token_bucket_cfg* config_;
  std::vector<bufferevent_rate_limit_group*> groups_;
  evconnlistener* listener_ = nullptr;
  std::vector<Member> members_;
  std::size_t joined_ = 0;
  double warm_up_;
  double seconds_;
  bench::Record record_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const auto milliseconds = options.integer<long>("tick", 100);
  const double rate = options.number("rate", 1e6);
  const Limits limits{
      .groups =
          options.text("limit", "own") == "group" ? options.integer<std::size_t>("groups", 1) : 0,
      .per_tick = static_cast<std::size_t>(rate * static_cast<double>(milliseconds) / 1000),
      .tick = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000}};
  Reader(options.integer<std::size_t>("members", 1), limits, options.number("warmup", 0.5),
         options.number("seconds", 5))
      .run();
  return 0;
}
