// Deferred callbacks, with a real loop.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "loop/loop.h"

namespace test {
namespace {

struct CloseLoop {
  void operator()(event_base* loop) const {
    loop->close(true);
    delete loop;
  }
};

class DeferredCallbacks : public testing::Test {
 protected:
  void turn() { loop_->run(EVLOOP_NONBLOCK); }
  static void tell(evbuffer*, const evbuffer_cb_info* info, void* self) {
    static_cast<DeferredCallbacks*>(self)->log_ += std::to_string(info->orig_size) + "+" +
                                                   std::to_string(info->n_added) + "-" +
                                                   std::to_string(info->n_deleted) + " ";
  }
  evbuffer* make() {
    auto* buffer = new evbuffer();
    buffer->add_callback(tell, this);
    buffer->defer_callbacks(*loop_, 0);
    return buffer;
  }

  std::string log_;
  std::unique_ptr<event_base, CloseLoop> loop_{event_base::make(nullptr)};
};

TEST_F(DeferredCallbacks, RunOnceForAllThatHappened) {
  evbuffer* buffer = make();
  append(*buffer, "hello");
  buffer->drain(2);
  append(*buffer, "!!");
  EXPECT_EQ(log_, "");
  turn();
  EXPECT_EQ(log_, "0+7-2 ");
  turn();
  EXPECT_EQ(log_, "0+7-2 ") << "nothing new";
  append(*buffer, "x");
  turn();
  EXPECT_EQ(log_, "0+7-2 5+1-0 ");
  evbuffer::destroy(buffer);
}

TEST_F(DeferredCallbacks, ThatAreDueRunBeforeTheBufferGoes) {
  evbuffer* buffer = make();
  append(*buffer, "abc");
  evbuffer::destroy(buffer);
  turn();
  EXPECT_EQ(log_, "0+3-0 ");
}

TEST_F(DeferredCallbacks, DoNotOutliveTheLoop) {
  evbuffer* freed_first = make();
  evbuffer* freed_last = make();
  append(*freed_first, "abc");
  append(*freed_last, "abc");
  evbuffer::destroy(freed_first);
  loop_.reset();
  evbuffer::destroy(freed_last);
  EXPECT_EQ(log_, "");
}

TEST_F(DeferredCallbacks, MayChangeAndFreeTheBuffer) {
  evbuffer* buffer = make();
  buffer->add_callback(
      [](evbuffer* mine, const evbuffer_cb_info*, void*) {
        append(*mine, "more");
        evbuffer::destroy(mine);
      },
      nullptr);
  append(*buffer, "abc");
  turn();
  turn();
  EXPECT_NE(log_, "");
}

TEST_F(DeferredCallbacks, OfAnEmbeddedBufferGoWithIt) {
  {
    evbuffer buffer;
    buffer.add_callback(tell, this);
    buffer.defer_callbacks(*loop_, 0);
    append(buffer, "abc");
  }
  turn();
  EXPECT_EQ(log_, "");
}

}  // namespace
}  // namespace test
