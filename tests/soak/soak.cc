// Many connections that come and go for a while: plain, filtered, compressed and over TLS, on TCP,
// sockets and pairs. Half of them are ended properly, and lose no byte; the others are disturbed in
// every way that a program has, and lose nothing but the end. Every byte that arrives is verified.
// Meant for a build with sanitizers (script/soak).
#include <event2/event.h>
#include <getopt.h>
#include <openssl/err.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "soak/conversation.h"

namespace soak {
namespace {

struct Settings {
  unsigned seconds = 120;
  unsigned connections = 2000;
  unsigned seed = 1;
};

class Soak {
 public:
  explicit Soak(const Settings& settings)
      : settings_(settings), loop_(event_base_new()), wires_(loop_), random_(settings.seed) {
    tick_ = event_new(loop_, -1, EV_PERSIST, on_tick, this);
    constexpr timeval period{0, 10'000};
    event_add(tick_, &period);
  }
  ~Soak() {
    event_free(tick_);
    open_.clear();
    event_base_loop(loop_, EVLOOP_NONBLOCK);
    event_base_free(loop_);
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  bool run() {
    while (!is_over_) event_base_loop(loop_, EVLOOP_ONCE);
    print("at the end");
    if (score_.failures > 0) return false;
    const int left = event_base_get_num_events(loop_, EVENT_BASE_COUNT_ADDED) - own_events;
    if (left == 0 && open_.empty()) return true;
    for (const auto& conversation : open_) conversation->describe();
    std::printf("FAILED: some never ended, and %d events of streams are left\n", left);
    return false;
  }

 private:
  static constexpr unsigned ticks_per_second = 100;
  static constexpr int own_events = 1;
  // In a tick, so that the turns of the loop stay short.
  static constexpr int most_made = 100;
  static constexpr int most_begun = 40;
  // How long the last ones may take. Far more than they need, far less than for ever.
  static constexpr unsigned patience = 90 * ticks_per_second;

  static void on_tick(evutil_socket_t, short, void* self) { static_cast<Soak*>(self)->tick(); }

  // Ticks are late when there is much to do; it is the clock that says when it is over.
  void tick() {
    ticks_++;
    std::erase_if(open_, [](const auto& conversation) { return conversation->is_over(); });
    timeval now;
    event_base_gettimeofday_cached(loop_, &now);
    if (!timerisset(&begin_)) begin_ = now;
    const auto seconds = static_cast<unsigned>(now.tv_sec - begin_.tv_sec);
    if (seconds < settings_.seconds) {
      for (int i = 0; i < most_made && open_.size() < settings_.connections; i++) {
        open_.push_back(std::make_unique<Conversation>(wires_, score_, random_));
      }
      last_ticks_ = ticks_;
    } else {
      for (const auto& conversation : open_) conversation->begin();
      const bool is_empty = event_base_get_num_events(loop_, EVENT_BASE_COUNT_ADDED) <= own_events;
      is_over_ = (open_.empty() && is_empty) || ticks_ - last_ticks_ > patience;
    }
    if (score_.failures > 0) is_over_ = true;
    for (int i = 0; i < most_begun && !open_.empty(); i++) {
      open_[random_.below(open_.size())]->begin();
    }
    for (std::size_t i = 0; i < (open_.size() + 19) / 20; i++) {
      open_[random_.below(open_.size())]->disturb();
    }
    if (seconds >= next_report_) {
      next_report_ = seconds + 5;
      print((std::to_string(seconds) + " s").c_str());
    }
  }

  void print(const char* when) const {
    std::printf("%s: %zu open; %lu were ended properly, %lu cut; %.1f MB verified\n", when,
                open_.size(), score_.proper, score_.cut, static_cast<double>(score_.bytes) / 1e6);
    std::fflush(stdout);
  }

  const Settings settings_;
  event_base* loop_;
  event* tick_;
  Wires wires_;
  Random random_;
  Score score_;
  std::vector<std::unique_ptr<Conversation>> open_;
  timeval begin_{};
  unsigned ticks_ = 0;
  unsigned last_ticks_ = 0;
  unsigned next_report_ = 0;
  bool is_over_ = false;
};

bool allow_descriptors(rlim_t count) {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return true;
  limit.rlim_cur = count;
  if (limit.rlim_max < count) limit.rlim_max = count;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void usage(std::FILE* out) {
  std::fputs(
      "usage: soak [--seconds N] [--connections N] [--seed N]\n"
      "Lets connections come and go, and verifies every byte that arrives.\n"
      "  --seconds N      how long; default 120\n"
      "  --connections N  how many at once; default 2000\n"
      "  --seed N         of the random decisions; default 1\n"
      "Exits with 0 if all went well, 1 if not, 2 if asked for what it cannot do.\n",
      out);
}

// 0 if it is not a number from 1 to a million.
unsigned number(const char* text) {
  char* end;
  const unsigned long value = std::strtoul(text, &end, 10);
  return *end == '\0' && *text != '-' && value <= 1'000'000 ? static_cast<unsigned>(value) : 0;
}

// The exit code, or -1 to go on.
int read_arguments(int argc, char** argv, Settings& settings) {
  static const option options[] = {{"seconds", required_argument, nullptr, 's'},
                                   {"connections", required_argument, nullptr, 'c'},
                                   {"seed", required_argument, nullptr, 'r'},
                                   {"help", no_argument, nullptr, 'h'},
                                   {nullptr, 0, nullptr, 0}};
  int chosen;
  while ((chosen = getopt_long(argc, argv, "", options, nullptr)) != -1) {
    if (chosen == 'h') return usage(stdout), 0;
    unsigned* value = nullptr;
    if (chosen == 's') value = &settings.seconds;
    if (chosen == 'c') value = &settings.connections;
    if (chosen == 'r') value = &settings.seed;
    if (value == nullptr || (*value = number(optarg)) == 0) return usage(stderr), 2;
  }
  return optind < argc ? (usage(stderr), 2) : -1;
}

}  // namespace
}  // namespace soak

int main(int argc, char** argv) {
  soak::Settings settings;
  const int refused = soak::read_arguments(argc, argv, settings);
  if (refused >= 0) return refused;
  if (!soak::allow_descriptors(settings.connections * 4 + 100)) {
    std::fputs("soak: so many connections need more descriptors than we may have (ulimit -n)\n",
               stderr);
    return 2;
  }
  soak::Soak soak(settings);
  if (soak.run()) return 0;
  // What is left behind then is no leak.
  std::fflush(stdout);
  std::_Exit(1);
}
