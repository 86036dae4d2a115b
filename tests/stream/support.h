// What the tests of streams share: every type and stack under one name, an end that notes what it
// hears, and a loop that runs until something has happened.
#pragma once

#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "support/pattern.h"
#include "support/resources.h"

namespace test {

// How both ends of a conversation are built: two streams that know each other, and filters on each.
struct StackType {
  const char* name;
  bool is_pair;
  int filters;
  int options;    // bufferevent_options of every layer
  bool rewrites;  // the filters change the bytes, else they are null filters
};
std::ostream& operator<<(std::ostream& out, const StackType& type);

const std::vector<StackType>& all_stacks();
std::string name_of(const testing::TestParamInfo<StackType>& info);

// Locks for those stacks that are safe for threads; all tests of this program run with them.
void use_threads();

using Ends = std::array<bufferevent*, 2>;
Ends make_ends(event_base* loop, const StackType& type);
// The same on a loop for each end; `type` is a pair.
Ends make_sockets(event_base* loop, int options);
// The lowest stream of a stack.
bufferevent* lowest(bufferevent* top);
// A mark on the output of each layer below the top, so that a filter's output can fill up: together
// they hold no more than `all`, or 1,000 bytes each.
void limit_output_below(bufferevent* top, std::size_t all = 100'000);
// More than all buffers between two ends hold then.
inline constexpr std::size_t more_than_fits = 1U << 20;

// One end: keeps what arrives and notes what it is told. The hooks run in the callbacks, behind
// that.
struct End {
  bufferevent* bev = nullptr;
  std::string got;
  bool keeps_input = false;  // do not take it out of the buffer
  int reads = 0;
  int writes = 0;
  int events = 0;
  short what = 0;  // all events so far
  int error = 0;   // errno in the last one
  std::function<void()> on_read;
  std::function<void()> on_write;
  std::function<void(short)> on_event;

  // Takes the stream, its callbacks, and enables both directions.
  void take(bufferevent* stream);
  void listen();  // sets the callbacks again
  void free();
  void write(const std::string& bytes) const;
  void take_input();
  std::size_t input_size() const { return evbuffer_get_length(bufferevent_get_input(bev)); }
  std::size_t output_size() const { return evbuffer_get_length(bufferevent_get_output(bev)); }
};

class LoopTest : public testing::Test {
 protected:
  LoopTest();
  ~LoopTest() override;

  // False when it did not happen within `seconds`.
  bool run_until(const std::function<bool()>& done, int seconds = 20);
  void run_for(int milliseconds);
  // One turn, without waiting.
  void turn() { event_base_loop(loop_, EVLOOP_ONCE | EVLOOP_NONBLOCK); }
  // Until nothing is left to do at once.
  void settle();

  event_base* loop_;
};

// Two ends of a type that talk to each other.
class ConversationTest : public LoopTest {
 protected:
  ~ConversationTest() override;
  void open(const StackType& type);

  End a_;
  End b_;
};

class EveryStack : public ConversationTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override { open(GetParam()); }
};

}  // namespace test
