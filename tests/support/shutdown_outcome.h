// What the callback of bevel_shutdown() was told.
#pragma once

#include <event2/bevel.h>

#include <functional>

namespace test {

struct ShutdownOutcome {
  int calls = 0;
  int outcome = -1;
  bufferevent* bev = nullptr;
  std::function<void()> then;

  static void note(bufferevent* bev, bevel_shutdown_outcome outcome, void* self) {
    auto& noted = *static_cast<ShutdownOutcome*>(self);
    noted.calls++;
    noted.outcome = outcome;
    noted.bev = bev;
    if (noted.then) noted.then();
  }
};

}  // namespace test
