#include "buffer/callbacks.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "buffer/use.h"

namespace test {
namespace {

using Info = evbuffer_cb_info;

// A callback that writes down what it was told, and then does something.
struct Listener {
  std::string name;
  std::string* log;
  std::function<void(evbuffer&)> then = {};

  static void run(evbuffer* buffer, const Info* info, void* self) {
    auto& mine = *static_cast<Listener*>(self);
    *mine.log += mine.name + ":" + std::to_string(info->orig_size) + "+" +
                 std::to_string(info->n_added) + "-" + std::to_string(info->n_deleted) + " ";
    if (mine.then) mine.then(*buffer);
  }
};

struct Observer : ev::BufferObserver {
  std::string* log;
  int holds = 0;
  explicit Observer(std::string* where) : log(where) {}
  void on_buffer_change(evbuffer&, std::size_t added, std::size_t deleted) override {
    *log += "observer+" + std::to_string(added) + "-" + std::to_string(deleted) + " ";
  }
  void hold() noexcept override { ++holds; }
  void release() noexcept override { --holds; }
};

class Callbacks : public testing::Test {
 protected:
  std::string take_log() { return std::exchange(log_, {}); }

  std::string log_;
  evbuffer buffer_;
  Listener one_{"one", &log_};
  Listener two_{"two", &log_};
};

TEST_F(Callbacks, HearOfEveryChangeOnceTheNewestFirst) {
  buffer_.add_callback(Listener::run, &one_);
  buffer_.add_callback(Listener::run, &two_);
  append(buffer_, "abc");
  EXPECT_EQ(take_log(), "two:0+3-0 one:0+3-0 ");
  append(buffer_, "");
  buffer_.drain(0);
  buffer_.pull_up(-1);
  buffer_.expand(1000);
  EXPECT_EQ(take_log(), "") << "nothing changed";
  buffer_.drain(100);
  EXPECT_EQ(take_log(), "two:3+0-3 one:3+0-3 ");
}

TEST_F(Callbacks, OnceForEachOfTwoBuffers) {
  evbuffer other;
  other.add_callback(Listener::run, &two_);
  append(other, "abcdef");
  take_log();
  buffer_.add_callback(Listener::run, &one_);
  other.remove_to(buffer_, 2);
  EXPECT_EQ(take_log(), "one:0+2-0 two:6+0-2 ");
  buffer_.append_buffer(other);
  EXPECT_EQ(take_log(), "two:4+0-4 one:2+4-0 ");
  other.prepend_buffer(buffer_);
  EXPECT_EQ(take_log(), "one:6+0-6 two:0+6-0 ");
  other.remove_to(buffer_, 100);
  EXPECT_EQ(take_log(), "two:6+0-6 one:0+6-0 ");
}

TEST_F(Callbacks, CanBeSwitchedOff) {
  evbuffer_cb_entry* entry = buffer_.add_callback(Listener::run, &one_);
  entry->enabled = false;
  append(buffer_, "abc");
  entry->enabled = true;
  append(buffer_, "d");
  EXPECT_EQ(take_log(), "one:3+1-0 ") << "what happened meanwhile is not made up for";
}

TEST_F(Callbacks, CanBeRemoved) {
  evbuffer_cb_entry* entry = buffer_.add_callback(Listener::run, &one_);
  buffer_.add_callback(Listener::run, &two_);
  EXPECT_TRUE(buffer_.remove_callback(entry));
  EXPECT_FALSE(buffer_.remove_callback(entry)) << "it is not there any more";
  EXPECT_FALSE(buffer_.remove_callback(Listener::run, &one_));
  EXPECT_TRUE(buffer_.remove_callback(Listener::run, &two_));
  append(buffer_, "abc");
  EXPECT_EQ(take_log(), "");
  evbuffer fresh;
  EXPECT_FALSE(fresh.remove_callback(nullptr));
}

TEST_F(Callbacks, MayRemoveAndAddCallbacks) {
  buffer_.add_callback(Listener::run, &one_);
  buffer_.add_callback(Listener::run, &two_);
  Listener late{"late", &log_};
  two_.then = [&](evbuffer& buffer) {
    buffer.remove_callback(Listener::run, &two_);
    buffer.remove_callback(Listener::run, &one_);
    buffer.add_callback(Listener::run, &late);
  };
  append(buffer_, "a");
  EXPECT_EQ(take_log(), "two:0+1-0 ")
      << "what was removed is not called, what was added is not yet";
  append(buffer_, "b");
  EXPECT_EQ(take_log(), "late:1+1-0 ");
  two_.then = {};
}

TEST_F(Callbacks, MayChangeTheBuffer) {
  buffer_.add_callback(Listener::run, &one_);
  one_.then = [](evbuffer& buffer) {
    if (buffer.size() > 2) buffer.drain(2);
  };
  append(buffer_, "abcde");
  EXPECT_EQ(take_log(), "one:0+5-0 one:5+0-2 one:3+0-2 ");
  EXPECT_EQ(contents_of(buffer_), "e");
}

TEST_F(Callbacks, MayFreeTheBuffer) {
  auto* buffer = new evbuffer();
  buffer->add_callback(Listener::run, &one_);
  buffer->add_callback(Listener::run, &two_);
  two_.then = [](evbuffer& mine) { evbuffer::destroy(&mine); };
  {
    const ev::BufferUse use(*buffer);
    append(*buffer, "abc");
    EXPECT_EQ(take_log(), "two:0+3-0 ") << "no callback after the buffer was freed";
    EXPECT_EQ(buffer->size(), 3U) << "still there for the call that ran the callback";
  }
  buffer = new evbuffer();
  buffer->add_callback(Listener::run, &two_);
  append(*buffer, "abc");  // without a use around it
}

// Of the two in one operation, whichever is told first.
TEST_F(Callbacks, MayFreeTheOtherBuffer) {
  using Operation = void (*)(evbuffer & from, evbuffer & to);
  const Operation operations[] = {
      [](evbuffer& from, evbuffer& to) { to.append_buffer(from); },
      [](evbuffer& from, evbuffer& to) { to.prepend_buffer(from); },
      [](evbuffer& from, evbuffer& to) { from.remove_to(to, 2); },
      [](evbuffer& from, evbuffer& to) { from.remove_to(to, 100); },
  };
  for (const Operation operation : operations) {
    for (const bool source_is_freed : {true, false}) {
      for (const bool freed_has_callbacks : {true, false}) {
        auto* from = new evbuffer();
        auto* to = new evbuffer();
        append(*from, "abc");
        evbuffer* freed = source_is_freed ? from : to;
        evbuffer* hears = source_is_freed ? to : from;
        hears->add_callback(Listener::run, &one_);
        if (freed_has_callbacks) freed->add_callback(Listener::run, &two_);
        one_.then = [freed](evbuffer&) { evbuffer::destroy(freed); };
        {
          const ev::BufferPairUse use(*from, *to);
          operation(*from, *to);
        }
        EXPECT_NE(take_log().find("one:"), std::string::npos);
        one_.then = nullptr;
        evbuffer::destroy(hears);
      }
    }
  }
}

TEST_F(Callbacks, MayFreeTheOwnerOfTheOtherBuffer) {
  Observer observer(&log_);
  buffer_.set_observer(&observer);
  evbuffer other;
  append(other, "abc");
  other.add_callback(Listener::run, &one_);
  one_.then = [&](evbuffer&) { EXPECT_EQ(observer.holds, 1); };
  {
    const ev::BufferPairUse use(other, buffer_);
    buffer_.append_buffer(other);
  }
  EXPECT_EQ(take_log(), "one:3+0-3 observer+3-0 ");
  EXPECT_EQ(observer.holds, 0);
}

TEST_F(Callbacks, OfTheOtherBufferMayChangeThisOne) {
  buffer_.add_callback(Listener::run, &one_);
  evbuffer other;
  append(other, "abcde");
  other.add_callback(Listener::run, &two_);
  two_.then = [&](evbuffer&) { buffer_.drain(2); };
  buffer_.append_buffer(other);
  EXPECT_EQ(take_log(), "two:5+0-5 one:0+5-2 ") << "both changes at once, in terms of what was";
}

TEST_F(Callbacks, OfTheOldKindAreToldTheSizes) {
  static std::string sizes;
  const auto tell = [](evbuffer*, std::size_t before, std::size_t after, void*) {
    sizes += std::to_string(before) + ">" + std::to_string(after) + " ";
  };
  buffer_.add_callback(Listener::run, &one_);
  buffer_.replace_callbacks(tell, nullptr);
  append(buffer_, "abc");
  buffer_.drain(1);
  buffer_.replace_callbacks(nullptr, nullptr);
  append(buffer_, "d");
  EXPECT_EQ(sizes, "0>3 3>2 ");
  EXPECT_EQ(take_log(), "") << "replaced";
}

TEST_F(Callbacks, TheObserverComesAfterThem) {
  Observer observer(&log_);
  buffer_.set_observer(&observer);
  append(buffer_, "ab");
  EXPECT_EQ(take_log(), "observer+2-0 ");
  buffer_.add_callback(Listener::run, &one_);
  buffer_.take_front(1);
  EXPECT_EQ(take_log(), "one:2+0-1 observer+0-1 ");
  {
    const ev::BufferUse use(buffer_);
    EXPECT_EQ(observer.holds, 1) << "callbacks may free the owner";
  }
  EXPECT_EQ(observer.holds, 0);
}

TEST_F(Callbacks, AreNotRunByTheEnd) {
  auto* buffer = new evbuffer();
  append(*buffer, "abc");
  buffer->add_callback(Listener::run, &one_);
  evbuffer::destroy(buffer);
  EXPECT_EQ(take_log(), "");
}

}  // namespace
}  // namespace test
