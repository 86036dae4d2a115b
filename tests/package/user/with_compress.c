/* Sends a word through two compression filters: needs libbevel_compress. */
#include <errno.h>
#include <event2/bevel_compress.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>

int main(void) {
  struct event_base* base = event_base_new();
  struct bufferevent *pair[2], *ends[2];
  char word[6] = "";
  if (!base || bufferevent_pair_new(base, 0, pair) != 0) return 1;
  for (int i = 0; i < 2; i++) {
    ends[i] = bevel_filter_zstd_new(pair[i], NULL, BEV_OPT_CLOSE_ON_FREE);
    if (!ends[i] && errno == ENOSYS)
      ends[i] = bevel_filter_zlib_new(pair[i], NULL, BEV_OPT_CLOSE_ON_FREE);
    if (!ends[i]) return 1;
  }
  bufferevent_enable(ends[1], EV_READ);
  bufferevent_write(ends[0], "hello", 6);
  bufferevent_flush(ends[0], EV_WRITE, BEV_FINISHED);
  while (evbuffer_get_length(bufferevent_get_input(ends[1])) < 6)
    event_base_loop(base, EVLOOP_ONCE);
  bufferevent_read(ends[1], word, 6);
  for (int i = 0; i < 2; i++) bufferevent_free(ends[i]);
  event_base_free(base);
  return strcmp(word, "hello") == 0 ? 0 : 1;
}
