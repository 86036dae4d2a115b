// A flag that is up for as long as somebody is busy, however that ends. Of nested ones the outermost
// takes it down.
#pragma once

#include <utility>

namespace ev {

// The flag outlives it.
class Raised {
 public:
  explicit Raised(bool& flag) noexcept : flag_(flag), was_up_(std::exchange(flag, true)) {}
  ~Raised() { flag_ = was_up_; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool& flag_;
  bool was_up_;
};

}  // namespace ev
