// The constructors of the backends, each in the file of its name. Null: errno tells why.
#pragma once

#include "loop/backend.h"

namespace ev {

std::unique_ptr<Backend> make_epoll_backend();
std::unique_ptr<Backend> make_poll_backend();
std::unique_ptr<Backend> make_select_backend();

}  // namespace ev
