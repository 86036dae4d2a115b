#include "net/resolver.h"

#include <event2/event_struct.h>
#include <event2/util.h>

#include <atomic>
#include <memory>

#include "loop/event.h"
#include "loop/loop.h"
#include "net/lookup.h"
#include "net/resolver_pool.h"
#include "sys/door.h"

namespace ev {

// Between resolve() and the end of its callback. The loop's thread and a canceller decide by one
// atomic step whose the request is; nobody waits for a lock that the callback may want.
struct ResolveRequest : Allocated {
 public:
  ResolveRequest(Loop& loop, const char* host, const char* service, const addrinfo& hints,
                 Resolved callback, void* argument)
      : loop_(loop),
        job_(new ResolverJob(host, service, hints)),
        callback_(callback),
        argument_(argument) {
    ev::assign(ready_, &loop, -1, 0, &on_ready, this);
  }
  ~ResolveRequest() {
    if (job_ != nullptr && !ResolverPool::instance().withdraw(*job_)) job_.release();
  }
  ResolveRequest(const ResolveRequest&) = delete;
  ResolveRequest& operator=(const ResolveRequest&) = delete;

  void begin() {
    ResolverJob& job = *job_;
    job.error = look_up_numeric(job.host.get(), job.service.get(), job.hints, job.answer);
    if (job.error == 0) {
      job.state = ResolverJob::State::done;
      loop_.activate(ready_, EV_TIMEOUT);
    } else {
      ask_worker();
    }
  }

  void cancel() noexcept {
    State expected = State::waiting;
    if (!state_.compare_exchange_strong(expected, State::cancelled)) return;
    // Waits at most for an on_ready() in another thread to notice the state.
    if (Loop::is_alive(&loop_)) loop_.remove(ready_);
    delete this;
  }

 private:
  enum class State { waiting, delivering, cancelled };

  static void on_ready(evutil_socket_t, short, void* self) {
    static_cast<ResolveRequest*>(self)->deliver();
  }

  void ask_worker() {
    if (!ResolverPool::instance().submit(*job_)) {
      job_->state = ResolverJob::State::done;
      job_->error = EVUTIL_EAI_AGAIN;
      loop_.activate(ready_, EV_TIMEOUT);
      return;
    }
    ev::assign(ready_, &loop_, job_->wake.get(), EV_READ, &on_ready, this);
    if (!loop_.add(ready_, nullptr)) throw std::bad_alloc();
  }

  void deliver() {
    State expected = State::waiting;
    if (!state_.compare_exchange_strong(expected, State::delivering)) return;
    int error = EVUTIL_EAI_AGAIN;
    addrinfo* answer = nullptr;
    if (!ResolverPool::instance().take_answer(*job_, error, answer) && asked_again()) return;
    // It fired, but the kernel may still watch the descriptor, which goes now.
    loop_.remove(ready_);
    callback_(this, error, answer, argument_);
    delete this;
  }

  // Woken without an answer: this is a child process, and the answer went to the parent.
  bool asked_again() {
    state_ = State::waiting;
    if (status([this] { ask_worker(); }) == 0) return true;
    state_ = State::delivering;
    return false;
  }

  Loop& loop_;
  std::unique_ptr<ResolverJob> job_;
  Resolved callback_;
  void* argument_;
  event ready_{};
  std::atomic<State> state_ = State::waiting;
};

ResolveRequest* resolve(Loop& loop, const char* host, const char* service, const addrinfo& hints,
                        Resolved callback, void* argument) {
  auto request = std::make_unique<ResolveRequest>(loop, host, service, hints, callback, argument);
  request->begin();
  return request.release();
}

void cancel(ResolveRequest* request) noexcept {
  if (request != nullptr) request->cancel();
}

void join_resolver_workers() noexcept { ResolverPool::instance().join(); }

}  // namespace ev
