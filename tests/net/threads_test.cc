// A loop that runs in one thread while another one makes, changes and ends what belongs to it. Says
// most under ThreadSanitizer.
#include <event2/thread.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "net/connector.h"
#include "net/listener.h"
#include "net/resolver.h"
#include "net/support.h"

// The kernel may tell the loop about a descriptor that another thread has taken out and closed in
// that moment. The loop then asks the kernel to forget it, which does no harm, but looks like a
// race on the number.
extern "C" const char* __tsan_default_suppressions() { return "race:event_base::nobody_heard\n"; }

namespace ev {
namespace {

constexpr int rounds = 300;

class ThreadsTest : public testing::Test {
 protected:
  ThreadsTest() {
    evthread_use_pthreads();
    loop_ = event_base_new();
    keep_alive_ = event_new(
        loop_, -1, EV_PERSIST, [](int, short, void*) {}, nullptr);
    const timeval period{1, 0};
    event_add(keep_alive_, &period);
    thread_ = std::thread([this] { event_base_dispatch(loop_); });
  }
  ~ThreadsTest() override {
    event_base_loopbreak(loop_);
    thread_.join();
    join_resolver_workers();
    event_free(keep_alive_);
    event_base_free(loop_);
  }

  event_base* loop_;
  event* keep_alive_;
  std::atomic<int> answered_ = 0;
  // What callbacks use until the loop has ended.
  std::vector<std::shared_ptr<void>> owners_;
  std::thread thread_;
};

void close_accepted(evconnlistener*, int fd, sockaddr*, int, void* accepted) {
  close(fd);
  ++*static_cast<std::atomic<int>*>(accepted);
}

TEST_F(ThreadsTest, ListenerIsFreedWhileItAccepts) {
  std::atomic<int> accepted = 0;
  SocketAddress any;
  parse_address("127.0.0.1", any);
  for (int i = 0; i < rounds; i++) {
    evconnlistener* listener = evconnlistener::make_bound(
        loop_, &close_accepted, &accepted, LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE, -1,
        any.get(), static_cast<int>(any.length));
    ASSERT_NE(listener, nullptr);
    SocketAddress address;
    address.length = sizeof address.storage;
    getsockname(listener->fd(), address.get(), &address.length);
    const Fd client = test::client_of(address);
    if (i % 3 == 1) {
      listener->disable();
      listener->enable();
    }
    if (i % 3 == 2) listener->disable();
    listener->discard();
  }
}

TEST_F(ThreadsTest, ListenerIsPausedWhileItAccepts) {
  std::atomic<int> accepted = 0;
  SocketAddress address;
  parse_address("127.0.0.1", address);
  evconnlistener* listener = evconnlistener::make_bound(
      loop_, &close_accepted, &accepted, LEV_OPT_THREADSAFE | LEV_OPT_CLOSE_ON_FREE, -1,
      address.get(), static_cast<int>(address.length));
  ASSERT_NE(listener, nullptr);
  getsockname(listener->fd(), address.get(), &address.length);
  for (int i = 0; i < rounds; i++) {
    const Fd client = test::client_of(address);
    listener->disable();
    listener->set_callback(nullptr, nullptr);
    listener->set_callback(&close_accepted, &accepted);
    listener->enable();
  }
  while (accepted < rounds) std::this_thread::yield();
  listener->discard();
}

// An owner that cancels from another thread: the callback takes the same lock and looks again.
template <class Operation>
struct Owner {
  std::mutex mutex;
  Operation* operation = nullptr;
  bool gone = false;
  std::atomic<int>* answered = nullptr;

  void note_answer() {
    const std::lock_guard guard(mutex);
    if (gone) return;
    operation = nullptr;
    ++*answered;
  }
};

class CancelTest : public ThreadsTest {
 protected:
  template <class Operation, class Start, class Cancel>
  void start_and_cancel(Start start, Cancel cancel_operation) {
    int wanted = 0;
    answered_ = 0;
    for (int i = 0; i < rounds; i++) {
      auto owner = std::make_shared<Owner<Operation>>();
      owners_.push_back(owner);
      owner->answered = &answered_;
      std::unique_lock lock(owner->mutex);
      owner->operation = start(owner.get());
      if (i % 4 == 0) {
        wanted++;
        continue;
      }
      if (i % 4 == 1) {
        lock.unlock();
        std::this_thread::yield();
        lock.lock();
      }
      if (owner->operation == nullptr) {
        wanted++;
      } else {
        owner->gone = true;
        cancel_operation(owner->operation);
      }
    }
    while (answered_ < wanted) std::this_thread::yield();
  }
};

TEST_F(CancelTest, Questions) {
  const auto on_resolved = [](const ResolveRequest*, int, addrinfo* list, void* owner) {
    if (list != nullptr) freeaddrinfo(list);
    static_cast<Owner<ResolveRequest>*>(owner)->note_answer();
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    start_and_cancel<ResolveRequest>(
        [&](void* owner) { return resolve(*loop_, host, "80", hints, on_resolved, owner); },
        [](ResolveRequest* request) { cancel(request); });
  }
}

TEST_F(CancelTest, Connects) {
  const test::Endpoint bad = test::refusing();
  const test::Endpoint good = test::listening(rounds * 2);
  const auto on_connected = [](const Connector*, int fd, int, void* owner) {
    const Fd ours(fd);
    static_cast<Owner<Connector>*>(owner)->note_answer();
  };
  start_and_cancel<Connector>(
      [&](void* owner) {
        return Connector::start(*loop_, test::list_of({bad.address, good.address}), on_connected,
                                owner);
      },
      [](Connector* connector) { connector->cancel(); });
}

}  // namespace
}  // namespace ev
