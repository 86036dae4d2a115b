// The C functions of event2/bufferevent_ssl.h that are the same for every TLS library, and so in
// the core library.
#include <event2/bufferevent_ssl.h>

#include "tls/engine.h"

ev_uint64_t bufferevent_ssl_get_flags(bufferevent* bev) {
  return bevel_tls_change_flags(bev, 0, 0);
}

ev_uint64_t bufferevent_ssl_set_flags(bufferevent* bev, ev_uint64_t flags) {
  return flags == 0 ? EV_UINT64_MAX : bevel_tls_change_flags(bev, flags, 0);
}

ev_uint64_t bufferevent_ssl_clear_flags(bufferevent* bev, ev_uint64_t flags) {
  return flags == 0 ? EV_UINT64_MAX : bevel_tls_change_flags(bev, 0, flags);
}
