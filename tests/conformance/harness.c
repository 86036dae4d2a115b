#define _GNU_SOURCE /* dladdr */

#include "harness.h"

#include <dlfcn.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { case_seconds = 10, most_lines = 200 };

static const char* current_case = "";

void obs(const char* format, ...) {
  static int lines;
  va_list ap;
  if (++lines > most_lines) { /* a callback without end would fill the disk */
    printf("%s: more than %d lines\n", current_case, most_lines);
    fflush(stdout);
    _exit(3);
  }
  printf("%s: ", current_case);
  va_start(ap, format);
  vprintf(format, ap);
  va_end(ap);
  putchar('\n');
  /* The case may crash or be forked at any point: nothing may wait in stdio. */
  fflush(stdout);
}

void see_int(const char* expression, long long value) { obs("%s = %lld", expression, value); }

void see_str(const char* expression, const char* value) {
  obs("%s = %s", expression, value ? value : "(null)");
}

static void run_in_child(const struct conf_case* c, int verbose) {
  setpgid(0, 0);
  if (!verbose) {
    /* Log lines differ in wording between libraries; the cases catch them with callbacks. */
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0) dup2(null, STDERR_FILENO);
  }
  alarm(case_seconds);
  c->run();
  fflush(stdout);
  _exit(0);
}

static void run_case(const struct conf_case* c, int verbose) {
  int status = 0;
  pid_t pid;
  current_case = c->name;
  fflush(stdout);
  pid = fork();
  if (pid == 0) run_in_child(c, verbose);
  if (pid < 0 || waitpid(pid, &status, 0) != pid) {
    obs("could not run");
    return;
  }
  kill(-pid, SIGKILL); /* whatever the case left behind in its process group */
  if (WIFSIGNALED(status)) {
    obs("killed by signal %d", WTERMSIG(status));
  } else if (WEXITSTATUS(status) != 0) {
    obs("exit status %d", WEXITSTATUS(status));
  }
}

static void print_expected(const struct conf_case* c) {
  const char* line = c->expected;
  while (*line) {
    size_t length = strcspn(line, "\n");
    printf("%s: %.*s\n", c->name, (int)length, line);
    line += length;
    if (*line == '\n') ++line;
  }
}

/* Lets the driver prove that the two programs did not load the same library. */
static void print_library(void) {
  Dl_info info;
  char path[4096];
  if (dladdr((void*)&event_base_new, &info) && realpath(info.dli_fname, path)) puts(path);
}

static int is_named(const char* name, char** names, int count) {
  int i;
  for (i = 0; i < count; ++i) {
    if (strcmp(name, names[i]) == 0) return 1;
  }
  return 0;
}

int main(int argc, char** argv) {
  const struct conf_case* c;
  int with_exceptions = 0, verbose = 0, first = 1;
  for (; first < argc && strncmp(argv[first], "--", 2) == 0; ++first) {
    if (strcmp(argv[first], "--library") == 0) {
      print_library();
      return 0;
    }
    if (strcmp(argv[first], "--expected") == 0) {
      for (c = conf_cases; c->name; ++c) {
        if (c->exception) print_expected(c);
      }
      return 0;
    }
    if (strcmp(argv[first], "--table") == 0) {
      for (c = conf_cases; c->name; ++c) {
        printf("%s\t%s\n", c->name, c->exception ? c->exception : "");
      }
      return 0;
    }
    if (strcmp(argv[first], "--with-exceptions") == 0) with_exceptions = 1;
    if (strcmp(argv[first], "--verbose") == 0) verbose = 1;
  }
  signal(SIGPIPE, SIG_IGN);
  for (c = conf_cases; c->name; ++c) {
    if (first < argc ? is_named(c->name, argv + first, argc - first)
                     : with_exceptions || !c->exception) {
      run_case(c, verbose);
    }
  }
  return 0;
}
