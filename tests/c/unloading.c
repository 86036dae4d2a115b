/* A program that lets go of the library while a name is looked up: the thread that does so has to
   find its code, so the library stays. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/socket.h>

/* The object is another one's function; POSIX says that this works. */
#define FIND(library, type, name) (*(type*)(void*[]){dlsym(library, name)})

typedef void* (*make_base)(void);
typedef void (*free_object)(void*);
typedef void* (*make_socket)(void*, int, int);
typedef int (*connect_by_name)(void*, void*, int, const char*, int);

int main(int argc, char** argv) {
  void* library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (library == NULL) return fprintf(stderr, "cannot load the library\n"), 1;
  void* base = FIND(library, make_base, "event_base_new")();
  void* stream = FIND(library, make_socket, "bufferevent_socket_new")(base, -1, 1);
  const connect_by_name connect =
      FIND(library, connect_by_name, "bufferevent_socket_connect_hostname");
  if (connect(stream, NULL, AF_UNSPEC, "localhost", 1) != 0)
    return fprintf(stderr, "no lookup\n"), 1;
  FIND(library, free_object, "bufferevent_free")(stream);
  FIND(library, free_object, "event_base_free")(base);
  dlclose(library);
  if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL) return fprintf(stderr, "it is gone\n"), 1;
  return 0;
}
