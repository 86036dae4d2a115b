// The configuration of a limit: rate and burst of both directions and the length of a tick. It
// never changes, and it is counted: the program's free() gives up the program's reference only, so
// streams and groups may go on using it. Safe from every thread.
#pragma once

#include <sys/time.h>

#include <atomic>
#include <cstddef>
#include <utility>

#include "limit/direction.h"
#include "limit/pacing.h"
#include "sys/memory.h"

struct ev_token_bucket_cfg final : ev::Allocated {
 public:
  // As the C interface has it: bytes per tick, ticks in whole milliseconds (fractions are cut off),
  // one second for a null tick. Null when a value is out of range. The caller owns one reference.
  // Throws std::bad_alloc.
  static ev_token_bucket_cfg* create(std::size_t read_rate, std::size_t read_burst,
                                     std::size_t write_rate, std::size_t write_burst,
                                     const timeval* tick);
  // Ticks of any length and every mode. Null when a limit is not valid.
  static ev_token_bucket_cfg* create(const ev::Limit& read, const ev::Limit& write);

  const ev::Pacing& pacing(ev::Direction direction) const {
    return pacings_[ev::index_of(direction)];
  }
  const ev::Limit& limit(ev::Direction direction) const { return pacing(direction).limit; }

  void retain() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept;

 private:
  ev_token_bucket_cfg(const ev::Limit& read, const ev::Limit& write)
      : pacings_{ev::Pacing(read), ev::Pacing(write)} {}

  const ev::Pacing pacings_[2];
  mutable std::atomic<std::size_t> references_{1};
};

namespace ev {

using TokenBucketCfg = ::ev_token_bucket_cfg;

// One reference to a configuration; empty by default.
class CfgRef {
 public:
  CfgRef() = default;
  explicit CfgRef(const TokenBucketCfg* cfg) noexcept : cfg_(cfg) {
    if (cfg_ != nullptr) cfg_->retain();
  }
  CfgRef(const CfgRef& other) noexcept : CfgRef(other.cfg_) {}
  CfgRef& operator=(CfgRef other) noexcept {
    std::swap(cfg_, other.cfg_);
    return *this;
  }
  ~CfgRef() {
    if (cfg_ != nullptr) cfg_->release();
  }

  const TokenBucketCfg* get() const { return cfg_; }
  const TokenBucketCfg* operator->() const { return cfg_; }
  explicit operator bool() const { return cfg_ != nullptr; }

 private:
  const TokenBucketCfg* cfg_ = nullptr;
};

}  // namespace ev
