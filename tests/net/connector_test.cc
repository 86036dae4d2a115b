#include "net/connector.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "net/support.h"

namespace ev {
namespace {

using std::chrono::milliseconds;
using test::Endpoint;

// Soon enough for a test, late enough to tell "slow" from "at once".
constexpr ConnectorTiming quick{.attempt_delay = milliseconds(20)};

class ConnectorTest : public test::LoopTest {
 protected:
  ~ConnectorTest() override {
    if (connector_ != nullptr) connector_->cancel();
  }

  void start(const std::vector<SocketAddress>& addresses, const ConnectorTiming& timing = quick) {
    start_list(test::list_of(addresses), timing);
  }
  void start_list(addrinfo* list, const ConnectorTiming& timing = quick) {
    connector_ = Connector::start(*loop_, list, &on_connected, this, timing);
    EXPECT_EQ(calls_, 0) << "called from inside start()";
  }
  void cancel() { std::exchange(connector_, nullptr)->cancel(); }

  bool wait() {
    return run_until([this] { return calls_ > 0; });
  }
  // The address that was reached.
  SocketAddress peer() const {
    SocketAddress address;
    address.length = sizeof address.storage;
    getpeername(fd_.get(), address.get(), &address.length);
    return address;
  }
  bool reached(const Endpoint& endpoint) const {
    return fd_ && compare_addresses(*peer().get(), *endpoint.address.get(), true) == 0;
  }

  static void on_connected(const Connector*, int fd, int error, void* self) {
    auto& test = *static_cast<ConnectorTest*>(self);
    if (test.cancel_in_callback_) test.connector_->cancel();
    test.connector_ = nullptr;
    test.calls_++;
    test.fd_ = Fd(fd);
    test.error_ = error;
  }

  Connector* connector_ = nullptr;
  bool cancel_in_callback_ = false;
  int calls_ = 0;
  int error_ = -1;
  Fd fd_;
};

TEST_F(ConnectorTest, Connects) {
  const Endpoint good = test::listening();
  start({good.address});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(good));
  EXPECT_EQ(error_, 0);
}

TEST_F(ConnectorTest, GoesOnAtOnceWhenRefused) {
  const Endpoint bad = test::refusing();
  const Endpoint good = test::listening();
  start({bad.address, bad.address, good.address}, {.attempt_delay = std::chrono::hours(1)});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(good));
}

TEST_F(ConnectorTest, DoesNotWaitForASilentAddress) {
  const test::SilentEndpoint silent = test::silent();
  const Endpoint good = test::listening();
  start({silent.address, good.address});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(good));
}

TEST_F(ConnectorTest, GivesTheFirstAddressItsTime) {
  const Endpoint first = test::listening();
  const Endpoint second = test::listening();
  start({first.address, second.address});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(first));
}

TEST_F(ConnectorTest, ReportsThatAllWereRefused) {
  const Endpoint bad = test::refusing();
  start({bad.address, bad.address});
  ASSERT_TRUE(wait());
  EXPECT_FALSE(fd_);
  EXPECT_EQ(error_, ECONNREFUSED);
}

TEST_F(ConnectorTest, NoRouteHidesNoOtherError) {
  SocketAddress unreachable;
  parse_address("255.255.255.255:1", unreachable);
  const Endpoint bad = test::refusing();
  start({bad.address, unreachable});
  ASSERT_TRUE(wait());
  EXPECT_EQ(error_, ECONNREFUSED);
}

TEST_F(ConnectorTest, FailsAsynchronouslyWhenEveryAttemptFailsAtOnce) {
  SocketAddress bad = test::refusing().address;
  bad.storage.ss_family = 12345;
  start({bad, bad});
  ASSERT_TRUE(wait());
  EXPECT_EQ(error_, EAFNOSUPPORT);
}

TEST_F(ConnectorTest, FailsWithoutAddresses) {
  start_list(nullptr);
  ASSERT_TRUE(wait());
  EXPECT_EQ(error_, EADDRNOTAVAIL);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ConnectorTest, DeadlineIsForAllAttempts) {
  const test::SilentEndpoint silent = test::silent();
  const TimePoint begin = monotonic_now();
  start({silent.address, silent.address, silent.address},
        {.attempt_delay = milliseconds(20), .deadline = milliseconds(50)});
  ASSERT_TRUE(wait());
  EXPECT_EQ(error_, ETIMEDOUT);
  EXPECT_GE(monotonic_now() - begin, milliseconds(50));
}

