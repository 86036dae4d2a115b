// A loop in simulated time: streams that always want to move bytes (or as many as they are told),
// groups that arm timers. Nothing here looks at a clock, so a minute of traffic takes milliseconds
// and every run is the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "limit/group.h"
#include "limit/throttle.h"

namespace ev::test {

using namespace std::chrono_literals;

inline constexpr TimePoint start_time = TimePoint(std::chrono::hours(1000));

inline CfgRef make_cfg(const Limit& read, const Limit& write) {
  TokenBucketCfg* cfg = TokenBucketCfg::create(read, write);
  CfgRef reference(cfg);
  if (cfg != nullptr) cfg->release();
  return reference;
}
inline CfgRef make_cfg(const Limit& both) { return make_cfg(both, both); }

// `per_second` in ticks of `tick`, with a burst of `bursts` ticks.
inline Limit per_second(std::uint64_t rate, Duration tick = 10ms, std::uint64_t bursts = 1,
                        RefillMode mode = RefillMode::smooth) {
  const std::uint64_t bytes = Rate{rate, 1s}.over(tick);
  return Limit{{bytes, tick}, bytes * bursts, mode};
}

class Simulation;

// Something with one timer.
class Timed {
 public:
  explicit Timed(Simulation& simulation) : simulation_(simulation) {}
  virtual void on_timer() = 0;
  void set_timer(std::optional<TimePoint> when);
  const std::optional<TimePoint>& timer() const { return due_; }

 protected:
  ~Timed() { set_timer(std::nullopt); }
  Simulation& simulation_;

 private:
  friend class Simulation;
  std::optional<TimePoint> due_;
  std::int64_t armed_as_ = 0;
};

class SimGroup final : public RateGroup, public Timed {
 public:
  SimGroup(Simulation& simulation, const Limit& limit);
  ~SimGroup() { close(TimePoint{}); }
  void arm(std::optional<TimePoint> when) override { set_timer(when); }
  void on_timer() override;
  unsigned services = 0;
};

class SimStream final : public Throttled, public Timed {
 public:
  explicit SimStream(Simulation& simulation) : Timed(simulation), throttle(*this) {}
  void resume(Direction direction) override;
  void arm(std::optional<TimePoint> when) override { set_timer(when); }
  void on_timer() override;

  // Wants to move bytes from now on.
  void start(Direction direction = Direction::write);
  void turn(Direction direction);

  Throttle throttle;
  std::uint64_t hunger = UINT64_MAX;  // bytes that it still wants to move
  std::size_t largest_move = 262144;
  int moves_per_turn = 1;
  // Uses no more of what it gets, and asks again only when it is started again.
  std::optional<std::size_t> need;
  std::uint64_t moved = 0;
  std::uint64_t moves = 0;
  std::uint64_t largest_seen = 0;
  unsigned resumes = 0;
  std::vector<std::uint64_t>* windows = nullptr;  // bytes per window_length
};

class Simulation {
 public:
  static constexpr Duration window_length = 100ms;

  void run_for(Duration span) { run_until(now + span); }
  void run_until(TimePoint end) {
    for (;;) {
      if (!ready.empty()) {
        // One turn of the loop: everybody who is ready moves once.
        std::deque<std::pair<SimStream*, Direction>> turn;
        turn.swap(ready);
        for (auto& [stream, direction] : turn) {
          now += move_cost;
          stream->turn(direction);
        }
        if (now >= end) return;
        if (!timers.empty() && std::get<TimePoint>(*timers.begin()) <= now) fire_first();
        continue;
      }
      if (timers.empty() || std::get<TimePoint>(*timers.begin()) > end) {
        now = std::max(now, end);
        return;
      }
      now = std::max(now, std::get<TimePoint>(*timers.begin())) + lateness;
      fire_first();
    }
  }
  void fire_first() {
    Timed& timed = *std::get<Timed*>(*timers.begin());
    timed.set_timer(std::nullopt);
    timed.on_timer();
  }

