// Two filters over a pair, whose functions do what the input says: pass bytes, hold them back,
// swallow or add some, fail. Every byte is followed through every stage, both ways.
#include <event2/bevel.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "input.h"
#include "loop.h"

namespace {

using fuzz::demand;
using fuzz::Input;
using fuzz::input_size;
using fuzz::output_size;

constexpr std::size_t most_bytes = 1 << 16;
constexpr std::size_t text_bits = 12;  // larger ones only take time

// What has been put between two stages, and how much of it the second one has taken.
struct Stage {
  std::string text;
  std::size_t taken = 0;

  std::size_t waiting() const { return text.size() - taken; }
  void check_next(const std::string& bytes) {
    demand(bytes.size() <= waiting());
    demand(text.compare(taken, bytes.size(), bytes) == 0);
    taken += bytes.size();
  }
};

class Stack;

// One direction of one filter.
struct Transform {
  Stack* stack = nullptr;
  Stage* before = nullptr;
  Stage* after = nullptr;
  bool is_top = false;
  bool broke = false;
  bool saw_end = false;

  bufferevent_filter_result run(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                bufferevent_flush_mode mode);
  void move(evbuffer* source, evbuffer* destination, std::size_t size);
  void swallow(evbuffer* source, std::size_t size);
  void add(evbuffer* destination, const std::string& bytes);
};

struct Filter {
  Transform in;
  Transform out;
  int freed = 0;
};

class Stack {
 public:
  explicit Stack(Input& input);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  void run();
  Input& input() { return input_; }
  bool is_freed() const { return top_ == nullptr; }
  void free_now();
  void maybe_free() {
    if (callbacks_until_free_ > 0 && --callbacks_until_free_ == 0) free_now();
  }

 private:
  void put(std::size_t level, bufferevent* lower, int options);
  void step();
  void set_marks();
  void flush();
  void check() const;
  void check_below(std::size_t filter, std::size_t found) const;
  void finish();
  void read_top();
  void read_peer() { out_[2].check_next(fuzz::take_input(peer_)); }
  bool is_broken() const;

  static void on_read(bufferevent*, void* self);
  static void on_write(bufferevent*, void* self) { static_cast<Stack*>(self)->maybe_free(); }
  static void on_event(bufferevent*, short what, void* self);

