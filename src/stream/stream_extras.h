// What a stream must remember only in unusual cases; most streams have none of it. The C tag is the
// type of the layout's `be_ops`, which in the stock library points to a type's functions; we have
// virtual ones and need the place for this.
#pragma once

#include <event2/bevel.h>
#include <event2/bufferevent_struct.h>

#include <memory>

#include "stream/drain_notice.h"
#include "stream/limiter.h"
#include "stream/mailbox.h"
#include "stream/shutdown.h"
#include "stream/turn_limits.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace ev {

// A name being looked up, or addresses being tried (fd_connect.cc).
struct ConnectAttempt;
struct EndConnectAttempt {
  void operator()(ConnectAttempt* attempt) const noexcept;
};

}  // namespace ev

struct bufferevent_ops final : ev::Allocated {
  // What every turn looks at comes first, and so lies together in the processor's caches.
  ev::Lock lock;
  std::unique_ptr<ev::TurnLimits> turn_limits;
  std::unique_ptr<ev::Limiter> limiter;
  std::unique_ptr<ev::ConnectAttempt, ev::EndConnectAttempt> attempt;
  std::unique_ptr<ev::Shutdown> shutdown;
  std::size_t output_limit = 0;  // 0: none
  std::size_t output_added = 0;  // ever, since this was made
  std::unique_ptr<ev::DrainNotice> drain_notice;
  ev::Stream* above = nullptr;           // who also waits for our output to leave
  std::unique_ptr<ev::Mailbox> mailbox;  // of a stream with a lock
  void (*on_freed)(void*) = nullptr;
  void* on_freed_arg = nullptr;
  int dns_error = 0;

  // Somebody counts or bounds what is in the output.
  bool minds_output() const noexcept {
    return limiter != nullptr || turn_limits != nullptr || drain_notice != nullptr ||
           output_limit != 0 || shutdown != nullptr;
  }

  // Of a stream that ends. Other threads call none of it any more.
  void leave_loop() noexcept {
    if (limiter != nullptr) limiter->retire();
    if (turn_limits != nullptr) turn_limits->leave_loop();
    drain_notice.reset();
    shutdown.reset();
    if (mailbox != nullptr) mailbox->leave_loop();
  }

  // Something of it is with the loop.
  bool awaits_loop() const noexcept {
    return shutdown != nullptr || (limiter != nullptr && limiter->is_waiting()) ||
           (turn_limits != nullptr && turn_limits->is_waiting()) ||
           (drain_notice != nullptr && drain_notice->is_scheduled()) ||
           (mailbox != nullptr && mailbox->is_scheduled());
  }
};

namespace ev {
using StreamExtras = ::bufferevent_ops;
}  // namespace ev
