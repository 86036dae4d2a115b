// How many new handshakes the peer may begin on an open connection: each costs us far more than
// him, so somebody who only shakes hands is no client but an attack. A few are free, and each large
// portion of plaintext earns another one.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ev {

class RenewalBudget {
 public:
  void earn(std::size_t plaintext) noexcept {
    balance_ = std::min(balance_ + plaintext, most * price);
  }
  // False: too many.
  bool spend() noexcept {
    if (balance_ < price) return false;
    balance_ -= price;
    return true;
  }

 private:
  static constexpr std::size_t price = std::size_t{256} * 1024;
  static constexpr std::size_t most = 8;
  std::size_t balance_ = most * price;
};

}  // namespace ev