  Input& input_;
  event_base* base_;
  bufferevent* peer_ = nullptr;
  std::vector<bufferevent*> levels_;  // the near end of the pair, the filter on it, that on top
  bufferevent* top_ = nullptr;
  std::array<Filter, 2> filters_;
  std::array<Stage, 3> in_;   // from the peer up
  std::array<Stage, 3> out_;  // from the top down
  std::size_t callbacks_until_free_;
  bool is_over_ = false;  // an end or an error came, or was caused
};

bufferevent_filter_result Transform::run(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                         bufferevent_flush_mode mode) {
  Input& input = stack->input();
  demand(!broke);
  demand(limit != 0);
  // A filter below goes only when the call is over that freed the one on top.
  demand(!is_top || !stack->is_freed());
  if (mode == BEV_FINISHED) saw_end = true;
  stack->maybe_free();
  if (stack->is_freed()) return static_cast<bufferevent_filter_result>(input.below(3));
  const std::size_t held = evbuffer_get_length(source);
  const bool obeys = limit >= 0 && !input.one_in(16);
  const std::size_t most = obeys ? std::min(held, static_cast<std::size_t>(limit)) : held;
  switch (input.below(12)) {
    case 6:
    case 7:
      move(source, destination, input.below(most + 1));
      return input.one_in(2) ? BEV_NEED_MORE : BEV_OK;
    case 8:
      swallow(source, input.below(held + 1));
      return input.one_in(2) ? BEV_NEED_MORE : BEV_OK;
    case 9:
      add(destination, std::string(1 + input.below(40), '+'));
      return input.one_in(2) ? BEV_NEED_MORE : BEV_OK;
    case 10:
      return input.one_in(2) ? BEV_NEED_MORE : BEV_OK;
    case 11:
      broke = input.one_in(4);
      return broke ? BEV_ERROR : BEV_NEED_MORE;
    default:
      move(source, destination, most);
      return most > 0 ? BEV_OK : BEV_NEED_MORE;
  }
}

void Transform::move(evbuffer* source, evbuffer* destination, std::size_t size) {
  std::string bytes(size, '\0');
  evbuffer_copyout(source, bytes.data(), size);
  before->check_next(bytes);
  if (stack->input().one_in(2)) {
    demand(evbuffer_drain(source, size) == 0);
    add(destination, bytes);
  } else {
    after->text += bytes;
    demand(evbuffer_remove_buffer(source, destination, size) == static_cast<int>(size));
  }
}

void Transform::swallow(evbuffer* source, std::size_t size) {
  std::string bytes(size, '\0');
  demand(evbuffer_remove(source, bytes.data(), size) == static_cast<int>(size));
  before->check_next(bytes);
}

void Transform::add(evbuffer* destination, const std::string& bytes) {
  after->text += bytes;  // first: the next stage may take them while they are added
  demand(evbuffer_add(destination, bytes.data(), bytes.size()) == 0);
}

Stack::Stack(Input& input)
    : input_(input),
      base_(event_base_new()),
      callbacks_until_free_(input.one_in(2) ? input.below(64) : 0) {
  const int options = input.one_in(2) ? BEV_OPT_DEFER_CALLBACKS : 0;
  bufferevent* pair[2];
  demand(bufferevent_pair_new(base_, options, pair) == 0);
  peer_ = pair[0];
  levels_.push_back(pair[1]);
  bufferevent_enable(peer_, EV_READ | EV_WRITE);
  bufferevent_setcb(
      peer_, [](bufferevent*, void* self) { static_cast<Stack*>(self)->read_peer(); }, nullptr,
      nullptr, this);
  for (std::size_t level = 0; level < filters_.size(); ++level) {
    const bool is_top = level + 1 == filters_.size();
    filters_[level].in = {this, &in_[level], &in_[level + 1], is_top};
    filters_[level].out = {this, &out_[1 - level], &out_[2 - level], is_top};
    put(level, levels_.back(), options | BEV_OPT_CLOSE_ON_FREE);
  }
  top_ = levels_.back();
  bufferevent_setcb(top_, on_read, on_write, on_event, this);
  bufferevent_enable(top_, EV_READ);
}

void Stack::put(std::size_t level, bufferevent* lower, int options) {
  const auto in = [](evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                     bufferevent_flush_mode mode, void* filter) {
    return static_cast<Filter*>(filter)->in.run(source, destination, limit, mode);
  };
  const auto out = [](evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                      bufferevent_flush_mode mode, void* filter) {
    return static_cast<Filter*>(filter)->out.run(source, destination, limit, mode);
  };
  bufferevent* filter = bufferevent_filter_new(
      lower, in, out, options, [](void* self) { ++static_cast<Filter*>(self)->freed; },
      &filters_[level]);
  demand(filter != nullptr);
  levels_.push_back(filter);
}

Stack::~Stack() {
  if (!is_freed()) free_now();
  fuzz::settle(base_);
  for (const Filter& filter : filters_) demand(filter.freed == 1);
  bufferevent_free(peer_);
  event_base_free(base_);
}

void Stack::free_now() {
  bufferevent* top = std::exchange(top_, nullptr);
  if (top != nullptr) bufferevent_free(top);
}

void Stack::on_read(bufferevent*, void* self) {
  Stack& stack = *static_cast<Stack*>(self);
  demand(!stack.is_freed());
  if (!stack.input_.one_in(4)) stack.read_top();
  stack.maybe_free();
}

void Stack::on_event(bufferevent*, short what, void* self) {
  Stack& stack = *static_cast<Stack*>(self);
  demand(!stack.is_freed() && (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0);
  stack.is_over_ = true;
  if ((what & BEV_EVENT_ERROR) != 0) demand(stack.is_broken());
  if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) {
    // Before the end is passed on, each filter is asked for what it still holds.
    for (const Filter& filter : stack.filters_) {
      demand(filter.in.saw_end || filter.in.broke);
      if (filter.in.broke) break;
    }
  }
  stack.maybe_free();
}

bool Stack::is_broken() const {
  for (const Filter& filter : filters_) {
    if (filter.in.broke || filter.out.broke) return true;
  }
  return false;
}

void Stack::read_top() {
  std::string bytes = fuzz::take_input(top_);
  in_[2].check_next(bytes);
}

void Stack::set_marks() {
  bufferevent* bev = levels_[input_.below(levels_.size())];
  const bool is_top = bev == top_;
  const auto what = static_cast<short>(is_top && input_.one_in(2) ? EV_READ : EV_WRITE);
  const std::size_t high = input_.size(text_bits);
  bufferevent_setwatermark(bev, what, std::min(high, input_.below(16)), high);
}

void Stack::flush() {
  const auto mode = static_cast<bufferevent_flush_mode>(input_.below(3));
  const short directions[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE};
  bufferevent* bev = input_.one_in(2) ? peer_ : top_;
  if (mode == BEV_FINISHED) is_over_ = true;
  bufferevent_flush(bev, directions[input_.below(3)], mode);
}

void Stack::step() {
  const short directions[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE};
  switch (input_.below(12)) {
    case 0:
    case 1: {
      const std::string bytes = input_.text(text_bits);
      in_[0].text += bytes;  // first: it may arrive while it is written
      demand(bufferevent_write(peer_, bytes.data(), bytes.size()) == 0);
      break;
    }
    case 2:
    case 3: {
      const std::string bytes = input_.text(text_bits);
      out_[0].text += bytes;
      demand(bufferevent_write(top_, bytes.data(), bytes.size()) == 0);
      break;
    }
    case 4:
      bufferevent_enable(input_.one_in(3) ? peer_ : top_, directions[input_.below(3)]);
      break;
    case 5:
      bufferevent_disable(input_.one_in(3) ? peer_ : top_, directions[input_.below(3)]);
      break;
    case 6:
      set_marks();
      break;
    case 7:
      flush();
      break;
    case 8:
      bufferevent_set_max_single_read(levels_[input_.below(3)], 16 + input_.size(text_bits));
      bufferevent_set_max_single_write(levels_[input_.below(3)], 16 + input_.size(text_bits));
      break;
    case 9:
      read_top();
      break;
    case 10:
      if (!input_.one_in(4)) break;
      is_over_ = true;
      bevel_shutdown(top_, EV_WRITE, nullptr, nullptr, nullptr);
      break;
    default:
      fuzz::settle(base_);
  }
}

// A filter that called its input an error is given no more, and what still comes may be dropped.
void Stack::check_below(std::size_t filter, std::size_t found) const {
  const std::size_t waiting = in_[filter].waiting();
  demand(filters_[filter].in.broke ? found <= waiting : found == waiting);
}

// Every byte is where the stages say it is.
void Stack::check() const {
  if (is_freed()) return;
  check_below(0, output_size(peer_) + input_size(levels_[0]));
  check_below(1, input_size(levels_[1]));
  demand(in_[2].waiting() == input_size(top_));
  demand(out_[0].waiting() == output_size(top_));
  demand(out_[1].waiting() == output_size(levels_[1]));
  demand(out_[2].waiting() == output_size(levels_[0]) + input_size(peer_));
}

void Stack::run() {
  std::size_t total = 0;
  while (!input_.empty() && !is_freed() && total < most_bytes) {
    step();
    check();
    total = in_[0].text.size() + out_[0].text.size();
  }
  (void)input_.rest();  // from here on the functions pass everything
  if (!is_freed()) finish();
}

// Without marks, and with functions that pass what they get, nothing may stay on the way.
void Stack::finish() {
  fuzz::settle(base_);
  if (is_freed()) return;
  check();
  for (bufferevent* bev : levels_) bufferevent_setwatermark(bev, EV_READ | EV_WRITE, 0, 0);
  bufferevent_enable(top_, EV_READ | EV_WRITE);
  bufferevent_enable(peer_, EV_READ | EV_WRITE);
  // What a function did not want before it gets with the next byte.
  in_[0].text += '.';
  bufferevent_write(peer_, ".", 1);
  if (is_freed()) return;
  out_[0].text += '.';
  bufferevent_write(top_, ".", 1);
  fuzz::settle(base_);
  if (is_freed()) return;
  read_top();
  check();
  if (is_over_ || is_broken()) return;
  for (const Stage& stage : in_) demand(stage.waiting() == 0);
  for (const Stage& stage : out_) demand(stage.waiting() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Stack stack(input);
  stack.run();
  return 0;
}
