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
    ::pthread_atfork(nullptr, nullptr, &forget_parent);
    return *new (pool_memory) ResolverPool;
  }();
  return pool;
}

// In a child there are no workers, and the lock may be held by one that stayed behind: begin anew.
void ResolverPool::forget_parent() noexcept {
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
    while (worker.state == WorkerState::running) worker_finished_.wait(lock);
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
  const std::lock_guard guard(mutex_);
  ResolverJob* job = first_;
  if (job != nullptr) {
    unlink(*job);
    job->state = ResolverJob::State::running;
  } else {
    worker.state = WorkerState::finished;
    worker_finished_.notify_all();
  }
  return job;
}

void ResolverPool::finish(ResolverJob& job, int error, addrinfo* answer) noexcept {
  const std::lock_guard guard(mutex_);
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
