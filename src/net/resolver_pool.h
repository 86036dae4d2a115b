// The worker threads behind the resolver. A worker lives while there is work, blocks all signals,
// touches no loop, and tells that it is done by making the job's descriptor readable.
#pragma once

#include <netdb.h>
#include <pthread.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/memory.h"

namespace ev {

struct ReleaseMemory {
  void operator()(char* text) const noexcept { release(text); }
};
using OwnedText = std::unique_ptr<char, ReleaseMemory>;

// One lookup. Whoever made it owns it again when withdraw() says so.
struct ResolverJob : Allocated {
  enum class State { made, queued, running, done, abandoned };

  ResolverJob(const char* host, const char* service,
              const addrinfo& hints);  // throws std::bad_alloc
  ~ResolverJob();
  ResolverJob(const ResolverJob&) = delete;
  ResolverJob& operator=(const ResolverJob&) = delete;

  OwnedText host;  // null as for getaddrinfo()
  OwnedText service;
  addrinfo hints{};
  Fd wake;  // an eventfd; readable when done, and never read, so that a child process sees it too

  // Under the pool's lock.
  State state = State::made;
  unsigned process = 0;  // in which it was submitted
  ResolverJob* next = nullptr;
  int error = 0;
  addrinfo* answer = nullptr;
};

class ResolverPool {
 public:
  static ResolverPool& instance() noexcept;

  // False: no worker could be started, and the job is still the caller's. A job that is already at
  // work in this process is left alone.
  bool submit(ResolverJob& job) noexcept;

  // Takes the outcome. False: there is none yet; in a child process there never will be, because
  // the workers stayed in the parent: submit it again.
  bool take_answer(ResolverJob& job, int& error, addrinfo*& answer) noexcept;

  // True: the job is the caller's. False: a worker is at it, and the pool will delete it.
  bool withdraw(ResolverJob& job) noexcept;

  // Waits until no worker is left.
  void join() noexcept;

 private:
  static constexpr int most_workers = 4;

  enum class WorkerState { none, running, finished };
  struct Worker {
    pthread_t thread{};
    WorkerState state = WorkerState::none;
  };

  ResolverPool() = default;
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;
  static void* work(void* worker);
  bool start_worker() noexcept;
  bool any_running() const noexcept;
  ResolverJob* next_job(Worker& worker) noexcept;
  void finish(ResolverJob& job, int error, addrinfo* answer) noexcept;
  void unlink(ResolverJob& job) noexcept;
  void append(ResolverJob& job) noexcept;
  void delete_abandoned() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;  // a worker ended, none is busy, or a fork is over
  ResolverJob* first_ = nullptr;     // waiting for a worker
  ResolverJob* last_ = nullptr;
  // Left by their workers. Only threads of the program delete them: its memory functions need not
  // be safe on ours.
  ResolverJob* abandoned_ = nullptr;
  Worker workers_[most_workers];
  int busy_ = 0;          // workers inside getaddrinfo()
  TimePoint last_start_;  // of one of them
  int forks_ = 0;         // under way: nobody begins a lookup
  unsigned process_ = 1;  // counts the forks that led here
};

}  // namespace ev
