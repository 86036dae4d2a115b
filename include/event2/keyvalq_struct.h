#ifndef EVENT2_KEYVALQ_STRUCT_H_INCLUDED_
#define EVENT2_KEYVALQ_STRUCT_H_INCLUDED_

/**
 * @file event2/keyvalq_struct.h
 *
 * A list of pairs of strings, as HTTP headers are. The members have the names that the TAILQ macros
 * of <sys/queue.h> expect, so a program may use those macros on the list; the header itself neither
 * needs nor defines them.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** One pair. */
struct evkeyval {
  /** The link to the neighbours. */
  struct {
    struct evkeyval* tqe_next;
    struct evkeyval** tqe_prev;
  } next;

  char* key;   /**< zero-terminated */
  char* value; /**< zero-terminated */
};

/** The list. */
struct evkeyvalq {
  struct evkeyval* tqh_first; /**< NULL if the list is empty */
  struct evkeyval** tqh_last; /**< where the next pair is linked in */
};

#ifdef __cplusplus
}
#endif

#endif
