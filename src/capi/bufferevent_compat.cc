// The C functions of event2/bufferevent_compat.h, in its order.
#include <event2/bufferevent_compat.h>

#include "capi/stream_door.h"

bufferevent* bufferevent_new(evutil_socket_t fd, bufferevent_data_cb read,
                             bufferevent_data_cb write, bufferevent_event_cb event, void* arg) {
  bufferevent* bev = bufferevent_socket_new(nullptr, fd, 0);
  if (bev != nullptr) bufferevent_setcb(bev, read, write, event, arg);
  return bev;
}

void bufferevent_settimeout(bufferevent* bev, int read, int write) {
  const timeval read_timeout{read, 0};
  const timeval write_timeout{write, 0};
  ev::on_stream(bev,
                [&](ev::Stream& stream) { stream.set_timeouts(&read_timeout, &write_timeout); });
}