  SimStream& add_stream() { return *streams.emplace_back(std::make_unique<SimStream>(*this)); }
  void record(std::uint64_t bytes, SimStream& stream) {
    note(bytes, windows);
    if (stream.windows != nullptr) note(bytes, *stream.windows);
    if (keep_moves) all_moves.emplace_back(now, bytes);
  }
  void note(std::uint64_t bytes, std::vector<std::uint64_t>& series) const {
    const auto index = static_cast<std::size_t>((now - start_time) / window_length);
    if (series.size() <= index) series.resize(index + 1);
    series[index] += bytes;
  }

  TimePoint now = start_time;
  Duration move_cost = 1us;
  Duration lateness = 50us;       // of every timer
  bool last_armed_first = false;  // among timers of the same time
  std::int64_t armed = 0;
  std::set<std::tuple<TimePoint, std::int64_t, Timed*>> timers;
  std::deque<std::pair<SimStream*, Direction>> ready;
  std::vector<std::unique_ptr<SimStream>> streams;
  std::vector<std::uint64_t> windows;
  bool keep_moves = false;
  std::vector<std::pair<TimePoint, std::uint64_t>> all_moves;
};

inline void Timed::set_timer(std::optional<TimePoint> when) {
  if (due_) simulation_.timers.erase({*due_, armed_as_, this});
  due_ = when;
  if (!due_) return;
  armed_as_ = simulation_.last_armed_first ? --simulation_.armed : ++simulation_.armed;
  simulation_.timers.insert({*due_, armed_as_, this});
}

inline SimGroup::SimGroup(Simulation& simulation, const Limit& limit)
    : RateGroup(*make_cfg(limit).get(), simulation.now), Timed(simulation) {}

inline void SimGroup::on_timer() {
  ++services;
  serve(simulation_.now);
}

inline void SimStream::resume(Direction direction) {
  ++resumes;
  simulation_.ready.emplace_back(this, direction);
}

inline void SimStream::on_timer() {
  const unsigned due = throttle.on_timer(simulation_.now);
  for (const Direction direction : both_directions) {
    if ((due & (1U << index_of(direction))) != 0) resume(direction);
  }
}

inline void SimStream::start(Direction direction) {
  simulation_.ready.emplace_back(this, direction);
}

inline void SimStream::turn(Direction direction) {
  for (int move = 0; move < moves_per_turn; ++move) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(hunger, largest_move));
    if (wanted == 0) return throttle.cancel(direction, simulation_.now);
    const std::size_t room = throttle.allowance(direction, simulation_.now, wanted);
    if (room == 0) return;
    if (need) return throttle.spend(direction, std::min(room, *need), simulation_.now);
    throttle.spend(direction, room, simulation_.now);
    moved += room;
    hunger -= room;
    ++moves;
    largest_seen = std::max<std::uint64_t>(largest_seen, room);
    simulation_.record(room, *this);
  }
  simulation_.ready.emplace_back(this, direction);
}

// (sum x)^2 / (n sum x^2): 1 if all are equal, 1/n if one has everything.
inline double jain(const std::vector<std::uint64_t>& values) {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t value : values) {
    const auto x = static_cast<double>(value);
    sum += x;
    squares += x * x;
  }
  return sum * sum / (static_cast<double>(values.size()) * squares);
}

// Standard deviation over mean of the elements from `first` up to `last`.
inline double variation(const std::vector<std::uint64_t>& values, std::size_t first,
                        std::size_t last) {
  double sum = 0;
  double squares = 0;
  for (std::size_t i = first; i < last; ++i) {
    const auto x = static_cast<double>(values.at(i));
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(last - first);
  const double mean = sum / n;
  return std::sqrt(std::max(squares / n - mean * mean, 0.0)) / mean;
}

}  // namespace ev::test
