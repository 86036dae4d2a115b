#include "loop/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace ev {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Deadline start{seconds(12345)};

// As the loop does.
std::vector<event*> expire(TimerWheel& wheel, Deadline now) {
  std::vector<event*> expired;
  if (!wheel.may_be_due(now)) return expired;
  while (event* list = wheel.take_expired(now)) {
    for (event* ev = list; ev != nullptr; ev = TimerWheel::next_of(*ev)) expired.push_back(ev);
  }
  return expired;
}

TEST(TimerWheel, IsEmptyAtFirst) {
  TimerWheel wheel(start);
  EXPECT_TRUE(wheel.empty());
  EXPECT_FALSE(wheel.next());
  EXPECT_TRUE(expire(wheel, start + hours(1)).empty());
}

TEST(TimerWheel, NeverExpiresEarly) {
  for (const Deadline::duration delay :
       {microseconds(0), microseconds(1), microseconds(999), microseconds(1000),
        microseconds(255'999), microseconds(256'000), microseconds(seconds(65)),
        microseconds(hours(5)), microseconds(hours(24 * 60)), microseconds(hours(24 * 3000))}) {
    TimerWheel wheel(start);
    event ev{};
    wheel.insert(ev, start + delay);
    EXPECT_LE(*wheel.next(), start + delay);
    EXPECT_TRUE(expire(wheel, start + delay - microseconds(1)).empty()) << delay.count();
    EXPECT_EQ(expire(wheel, start + delay).size(), 1u) << delay.count();
    EXPECT_TRUE(wheel.empty());
  }
}

TEST(TimerWheel, KnowsWithoutLookingThatNothingIsDue) {
  TimerWheel wheel(start);
  event soon{}, far{};
  wheel.insert(soon, start + milliseconds(5));
  wheel.insert(far, start + hours(24 * 60));
  expire(wheel, start);
  EXPECT_FALSE(wheel.may_be_due(start + milliseconds(5) - microseconds(1)));
  EXPECT_TRUE(wheel.may_be_due(start + milliseconds(5)));
  EXPECT_EQ(expire(wheel, start + milliseconds(5)).size(), 1u);
  EXPECT_FALSE(wheel.may_be_due(start + hours(1)));
  wheel.move(far, start + milliseconds(6));
  EXPECT_TRUE(wheel.may_be_due(start + milliseconds(6)));
  wheel.remove(far);
  EXPECT_FALSE(wheel.may_be_due(start + hours(24 * 100))) << "there are none";
}

TEST(TimerWheel, ExpiresInTheOrderOfDeadlines) {
  TimerWheel wheel(start);
  event late{}, early{}, past{};
  wheel.insert(late, start + microseconds(700));
  wheel.insert(early, start + microseconds(300));
  wheel.insert(past, start - seconds(5));
  EXPECT_EQ(expire(wheel, start + milliseconds(1)), (std::vector<event*>{&past, &early, &late}));
}

TEST(TimerWheel, ExpiresEqualDeadlinesAsTheyWereInserted) {
  TimerWheel wheel(start);
  std::vector<event> events(100);
  for (std::size_t i = 0; i < events.size(); i++) {
    wheel.insert(events[i], start + seconds(100) + (i % 2) * microseconds(1));
  }
  const std::vector<event*> expired = expire(wheel, start + seconds(101));
  ASSERT_EQ(expired.size(), events.size());
  for (std::size_t i = 0; i < 50; i++) {
    EXPECT_EQ(expired[i], &events[2 * i]);
    EXPECT_EQ(expired[50 + i], &events[2 * i + 1]);
  }
}

TEST(TimerWheel, MovesLaterWithoutFilingAgain) {
  TimerWheel wheel(start);
  event ev{};
  wheel.insert(ev, start + milliseconds(10));
  wheel.move(ev, start + seconds(10));
  EXPECT_EQ(deadline_of(ev), start + seconds(10));
  EXPECT_LE(*wheel.next(), start + seconds(10));
  EXPECT_TRUE(expire(wheel, start + milliseconds(10)).empty());
  EXPECT_EQ(*wheel.next(), start + seconds(10));
  EXPECT_TRUE(expire(wheel, start + milliseconds(9999)).empty());
  EXPECT_EQ(expire(wheel, start + seconds(10)).size(), 1u);
}

TEST(TimerWheel, MovesEarlier) {
  TimerWheel wheel(start);
  event ev{};
  wheel.insert(ev, start + hours(10));
  wheel.move(ev, start + milliseconds(3));
  EXPECT_EQ(*wheel.next(), start + milliseconds(3));
  EXPECT_EQ(expire(wheel, start + milliseconds(3)).size(), 1u);
}

TEST(TimerWheel, ForgetsWhatIsRemoved) {
  TimerWheel wheel(start);
  std::vector<event> events(3);
  for (event& ev : events) wheel.insert(ev, start + milliseconds(5));
  wheel.remove(events[1]);
  EXPECT_EQ(expire(wheel, start + milliseconds(5)), (std::vector<event*>{&events[0], &events[2]}));
  wheel.insert(events[0], start + seconds(1));
  wheel.remove(events[0]);
  EXPECT_TRUE(wheel.empty());
  EXPECT_FALSE(wheel.next());
}

