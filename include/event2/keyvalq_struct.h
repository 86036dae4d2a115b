#ifndef EVENT2_KEYVALQ_STRUCT_H_INCLUDED_
#define EVENT2_KEYVALQ_STRUCT_H_INCLUDED_

/**
 * @file event2/keyvalq_struct.h
 *
 * A list of key/value pairs of strings. The members are named as the TAILQ macros of
 * <sys/queue.h> expect them, so a program may use those macros on the list; the header itself
 * neither needs nor defines them.
 */

#ifdef __cplusplus
extern "C" {
#endif

struct evkeyval {
  struct {
    struct evkeyval* tqe_next;
    struct evkeyval** tqe_prev;
  } next;

  char* key;
  char* value;
};

struct evkeyvalq {
  struct evkeyval* tqh_first;
  struct evkeyval** tqh_last;
};

#ifdef __cplusplus
}
#endif

#endif
