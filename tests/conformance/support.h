/* What several areas need: names for flags, sockets, running a loop for a bounded time. */
#ifndef CONFORMANCE_SUPPORT_H_
#define CONFORMANCE_SUPPORT_H_

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stddef.h>

/* "READ|WRITE" for EV_* flags, "EOF|READING" for BEV_EVENT_* flags, "0" for none. The result lives
 * until eight further calls. */
const char* ev_names(short what);
const char* bev_names(short what);

/* "EAGAIN" for the values the cases meet, "other" otherwise. */
const char* errno_name(int error);

/* Content of a buffer with escapes; long content as length and checksum. Does not change it. */
void see_content(const char* label, struct evbuffer* buffer);
#define SEE_BUF(buffer) see_content(#buffer, buffer)
void see_bytes(const char* label, const void* bytes, size_t length);

/* A pattern that repeats only after 251 bytes, so that shifted data is noticed. */
void fill_pattern(char* bytes, size_t length);
struct evbuffer* patterned_buffer(size_t length);
/* A buffer whose content is held as one chain per string; ends with NULL. */
struct evbuffer* chained_buffer(const char* first, ...);

/* Both ends non-blocking; the program is aborted when the system refuses. */
void unix_pair(evutil_socket_t ends[2]);
void tcp_pair(evutil_socket_t ends[2]);
/* A listening socket on 127.0.0.1 with a port of the system's choice. */
evutil_socket_t listening_socket(struct sockaddr_storage* address, int* length);
/* A port of 127.0.0.1 that refuses connections. */
void refused_address(struct sockaddr_storage* address, int* length);

/* Turns the loop for this long. */
void run_for(struct event_base* base, int milliseconds);
/* Turns the loop until *flag >= goal; 0 if that did not happen within five seconds. */
int run_until(struct event_base* base, const int* flag, int goal);
/* Turns the loop until the buffer holds at least this much; 0 after five seconds. */
int run_until_length(struct event_base* base, struct evbuffer* buffer, size_t length);

const struct timeval* msec(int milliseconds);

/* Bufferevent callbacks that report; the context is the name to report under. */
void log_read(struct bufferevent* bev, void* name);
void log_write(struct bufferevent* bev, void* name);
void log_event(struct bufferevent* bev, short what, void* name);

#endif
