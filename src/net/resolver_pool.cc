#include "net/resolver_pool.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "net/lookup.h"

namespace ev {
namespace {

// A worker may outlive the static destructors, so the pool is never destroyed.
alignas(ResolverPool) std::byte pool_memory[sizeof(ResolverPool)];

constexpr Duration fork_delay = std::chrono::milliseconds(20);

OwnedText copy_or_null(const char* text) {
  return OwnedText(text != nullptr ? copy_string(text) : nullptr);
}

// The program's signal handlers run on the program's threads.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

ResolverJob::ResolverJob(const char* host_name, const char* service_name, const addrinfo& wanted)
    : host(copy_or_null(host_name)), service(copy_or_null(service_name)) {
  hints.ai_flags = wanted.ai_flags;
  hints.ai_family = wanted.ai_family;
  hints.ai_socktype = wanted.ai_socktype;
  hints.ai_protocol = wanted.ai_protocol;
}

ResolverJob::~ResolverJob() {
  if (answer != nullptr) ::freeaddrinfo(answer);
}

ResolverPool& ResolverPool::instance() noexcept {
  static ResolverPool& pool = []() -> ResolverPool& {
    ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
    return *new (pool_memory) ResolverPool;
  }();
  return pool;
}

// getaddrinfo() holds locks of the C library for a moment at its beginning. A child that is made in
// that moment could never look up anything. So fork() waits for lookups that have just begun, but
// not for name servers.
void ResolverPool::before_fork() noexcept {
  ResolverPool& pool = instance();
  std::unique_lock lock(pool.mutex_);
  pool.forks_++;
  pool.changed_.wait_until(lock, pool.last_start_ + fork_delay,
                           [&pool] { return pool.busy_ == 0; });
  lock.release();
}

void ResolverPool::after_fork_in_parent() noexcept {
  ResolverPool& pool = instance();
  pool.forks_--;
  pool.mutex_.unlock();
  pool.changed_.notify_all();
}

// In a child there are no workers: begin anew.
void ResolverPool::after_fork_in_child() noexcept {
  const unsigned process = instance().process_ + 1;
  auto* pool = new (pool_memory) ResolverPool;
  pool->process_ = process;
}

bool ResolverPool::submit(ResolverJob& job) noexcept {
  const std::lock_guard guard(mutex_);
  delete_abandoned();
  using State = ResolverJob::State;
  const bool at_work = job.state == State::queued || job.state == State::running;
  if (at_work && job.process == process_) return true;
  Fd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return false;
  append(job);
  if (!start_worker() && !any_running()) {
    unlink(job);
    return false;
  }
  job.wake = std::move(wake);
  job.process = process_;
  job.state = State::queued;
  return true;
}

bool ResolverPool::take_answer(ResolverJob& job, int& error, addrinfo*& answer) noexcept {
  const std::lock_guard guard(mutex_);
  if (job.state != ResolverJob::State::done) return false;
  error = job.error;
  answer = std::exchange(job.answer, nullptr);
  return true;
}

bool ResolverPool::withdraw(ResolverJob& job) noexcept {
  const std::lock_guard guard(mutex_);
  delete_abandoned();
  if (job.process != process_) return true;
  if (job.state == ResolverJob::State::queued) unlink(job);
  if (job.state != ResolverJob::State::running) return true;
  job.state = ResolverJob::State::abandoned;
  return false;
}

void ResolverPool::join() noexcept {
  std::unique_lock lock(mutex_);
  for (Worker& worker : workers_) {
    changed_.wait(lock, [&worker] { return worker.state != WorkerState::running; });
    if (worker.state == WorkerState::finished) ::pthread_join(worker.thread, nullptr);
    worker.state = WorkerState::none;
  }
  delete_abandoned();
}

// True also when there are as many as there may be.
bool ResolverPool::start_worker() noexcept {
  for (Worker& worker : workers_) {
    if (worker.state == WorkerState::running) continue;
    // It said so as its last act: this does not wait.
    if (worker.state == WorkerState::finished) ::pthread_join(worker.thread, nullptr);
    const AllSignalsBlocked blocked;
    const bool started = ::pthread_create(&worker.thread, nullptr, &work, &worker) == 0;
    worker.state = started ? WorkerState::running : WorkerState::none;
    return started;
  }
  return true;
}

bool ResolverPool::any_running() const noexcept {
  for (const Worker& worker : workers_) {
    if (worker.state == WorkerState::running) return true;
  }
  return false;
}

void* ResolverPool::work(void* argument) {
  auto& worker = *static_cast<Worker*>(argument);
  ResolverPool& pool = instance();
  while (ResolverJob* job = pool.next_job(worker)) {
    addrinfo* answer;
    const int error = look_up(job->host.get(), job->service.get(), &job->hints, answer);
    pool.finish(*job, error, answer);
  }
  return nullptr;
}

ResolverJob* ResolverPool::next_job(Worker& worker) noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return forks_ == 0; });
  ResolverJob* job = first_;
  if (job == nullptr) {
    worker.state = WorkerState::finished;
    changed_.notify_all();
    return nullptr;
  }
  unlink(*job);
  job->state = ResolverJob::State::running;
  busy_++;
  last_start_ = monotonic_now();
  return job;
}

void ResolverPool::finish(ResolverJob& job, int error, addrinfo* answer) noexcept {
  const std::lock_guard guard(mutex_);
  if (--busy_ == 0) changed_.notify_all();
  job.error = error;
  job.answer = answer;
  if (job.state == ResolverJob::State::abandoned) {
    job.next = std::exchange(abandoned_, &job);
    return;
  }
  job.state = ResolverJob::State::done;
  ::eventfd_write(job.wake.get(), 1);
}

void ResolverPool::delete_abandoned() noexcept {
  while (abandoned_ != nullptr) delete std::exchange(abandoned_, abandoned_->next);
}

void ResolverPool::append(ResolverJob& job) noexcept {
  job.next = nullptr;
  (last_ != nullptr ? last_->next : first_) = &job;
  last_ = &job;
}

void ResolverPool::unlink(ResolverJob& job) noexcept {
  ResolverJob* before = nullptr;
  ResolverJob* at = first_;
  while (at != &job) {
    before = at;
    at = at->next;
  }
  (before != nullptr ? before->next : first_) = job.next;
  if (last_ == &job) last_ = before;
  job.next = nullptr;
}

}  // namespace ev
