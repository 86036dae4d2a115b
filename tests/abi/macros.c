/* Every function-like macro of the headers, used as programs use it. It has only to compile, as C
   and as C++ and without warnings; what the functions behind it do is tested elsewhere. */
#include <event.h>

static void on_event(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  (void)what;
  (void)arg;
}

struct with_member {
  char first;
  int second;
};

int timers(struct event_base* base, struct event* ev, struct timeval* tv);
int signals(struct event_base* base, struct event* ev, struct timeval* tv);
int user_events(struct event_base* base, struct timeval* tv);
size_t buffers(struct evbuffer* buf, struct bufferevent* bev);
long utilities(evutil_socket_t fd, struct timeval* a, struct timeval* b);

int timers(struct event_base* base, struct event* ev, struct timeval* tv) {
  int result = evtimer_assign(ev, base, on_event, NULL);
  struct event* made = evtimer_new(base, on_event, event_self_cbarg());
  result += evtimer_add(made, tv) + evtimer_pending(made, tv) + evtimer_initialized(made);
  result += evtimer_del(made);
  evtimer_set(ev, on_event, NULL);
  timeout_set(ev, on_event, NULL);
  result += timeout_add(ev, tv) + timeout_pending(ev, tv) + timeout_initialized(ev);
  return result + timeout_del(ev);
}

int signals(struct event_base* base, struct event* ev, struct timeval* tv) {
  int result = evsignal_assign(ev, base, 1, on_event, NULL);
  struct event* made = evsignal_new(base, 1, on_event, NULL);
  result += evsignal_add(made, tv) + evsignal_pending(made, tv) + evsignal_initialized(made);
  result += evsignal_del(made) + event_get_signal(made) + EVENT_SIGNAL(made) + EVENT_FD(made);
  evsignal_set(ev, 1, on_event, NULL);
  signal_set(ev, 1, on_event, NULL);
  result += signal_add(ev, tv) + signal_pending(ev, tv) + signal_initialized(ev);
  return result + signal_del(ev);
}

int user_events(struct event_base* base, struct timeval* tv) {
  struct event* made = evuser_new(base, on_event, NULL);
  int result = evuser_pending(made, tv) + evuser_initialized(made);
  evuser_trigger(made);
  return result + evuser_del(made);
}

size_t buffers(struct evbuffer* buf, struct bufferevent* bev) {
  unsigned char* data = EVBUFFER_DATA(buf);
  return EVBUFFER_LENGTH(EVBUFFER_INPUT(bev)) + EVBUFFER_LENGTH(EVBUFFER_OUTPUT(bev)) +
         (data != NULL ? EVBUFFER_LENGTH(buf) : 0);
}

long utilities(evutil_socket_t fd, struct timeval* a, struct timeval* b) {
  struct timeval c;
  long result = evutil_gettimeofday(&c, NULL);
  evutil_timeradd(a, b, &c);
  evutil_timersub(a, b, &c);
  if (evutil_timercmp(a, b, <) || evutil_timercmp(&c, b, ==) || !evutil_timerisset(a)) result++;
  evutil_timerclear(&c);
  EVUTIL_SET_SOCKET_ERROR(0);
  result += EVUTIL_CLOSESOCKET(fd) + EVUTIL_SOCKET_ERROR() + evutil_socket_geterror(fd);
  result += *evutil_socket_error_to_string(0);
  return result + (long)evutil_offsetof(struct with_member, second);
}
