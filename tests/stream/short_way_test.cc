// bufferevent_write() may pass the output over; evbuffer_add() to the output never does. Whatever
// the program does around them, nobody can tell the two apart.
#include <random>

#include "stream/support.h"

namespace test {
namespace {

// A random program on a stack of filters without functions, over one end of a pair or of two
// sockets. Two with the same seed differ only in how they write.
class Program {
 public:
  Program(event_base* loop, unsigned seed, bool by_evbuffer)
      : loop_(loop), dice_(seed), by_evbuffer_(by_evbuffer) {
    const bool is_pair = roll(3) != 0;
    const int options = roll(4) == 0 ? BEV_OPT_DEFER_CALLBACKS : 0;
    const Ends ends = make_ends(loop, {"", is_pair, 0, options, false});
    layers_.push_back(ends[0]);
    other_ = ends[1];
    for (unsigned filters = roll(4); filters > 0; filters--) {
      layers_.push_back(bufferevent_filter_new(layers_.back(), nullptr, nullptr,
                                               BEV_OPT_CLOSE_ON_FREE | options, nullptr, nullptr));
    }
    bufferevent_setcb(top(), on_read, on_write, on_event, this);
    bufferevent_setcb(other_, on_read, on_write, on_event, this);
    bufferevent_enable(top(), EV_READ | EV_WRITE);
    bufferevent_enable(other_, EV_READ | EV_WRITE);
  }
  ~Program() {
    if (!layers_.empty()) bufferevent_free(top());
    bufferevent_free(other_);
    event_base_loop(loop_, EVLOOP_NONBLOCK);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string run() {
    for (int step = 0; step < 60 && !layers_.empty(); step++) {
      act();
      look();
    }
    return trace_;
  }

 private:
  bufferevent* top() const { return layers_.back(); }
  unsigned roll(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }
  bufferevent* some() {
    const unsigned which = roll(static_cast<unsigned>(layers_.size()) + 1);
    return which < layers_.size() ? layers_[which] : other_;
  }
  short direction() { return roll(2) != 0 ? EV_READ : EV_WRITE; }
  void note(const std::string& what) { trace_ += what + '\n'; }
  static std::size_t size_of(evbuffer* buffer) { return evbuffer_get_length(buffer); }

  void write(bufferevent* bev, std::size_t size) {
    const std::string bytes = pattern(size);
    const int result = by_evbuffer_
                           ? evbuffer_add(bufferevent_get_output(bev), bytes.data(), bytes.size())
                           : bufferevent_write(bev, bytes.data(), bytes.size());
    note("write " + std::to_string(size) + " = " + std::to_string(result));
  }

  void act() {
    bufferevent* const one = some();
    switch (roll(16)) {
      case 0:
        return static_cast<void>(bufferevent_disable(one, direction()));
      case 1:
        return static_cast<void>(bufferevent_enable(one, EV_READ | EV_WRITE));
      case 2: {
        const short what = direction();
        const std::size_t low = roll(3) * 100;
        return bufferevent_setwatermark(one, what, low, roll(2) * (low + 300));
      }
      case 3: {
        const timeval time{static_cast<time_t>(roll(2) * 1000), 0};
        bufferevent_set_timeouts(one, &time, &time);
        return;
      }
      case 4:
        writes_left_ = static_cast<int>(roll(3));
        return;
      case 5:
        evbuffer_add_cb(roll(2) != 0 ? bufferevent_get_output(one) : bufferevent_get_input(one),
                        on_change, this);
        return;
      case 6:
        (roll(2) != 0 ? evbuffer_freeze : evbuffer_unfreeze)(bufferevent_get_output(top()), 0);
        return;
      case 7:
        takes_ = roll(2) != 0;
        return;
      case 8:
        bufferevent_flush(one, direction(), BEV_FLUSH);
        return;
      case 9:
        if (roll(12) == 0) frees_ = true;
        return;
      case 10:
        bufferevent_set_max_single_write(one, roll(4) == 0 ? 100 : 0);
        return;
      case 11:
      case 12:
        event_base_loop(loop_, EVLOOP_NONBLOCK | EVLOOP_ONCE);
        return;
      default:
        write(roll(4) == 0 ? other_ : top(), roll(5) == 0 ? 0 : roll(400));
    }
  }

  void look() {
    std::string line = "sizes";
    for (bufferevent* bev : layers_) line += sizes(bev);
    note(line + sizes(other_));
  }
  static std::string sizes(bufferevent* bev) {
    return " " + std::to_string(size_of(bufferevent_get_input(bev))) + "/" +
           std::to_string(size_of(bufferevent_get_output(bev)));
  }

  void hear(const char* what, bufferevent* bev) {
    note(std::string(what) + (bev == other_ ? " other" : " top") + sizes(bev));
  }
  static void on_read(bufferevent* bev, void* self) {
    Program& program = *static_cast<Program*>(self);
    program.hear("read", bev);
    evbuffer* const input = bufferevent_get_input(bev);
    if (program.takes_) evbuffer_drain(input, size_of(input));
  }
  static void on_write(bufferevent* bev, void* self) {
    Program& program = *static_cast<Program*>(self);
    program.hear("written", bev);
    if (program.frees_ && bev != program.other_) {
      program.layers_.clear();
      bufferevent_free(bev);
    } else if (program.writes_left_ > 0) {
      program.writes_left_--;
      program.write(bev, 50);
    }
  }
  static void on_event(bufferevent* bev, short what, void* self) {
    static_cast<Program*>(self)->hear(("event " + std::to_string(what)).c_str(), bev);
  }
  static void on_change(evbuffer* buffer, const evbuffer_cb_info* info, void* self) {
    Program& program = *static_cast<Program*>(self);
    program.note("changed +" + std::to_string(info->n_added) + " -" +
                 std::to_string(info->n_deleted));
    if (program.writes_left_ <= 0 || info->n_added == 0 || program.layers_.empty()) return;
    if (buffer == bufferevent_get_output(program.top())) return;
    program.writes_left_--;
    program.write(program.top(), 60);
  }

  event_base* loop_;
  std::mt19937 dice_;
  bool by_evbuffer_;
  std::vector<bufferevent*> layers_;
  bufferevent* other_ = nullptr;
  int writes_left_ = 0;  // that callbacks may make
  bool takes_ = true;
  bool frees_ = false;
  std::string trace_;
};

class ShortWay : public LoopTest {};

TEST_F(ShortWay, DiffersInNothingThatAProgramSees) {
  for (unsigned seed = 1; seed <= 1000; seed++) {
    const std::string expected = Program(loop_, seed, true).run();
    ASSERT_EQ(Program(loop_, seed, false).run(), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace test
