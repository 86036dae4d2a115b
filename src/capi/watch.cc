// The functions of event2/watch.h, in its order.
#include <event2/watch.h>

#include <cerrno>

#include "loop/loop.h"
#include "sys/door.h"

namespace {

evwatch* make_watcher(event_base* base, evwatch_prepare_cb prepare, evwatch_check_cb check,
                      void* arg) {
  if (base == nullptr || (prepare == nullptr && check == nullptr)) return nullptr;
  return ev::made_or_null([=] {
    auto* watcher = new evwatch;
    watcher->loop = base;
    watcher->prepare = prepare;
    watcher->check = check;
    watcher->argument = arg;
    base->add_watcher(*watcher);
    return watcher;
  });
}

}  // namespace

evwatch* evwatch_prepare_new(event_base* base, evwatch_prepare_cb callback, void* arg) {
  return make_watcher(base, callback, nullptr, arg);
}

evwatch* evwatch_check_new(event_base* base, evwatch_check_cb callback, void* arg) {
  return make_watcher(base, nullptr, callback, arg);
}

event_base* evwatch_base(evwatch* watcher) { return watcher->loop; }

void evwatch_free(evwatch* watcher) {
  if (watcher == nullptr) return;
  watcher->loop->remove_watcher(*watcher);
  delete watcher;
}

int evwatch_prepare_get_timeout(const evwatch_prepare_cb_info* info, timeval* timeout) {
  if (!info->timeout) return 0;
  *timeout = ev::to_timeval(*info->timeout);
  return 1;
}
