// Running out of memory: nothing is consumed, nothing leaks, nothing crashes.
#include <event2/event.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

// How many allocations succeed from now on; negative: all.
int allowed = -1;

bool use_up() {
  if (allowed < 0) return true;
  if (allowed == 0) return false;
  allowed--;
  return true;
}
void* scarce_malloc(size_t size) { return use_up() ? std::malloc(size) : nullptr; }
void* scarce_realloc(void* old, size_t size) {
  return use_up() ? std::realloc(old, size) : nullptr;
}

class MemoryTest : public testing::TestWithParam<Library*> {
 protected:
  MemoryTest() { event_set_mem_functions(scarce_malloc, scarce_realloc, std::free); }
  ~MemoryTest() override { event_set_mem_functions(nullptr, nullptr, nullptr); }
  static Version version() { return Version::tls12; }
  Library& library = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Tls, MemoryTest, testing::ValuesIn(libraries()),
                         [](const auto& row) { return row.param->name(); });

TEST_P(MemoryTest, CreationOnASocketFailsWithoutTakingAnything) {
  Loop loop;
  int sockets[2];
  make_sockets(sockets);
  void* connection = library.connection(Role::client, version());
  bufferevent* bev = nullptr;
  int attempts = 0;
  for (; bev == nullptr; attempts++) {
    allowed = attempts;
    bev = library.over_socket(loop.base(), sockets[0], connection, BUFFEREVENT_SSL_CONNECTING,
                              BEV_OPT_CLOSE_ON_FREE);
    allowed = -1;
    ASSERT_GE(::fcntl(sockets[0], F_GETFD), 0);
  }
  EXPECT_GT(attempts, 1);
  loop.turn();
  char hello;
  EXPECT_EQ(::read(sockets[1], &hello, 1), 1);
  bufferevent_free(bev);
  ::close(sockets[1]);
}

TEST_P(MemoryTest, CreationOnABuffereventFailsWithoutTakingAnything) {
  Loop loop;
  bufferevent* pair[2];
  bufferevent_pair_new(loop.base(), 0, pair);
  void* connection = library.connection(Role::client, version());
  bufferevent* bev = nullptr;
  for (int attempts = 0; bev == nullptr; attempts++) {
    allowed = attempts;
    bev = library.over(loop.base(), pair[0], connection, BUFFEREVENT_SSL_CONNECTING,
                       BEV_OPT_CLOSE_ON_FREE);
    allowed = -1;
  }
  bufferevent_enable(pair[1], EV_READ);
  ASSERT_TRUE(
      loop.run_until([&] { return evbuffer_get_length(bufferevent_get_input(pair[1])) > 0; }));
  bufferevent_free(bev);
  bufferevent_free(pair[1]);
}

// Wherever it strikes, the conversation ends with an event or goes on.
TEST_P(MemoryTest, ConversationsSurviveOrEnd) {
  for (int at = 0; at < 40; at++) {
    Conversation talk(library, library, version());
    talk.client.enable(EV_READ | EV_WRITE);
    talk.server.enable(EV_READ | EV_WRITE);
    talk.client.write(pattern(100000));
    for (int turn = 0; turn < 30; turn++) {
      allowed = at;
      talk.loop.turn();
      allowed = -1;
    }
    const bool arrived = talk.run_until([&] {
      return talk.server.received.size() == 100000 || talk.server.has(BEV_EVENT_ERROR) ||
             talk.client.has(BEV_EVENT_ERROR);
    });
    EXPECT_TRUE(arrived) << at;
  }
}

}  // namespace
}  // namespace tls_test
