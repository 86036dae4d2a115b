/* The smallest program that needs the loop and a buffer. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <string.h>

static void on_timer(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  (void)what;
  evbuffer_add_printf(arg, "%s", "fired");
}

int main(void) {
  struct event_base* base = event_base_new();
  struct evbuffer* buffer = evbuffer_new();
  const struct timeval at_once = {0, 0};
  char text[5];
  if (!base || !buffer || event_base_once(base, -1, EV_TIMEOUT, on_timer, buffer, &at_once))
    return 1;
  event_base_dispatch(base);
  const int good = evbuffer_remove(buffer, text, sizeof(text)) == 5 && !memcmp(text, "fired", 5);
  evbuffer_free(buffer);
  event_base_free(base);
  return good ? 0 : 1;
}
