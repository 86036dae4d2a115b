/* Asks for locks before making a base: needs libevent_pthreads. */
#include <event2/event.h>
#include <event2/thread.h>

int main(void) {
  if (evthread_use_pthreads() != 0) return 1;
  struct event_base* base = event_base_new();
  if (!base || evthread_make_base_notifiable(base) != 0) return 1;
  event_base_free(base);
  return 0;
}
