/*
 * One link for two customers: gold has three times the weight of basic, and what one of them does
 * not use the other one gets. Prints what each of their streams got in a second.
 *
 *   cc fair_share.c -levent_core && ./a.out
 */
#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

enum { streams = 3 }; /* the first one is gold's, the others are basic's */

static struct bufferevent* source[streams];
static struct bufferevent* sink[streams];

static struct bufferevent_rate_limit_group* group_of(struct event_base* base, size_t per_tick,
                                                     struct bufferevent_rate_limit_group* parent,
                                                     unsigned weight) {
  const struct timeval tick = {0, 10000};
  struct ev_token_bucket_cfg* cfg =
      ev_token_bucket_cfg_new(per_tick, per_tick, per_tick, per_tick, &tick);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  ev_token_bucket_cfg_free(cfg);
  bevel_rate_limit_group_set_parent(group, parent);
  bevel_rate_limit_group_set_weight(group, weight);
  return group;
}

static void on_write(struct bufferevent* bev, void* arg) {
  static const char zeros[16384];
  (void)arg;
  bufferevent_write(bev, zeros, sizeof zeros);
}

static void run_for_a_second(struct event_base* base, const char* title) {
  const struct timeval second = {1, 0};
  int i;
  for (i = 0; i < streams; i++) {
    evbuffer_drain(bufferevent_get_input(sink[i]), (size_t)-1);
  }
  event_base_loopexit(base, &second);
  event_base_dispatch(base);
  printf("%s:", title);
  for (i = 0; i < streams; i++) {
    printf(" %u", (unsigned)(evbuffer_get_length(bufferevent_get_input(sink[i])) / 1000));
  }
  printf(" kB/s\n");
}

static const char usage[] =
    "usage: fair_share\n"
    "Prints what three streams get of a link that two customers share.\n";

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 1) return fputs("fair_share: takes no arguments but --help\n", stderr), 2;

  struct event_base* base = event_base_new();
  struct bufferevent_rate_limit_group* link = group_of(base, 4000, NULL, 1); /* 400 kB/s */
  struct bufferevent_rate_limit_group* gold = group_of(base, 4000, link, 3);
  struct bufferevent_rate_limit_group* basic = group_of(base, 4000, link, 1);
  int i;
  for (i = 0; i < streams; i++) {
    struct bufferevent* pair[2];
    bufferevent_pair_new(base, 0, pair);
    source[i] = pair[0];
    sink[i] = pair[1];
    bufferevent_setcb(source[i], NULL, on_write, NULL, NULL);
    bufferevent_add_to_rate_limit_group(source[i], i == 0 ? gold : basic);
    bufferevent_enable(sink[i], EV_READ);
    on_write(source[i], NULL);
  }
  run_for_a_second(base, "by weight");
  bufferevent_disable(source[0], EV_WRITE);
  run_for_a_second(base, "gold pauses");
  for (i = 0; i < streams; i++) bufferevent_free(source[i]), bufferevent_free(sink[i]);
  bufferevent_rate_limit_group_free(gold), bufferevent_rate_limit_group_free(basic);
  bufferevent_rate_limit_group_free(link);
  event_base_free(base);
  return 0;
}
