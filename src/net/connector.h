// Connects to the first address of a list that answers (Happy Eyeballs, RFC 8305): addresses of
// both families take turns, the next attempt starts when one fails or when it is slow, the first
// success closes the others.
#pragma once

#include <event2/event_struct.h>
#include <netdb.h>

#include <mutex>
#include <vector>

#include "net/socket.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/memory.h"

struct event_base;

namespace ev {

using Loop = ::event_base;

// `fd` >= 0 is connected, non-blocking and now the callee's; otherwise `error` (errno) tells why
// the most telling attempt failed, ETIMEDOUT after the deadline. Runs in the loop's thread with no
// lock held, never from inside start(). `connector` says whose outcome it is, to be compared only.
class Connector;
using Connected = void (*)(const Connector* connector, int fd, int error, void* argument);

struct ConnectorTiming {
  Duration attempt_delay = std::chrono::milliseconds(250);  // RFC 8305, Connection Attempt Delay
  Duration deadline = Duration::max();                      // for all attempts together; max: none
};

class Connector : public Allocated {
 public:
  // Takes `list` (freeaddrinfo) and starts the first attempt. An empty list fails like one whose
  // addresses all fail: through the callback. The connector is gone when its callback has returned.
  // Throws std::bad_alloc, and then nothing has happened and the list is still the caller's.
  static Connector* start(Loop& loop, addrinfo* list, Connected callback, void* argument,
                          const ConnectorTiming& timing = {});

  // Closes what is open and frees the connector; the callback will not run. As with
  // ev::cancel(ResolveRequest*), this does nothing while the callback runs, never waits for one,
  // and is right after the loop was freed.
  void cancel() noexcept;

  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Attempt {
    Connector* owner = nullptr;
    const addrinfo* address = nullptr;
    Fd socket;  // open: the kernel is connecting, and `ready` is pending
    event ready{};
  };
  // Decided: the outcome is known but not reported yet.
  enum class State { trying, decided, reporting, cancelled };

  Connector(Loop& loop, addrinfo* list, Connected callback, void* argument,
            const ConnectorTiming& timing);
  ~Connector();

  static void on_attempt_ready(int fd, short what, void* attempt);
  static void on_timer(int fd, short what, void* connector);
  template <class Step>
  void run(Step step) noexcept;

  void finish_attempt(Attempt& attempt);
  void on_time();
  void try_next();
  bool begin(Attempt& attempt);
  void set_timer();
  void note_failure(int error) noexcept;
  void decide(int fd, int error) noexcept;
  void report() noexcept;

  Loop& loop_;
  addrinfo* list_;
  Connected callback_;
  void* argument_;
  ConnectorTiming timing_;
  TimePoint deadline_ = TimePoint::max();

  std::mutex mutex_;  // between the loop's thread and cancel(); not held while the callback runs
  State state_ = State::trying;
  event timer_{};
  std::vector<Attempt, Allocator<Attempt>> attempts_;  // in the order of trying; never grows
  std::size_t begun_ = 0;
  std::size_t open_ = 0;
  Fd winner_;
  int error_ = 0;
};

}  // namespace ev
