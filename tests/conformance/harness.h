/* Runs a table of cases, each in its own child process, and prints what they see.
 *
 * A case reports behaviour through see_* and obs(); every line is prefixed with the case's name and
 * must be the same in every run: no pointers, descriptors, ports or times. The same sources are
 * built once against the system's libevent and once against ours; compare.py sets the two outputs
 * side by side. */
#ifndef CONFORMANCE_HARNESS_H_
#define CONFORMANCE_HARNESS_H_

struct conf_case {
  const char* name;
  void (*run)(void);
  /* Both NULL: the two libraries must agree. Otherwise the stock library is not asked, `exception`
   * says why, and `expected` holds what ours prints (one observation per line). */
  const char* exception;
  const char* expected;
};

/* Each program defines one table, closed by CASES_END. */
extern const struct conf_case conf_cases[];

#define CASE(function) \
  { #function, function, NULL, NULL }
#define EXCEPTION(function, why, expected) \
  { #function, function, why, expected }
#define CASES_END \
  { NULL, NULL, NULL, NULL }

/* One observation. */
void obs(const char* format, ...) __attribute__((format(printf, 1, 2)));

void see_int(const char* expression, long long value);
void see_str(const char* expression, const char* value);

/* Evaluates once and reports the expression's text with its value. */
#define SEE(expression) see_int(#expression, (long long)(expression))
#define SEE_STR(expression) see_str(#expression, expression)
#define SEE_NULL(expression) see_str(#expression, (expression) ? "not NULL" : "NULL")

#endif
