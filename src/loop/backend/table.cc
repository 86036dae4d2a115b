// The one place that knows all backends.
#include "loop/backend/table.h"

namespace ev {
namespace {

constexpr BackendInfo table[] = {
    {"epoll", "epoll (with changelist)", EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE,
     make_epoll_backend},
    {"poll", nullptr, EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE, make_poll_backend},
    {"select", nullptr, EV_FEATURE_FDS, make_select_backend},
};

}  // namespace

const std::span<const BackendInfo> backends(table);

}  // namespace ev
