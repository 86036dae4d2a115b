// Writes that found a stream busy in another thread. Two streams whose callbacks write to each
// other, in two threads, each hold their own lock and want the other's; instead of waiting, the
// writer leaves the bytes here and the stream's loop adds them to the output. The mailbox has a
// lock of its own, under which nothing else is locked but the loop.
#pragma once

#include "buffer/buffer.h"
#include "loop/deferred.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace ev {

class Stream;

class Mailbox : public Allocated {
 public:
  explicit Mailbox(Stream& stream);
  ~Mailbox();

  // From any thread, without the stream's lock; the caller keeps the stream alive. False: refused,
  // nothing added.
  bool post(const void* data, std::size_t size);
  bool post(evbuffer& source);
  // With the stream's lock: what was posted comes before what is written now.
  void deliver();
  void leave_loop() noexcept;
  bool is_scheduled() const noexcept { return deliver_.is_scheduled(); }

 private:
  template <class Add>
  bool add(Add add);
  static void on_mail(event_callback*, void* stream);

  Stream& stream_;
  Lock lock_ = Lock::make();
  evbuffer letters_;
  Deferred deliver_;
};

}  // namespace ev