TEST(TimerWheel, WakesOnceForManyTimersOfAMillisecond) {
  TimerWheel wheel(start);
  std::vector<event> events(4);
  for (std::size_t i = 0; i < 3; i++) wheel.insert(events[i], start + microseconds(5100 + 10 * i));
  EXPECT_EQ(*wheel.next_wake(), start + microseconds(5100));
  wheel.insert(events[3], start + microseconds(5200));
  EXPECT_EQ(*wheel.next_wake(), start + microseconds(5999));
  EXPECT_EQ(*wheel.next(), start + microseconds(5100));
}

TEST(TimerWheel, GoesOnAfterALongPause) {
  TimerWheel wheel(start);
  event ev{};
  EXPECT_TRUE(expire(wheel, start + hours(24 * 365)).empty());
  wheel.insert(ev, start + hours(24 * 365) + milliseconds(1));
  EXPECT_EQ(expire(wheel, start + hours(24 * 365) + milliseconds(1)).size(), 1u);
  // And when nobody told the wheel that the time has passed.
  wheel.insert(ev, start + hours(24 * 800));
  EXPECT_LE(*wheel.next(), start + hours(24 * 800));
  EXPECT_TRUE(expire(wheel, start + hours(24 * 800) - microseconds(1)).empty());
  EXPECT_EQ(expire(wheel, start + hours(24 * 800)).size(), 1u);
}

TEST(TimerWheel, SaturatesAbsurdDurations) {
  EXPECT_GT(to_microseconds({std::numeric_limits<time_t>::max(), 0}), hours(24 * 365 * 1000));
  EXPECT_GT(to_microseconds(
                {std::numeric_limits<time_t>::max(), std::numeric_limits<suseconds_t>::max()}),
            hours(24 * 365 * 1000));
  EXPECT_LT(to_microseconds({std::numeric_limits<time_t>::min(), 0}), -hours(24 * 365 * 1000));
  EXPECT_EQ(to_microseconds({1, 2'500'000}), microseconds(3'500'000));
  TimerWheel wheel(start);
  event ev{};
  wheel.insert(ev, start + to_microseconds({std::numeric_limits<time_t>::max(), 0}));
  EXPECT_TRUE(expire(wheel, start + hours(24 * 365)).empty());
  wheel.remove(ev);
  EXPECT_TRUE(wheel.empty());
}

// Against a model: an ordered map. Deadlines are unique, so that the order is known even after
// moves.
class WheelAndModel {
 public:
  explicit WheelAndModel(unsigned seed) : random_(seed), wheel_(start), events_(300) {}

  void run() {
    for (int i = 0; i < 20'000; i++) {
      switch (random_() % 8) {
        case 0:
          advance();
          break;
        case 1:
          remove(pick());
          break;
        default:
          set(pick());
      }
    }
    while (!model_.empty()) advance();
    EXPECT_TRUE(wheel_.empty());
  }

 private:
  event& pick() { return events_[random_() % events_.size()]; }

  Deadline::duration delay() {
    const auto magnitude = random_() % 43;  // up to three months
    return microseconds(random_() % (std::uint64_t{1} << magnitude));
  }

  void set(event& ev) {
    Deadline deadline = random_() % 50 == 0 ? now_ - delay() : now_ + delay();
    while (model_.count(deadline) != 0) deadline += microseconds(1);
    const auto place = places_.find(&ev);
    if (place == places_.end()) {
      wheel_.insert(ev, deadline);
    } else {
      wheel_.move(ev, deadline);
      model_.erase(place->second);
    }
    model_[deadline] = &ev;
    places_[&ev] = deadline;
  }

  void remove(event& ev) {
    const auto place = places_.find(&ev);
    if (place == places_.end()) return;
    wheel_.remove(ev);
    model_.erase(place->second);
    places_.erase(place);
  }

  void advance() {
    if (random_() % 2 == 0 && wheel_.next()) {
      now_ = std::max(now_, *wheel_.next());
    } else {
      now_ += delay();
    }
    std::vector<event*> expected;
    while (!model_.empty() && model_.begin()->first <= now_) {
      expected.push_back(model_.begin()->second);
      places_.erase(model_.begin()->second);
      model_.erase(model_.begin());
    }
    ASSERT_EQ(expire(wheel_, now_), expected);
    ASSERT_EQ(wheel_.size(), model_.size());
    ASSERT_EQ(wheel_.next().has_value(), !model_.empty());
    if (!model_.empty()) {
      ASSERT_LE(*wheel_.next(), model_.begin()->first);
    }
  }

  std::mt19937_64 random_;
  TimerWheel wheel_;
  std::vector<event> events_;
  std::map<Deadline, event*> model_;
  std::map<event*, Deadline> places_;
  Deadline now_ = start;
};

TEST(TimerWheel, AgreesWithAnOrderedMap) {
  for (unsigned seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE(seed);
    WheelAndModel(seed).run();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ev