TEST_F(ConnectorTest, DeadlineMayBeOver) {
  const test::SilentEndpoint silent = test::silent();
  start({silent.address}, {.deadline = Duration::zero()});
  ASSERT_TRUE(wait());
  EXPECT_EQ(error_, ETIMEDOUT);
}

TEST_F(ConnectorTest, ConnectsToTheLongestUnixPath) {
  char directory[] = "/tmp/bevelXXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  std::string path = std::string(directory) + "/";
  SocketAddress address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  local.sun_family = AF_UNIX;
  path.append(sizeof local.sun_path - path.size(), 'x');
  std::memcpy(local.sun_path, path.data(), path.size());
  address.length = sizeof local;
  const Fd listener(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(listener.get(), address.get(), address.length), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  start({address});  // succeeds at once, and is reported later all the same
  ASSERT_TRUE(wait());
  EXPECT_TRUE(fd_);
  unlink(path.c_str());
  rmdir(directory);
}

TEST_F(ConnectorTest, KeepsTheLoopAlive) {
  const Endpoint bad = test::refusing();
  start({bad.address});
  event_base_dispatch(loop_);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ConnectorTest, LeavesNothingOpen) {
  const test::SilentEndpoint silent = test::silent();
  const Endpoint bad = test::refusing();
  const Endpoint good = test::listening();
  const std::size_t before = test::open_descriptors();
  start({silent.address, bad.address, silent.address, good.address});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(good));
  EXPECT_EQ(test::open_descriptors(), before + 1);
}

TEST_F(ConnectorTest, IsCancelledInEveryState) {
  const test::SilentEndpoint silent = test::silent();
  const Endpoint bad = test::refusing();
  const Endpoint good = test::listening();
  const std::size_t before = test::open_descriptors();
  start({silent.address});  // the first attempt is under way
  cancel();
  start({silent.address, silent.address, silent.address});  // some are
  run_for(milliseconds(30));
  cancel();
  start_list(nullptr);  // the outcome is known but not reported
  cancel();
  start({good.address});
  cancel();
  start({bad.address, good.address});
  event_base_loop(loop_, EVLOOP_NONBLOCK);
  if (connector_ != nullptr) cancel();
  fd_.reset();
  const int calls = calls_;
  run_for(milliseconds(30));
  EXPECT_EQ(calls_, calls);
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_F(ConnectorTest, CancelInsideTheCallbackDoesNothing) {
  const Endpoint good = test::listening();
  cancel_in_callback_ = true;
  start({good.address});
  ASSERT_TRUE(wait());
  EXPECT_TRUE(reached(good));
}

TEST_F(ConnectorTest, IsCancelledAfterTheLoopWasFreed) {
  const test::SilentEndpoint silent = test::silent();
  const std::size_t before = test::open_descriptors();
  start({silent.address, silent.address});
  Connector* first = std::exchange(connector_, nullptr);
  start_list(nullptr);
  free_loop();
  first->cancel();
  cancel();
  EXPECT_EQ(calls_, 0);
  EXPECT_LT(test::open_descriptors(), before);  // the loop's own are gone as well
}

// Every allocation fails once: start() throws and takes nothing, or the callback hears of it, or it
// does not matter.
TEST_F(ConnectorTest, SurvivesEveryFailingAllocation) {
  const Endpoint bad = test::refusing();
  const Endpoint good = test::listening();
  for (long left = 0;; left++) {
    const std::size_t before = test::open_descriptors();
    addrinfo* list = test::list_of({bad.address, good.address});
    test::Memory memory(left);
    bool started = true;
    try {
      start_list(list);
    } catch (const std::bad_alloc&) {
      started = false;
    }
    if (started) {
      event_base_dispatch(loop_);
      EXPECT_EQ(calls_, 1);
      EXPECT_EQ(static_cast<bool>(fd_), error_ == 0);
    } else {
      EXPECT_EQ(calls_, 0);
      EXPECT_EQ(test::length_of(list), 2u);
      freeaddrinfo(list);
    }
    fd_.reset();
    calls_ = 0;
    EXPECT_EQ(test::open_descriptors(), before) << left;
    if (!memory.ran_out()) break;
    ASSERT_LT(left, 100);
  }
}

}  // namespace
}  // namespace ev
