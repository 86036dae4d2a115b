// A stream carries one other at a time: a second one is refused and takes nothing, and the next one may
// come as soon as the first was freed.
#include <cerrno>

#include "stream/stream.h"
#include "stream/support.h"

namespace test {
namespace {

int contexts_freed = 0;
void note_freed(void*) { contexts_freed++; }

// b_ is a plain stream, in turn below what a test puts on it, and a_ talks to it.
class OneLayerAbove : public LoopTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    contexts_freed = 0;
    const Ends ends = make_ends(loop_, GetParam());
    a_.take(ends[0]);
    below_ = ends[1];
  }
  ~OneLayerAbove() override {
    a_.free();
    if (below_ != nullptr) bufferevent_free(below_);
    settle();
  }

  bufferevent* put_filter(bufferevent_filter_cb function = nullptr, void* context = nullptr) {
    const int options = GetParam().options & ~BEV_OPT_CLOSE_ON_FREE;
    return bufferevent_filter_new(below_, function, function, options, note_freed, context);
  }
  void expect_talk_with(End& end) {
    a_.got.clear();
    end.got.clear();
    a_.write("ping");
    end.write("pong");
    EXPECT_TRUE(run_until([&] { return end.got == "ping" && a_.got == "pong"; }));
  }

  End a_;
  bufferevent* below_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(
    All, OneLayerAbove,
    testing::Values(
        StackType{"socket", false, 0, 0, false},
        StackType{"socket_deferred", false, 0, BEV_OPT_DEFER_CALLBACKS, false},
        StackType{"socket_locked", false, 0, BEV_OPT_THREADSAFE, false},
        StackType{"pair", true, 0, 0, false},
        StackType{"pair_unlocked", true, 0,
                  BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS, false},
        StackType{"filter_on_pair", true, 1, 0, false}),
    name_of);

TEST_P(OneLayerAbove, RefusesASecondFilterAndTakesNothing) {
  End first;
  first.take(put_filter());
  errno = 0;
  EXPECT_EQ(put_filter(), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(contexts_freed, 0);
  expect_talk_with(first);
  first.free();
  settle();
  EXPECT_EQ(contexts_freed, 1);
}

// Which would not be the first one's.
TEST_P(OneLayerAbove, MakesNoLockForASecondFilter) {
  End first;
  first.take(put_filter());
  const bool had_lock{ev::Stream::of(below_).lock()};
  EXPECT_EQ(bufferevent_filter_new(below_, nullptr, nullptr, BEV_OPT_THREADSAFE, nullptr, nullptr),
            nullptr);
  EXPECT_EQ(bool{ev::Stream::of(below_).lock()}, had_lock);
  first.free();
}

TEST_P(OneLayerAbove, ServesTheFirstToTheEndIfItIsFreedBefore) {
  End first;
  first.take(put_filter());
  EXPECT_EQ(put_filter(), nullptr);
  bufferevent_free(below_);
  below_ = nullptr;
  expect_talk_with(first);
  first.free();
  settle();
}

TEST_P(OneLayerAbove, RefusesAPipe) {
  bufferevent* other[2];
  ASSERT_EQ(bufferevent_pair_new(loop_, GetParam().options, other), 0);
  End first;
  first.take(put_filter());
  for (const bool turned : {false, true}) {
    errno = 0;
    bufferevent* const a = turned ? other[0] : below_;
    bufferevent* const b = turned ? below_ : other[0];
    EXPECT_EQ(bevel_pipe(a, b, 0, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
  }
  expect_talk_with(first);
  first.free();
  EXPECT_EQ(bevel_pipe(below_, other[0], 0, nullptr, nullptr), 0);
  for (bufferevent* end : other) bufferevent_free(end);
}

TEST_P(OneLayerAbove, TakesTheNextAfterTheFirst) {
  for (int i = 0; i < 3; i++) {
    End end;
    end.take(put_filter());
    expect_talk_with(end);
    end.free();
  }
  settle();
  EXPECT_EQ(contexts_freed, 3);
}

TEST_P(OneLayerAbove, TakesTheNextWhileTheFirstIsStillReferred) {
  End first, next;
  first.take(put_filter());
  bufferevent* const kept = first.bev;
  bufferevent_incref(kept);
  first.free();
  next.take(put_filter());
  expect_talk_with(next);
  bufferevent_decref(kept);
  settle();
  EXPECT_EQ(put_filter(), nullptr);
  expect_talk_with(next);
  next.free();
}

TEST_P(OneLayerAbove, TakesTheNextInACallbackOfTheFirst) {
  End first, next;
  first.take(put_filter());
  first.on_read = [&] {
    first.free();
    next.take(put_filter());
  };
  a_.write("change");
  ASSERT_TRUE(run_until([&] { return next.bev != nullptr; }));
  expect_talk_with(next);
  next.free();
}

struct Swap {
  End* first;
  End* next;
  std::function<bufferevent*()> make_next;
  bool is_due = false;
};

// The function of the first one.
bufferevent_filter_result swap_when_due(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                        bufferevent_flush_mode, void* context) {
  Swap& swap = *static_cast<Swap*>(context);
  evbuffer_add_buffer(destination, source);
  if (swap.is_due && swap.next->bev == nullptr) {
    swap.first->free();
    swap.next->take(swap.make_next());
  }
  return BEV_OK;
}

TEST_P(OneLayerAbove, TakesTheNextInTheFunctionOfTheFirst) {
  for (const bool reads : {false, true}) {
    End first, next;
    Swap swap{&first, &next, [&] { return put_filter(); }};
    first.take(put_filter(swap_when_due, &swap));
    settle();
    swap.is_due = true;
    if (reads) {
      a_.write("change");
    } else {
      first.write("change");
    }
    ASSERT_TRUE(run_until([&] { return next.bev != nullptr; }));
    settle();
    expect_talk_with(next);
    next.free();
  }
}

}  // namespace
}  // namespace test
