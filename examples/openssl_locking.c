/*
 * OpenSSL and threads. evthread_use_pthreads() makes events and bufferevents safe; it does nothing
 * for OpenSSL, which before version 1.1 had to be given its locks by the program. Since then it
 * brings its own, and the calls below do nothing any more; they stay in programs that still compile
 * with old versions.
 *
 *   cc openssl_locking.c -levent_pthreads -levent_core -lssl -lcrypto -pthread && ./a.out
 */
#include <event2/event.h>
#include <event2/thread.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 1000

static pthread_mutex_t* locks;
static int lock_count;

static void lock_or_unlock(int mode, int which, const char* file, int line) {
  (void)file; /* who asks for it: of use to a debugger */
  (void)line;
  if (which >= lock_count) return;
  if (mode & CRYPTO_LOCK)
    pthread_mutex_lock(&locks[which]);
  else
    pthread_mutex_unlock(&locks[which]);
}

static unsigned long this_thread(void) { return (unsigned long)pthread_self(); }

/* To be called once, before the first thread that uses OpenSSL. */
static int openssl_locking_init(void) {
  int i;

  lock_count = CRYPTO_num_locks();
  locks = malloc((size_t)lock_count * sizeof *locks);
  if (locks == NULL) return -1;
  for (i = 0; i < lock_count; ++i) pthread_mutex_init(&locks[i], NULL);

  (void)this_thread; /* where the two calls are empty, nobody else mentions these */
  (void)lock_or_unlock;
  CRYPTO_set_id_callback(this_thread);
  CRYPTO_set_locking_callback(lock_or_unlock);
  return 0;
}

static void openssl_locking_end(void) {
  CRYPTO_set_locking_callback(NULL);
  CRYPTO_set_id_callback(NULL);
  while (lock_count > 0) pthread_mutex_destroy(&locks[--lock_count]);
  free(locks);
}

/* ---- A use of it: threads share a context, and tell the loop of the main thread when they are
 * done ---- */

struct worker {
  pthread_t thread;
  SSL_CTX* tls;
  struct event* done;
  int made;
};

static int workers_done, connections_made;

static void on_done(evutil_socket_t fd, short what, void* arg) {
  struct worker* worker = arg;
  (void)fd;
  (void)what;
  connections_made += worker->made;
  if (++workers_done == THREADS) event_base_loopbreak(event_get_base(worker->done));
}

static void* work(void* arg) {
  struct worker* worker = arg;
  int round;

  for (round = 0; round < ROUNDS; ++round) {
    SSL* ssl = SSL_new(worker->tls); /* counts the references to the context */
    worker->made += ssl != NULL;
    SSL_free(ssl);
  }
  event_active(worker->done, EV_READ, 0); /* wakes the loop up */
  return NULL;
}

static const char usage[] =
    "usage: openssl_locking\n"
    "Uses OpenSSL from several threads at once and counts what they made.\n";

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 1) return fputs("openssl_locking: takes no arguments but --help\n", stderr), 2;

  struct worker workers[THREADS];
  struct event_base* base;
  SSL_CTX* tls;
  int i;

  if (evthread_use_pthreads() != 0 || openssl_locking_init() != 0) return 1;
  SSL_load_error_strings();
  SSL_library_init();
  tls = SSL_CTX_new(SSLv23_server_method());
  base = event_base_new(); /* after evthread_use_pthreads(), or it has no lock */
  if (tls == NULL || base == NULL) return 1;

  for (i = 0; i < THREADS; ++i) {
    workers[i].tls = tls;
    workers[i].made = 0;
    workers[i].done = event_new(base, -1, 0, on_done, &workers[i]);
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 1;
  }
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);

  for (i = 0; i < THREADS; ++i) {
    pthread_join(workers[i].thread, NULL);
    event_free(workers[i].done);
  }
  event_base_free(base);
  SSL_CTX_free(tls);
  openssl_locking_end();
  printf("%d of %d TLS objects made by %d threads\n", connections_made, THREADS * ROUNDS, THREADS);
  return connections_made == THREADS * ROUNDS ? 0 : 1;
}
