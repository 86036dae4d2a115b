#include "net/resolver.h"

#include <event2/util.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "net/support.h"

namespace ev {
namespace {

constexpr int no_answer = 77;

addrinfo stream_hints(int flags = 0) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return hints;
}

// A question and what became of it.
struct Question {
  ResolveRequest* request = nullptr;
  int error = no_answer;
  int calls = 0;
  std::size_t addresses = 0;
  bool cancel_inside = false;

  ~Question() { cancel(std::exchange(request, nullptr)); }

  void ask(event_base* loop, const char* host, const addrinfo& hints = stream_hints()) {
    request = resolve(*loop, host, "80", hints, &on_resolved, this);
    EXPECT_EQ(calls, 0) << "called from inside resolve()";
  }
  bool answered() const { return calls > 0; }

  static void on_resolved(const ResolveRequest*, int gai_error, addrinfo* list, void* self) {
    auto& question = *static_cast<Question*>(self);
    if (question.cancel_inside) cancel(question.request);
    question.request = nullptr;
    question.calls++;
    question.error = gai_error;
    question.addresses = test::length_of(list);
    EXPECT_EQ(gai_error == 0, list != nullptr);
    if (list != nullptr) freeaddrinfo(list);
  }
};

class ResolverTest : public test::LoopTest {
 protected:
  ~ResolverTest() override { join_resolver_workers(); }

  bool all_answered(const std::vector<Question>& questions) {
    return run_until([&] {
      for (const Question& question : questions) {
        if (!question.answered()) return false;
      }
      return true;
    });
  }
};

TEST_F(ResolverTest, AnswersNumbersWithoutAThread) {
  const std::size_t threads = test::running_threads();
  for (const char* host : {"127.0.0.1", "::1", "1.2.3.4"}) {
    Question question;
    question.ask(loop_, host);
    EXPECT_EQ(test::running_threads(), threads);
    ASSERT_TRUE(run_until([&] { return question.answered(); }));
    EXPECT_EQ(question.error, 0);
    EXPECT_EQ(question.addresses, 1u);
  }
}

TEST_F(ResolverTest, AnswersNames) {
  Question question;
  question.ask(loop_, "localhost");
  ASSERT_TRUE(run_until([&] { return question.answered(); }));
  EXPECT_EQ(question.error, 0);
  EXPECT_GE(question.addresses, 1u);
}

TEST_F(ResolverTest, ReportsErrorsThroughTheCallback) {
  Question not_numeric;
  not_numeric.ask(loop_, "localhost", stream_hints(AI_NUMERICHOST));
  Question bad_flags;
  bad_flags.ask(loop_, "127.0.0.1", stream_hints(0x8000000));
  addrinfo hints = stream_hints();
  hints.ai_family = 12345;
  Question bad_family;
  bad_family.ask(loop_, "127.0.0.1", hints);
  ASSERT_TRUE(run_until(
      [&] { return not_numeric.answered() && bad_flags.answered() && bad_family.answered(); }));
  EXPECT_EQ(not_numeric.error, EVUTIL_EAI_NONAME);
  EXPECT_EQ(bad_flags.error, EVUTIL_EAI_BADFLAGS);
  EXPECT_EQ(bad_family.error, EVUTIL_EAI_FAMILY);
}

TEST_F(ResolverTest, AnOpenQuestionKeepsTheLoopAlive) {
  Question by_worker;
  by_worker.ask(loop_, "localhost");
  event_base_dispatch(loop_);
  EXPECT_TRUE(by_worker.answered());
  Question at_once;
  at_once.ask(loop_, "127.0.0.1");
  event_base_dispatch(loop_);
  EXPECT_TRUE(at_once.answered());
}

TEST_F(ResolverTest, AnswersManyWithFewThreads) {
  std::thread([] {}).join();  // a sanitizer starts a thread of its own beside the first
  const std::size_t threads = test::running_threads();
  std::vector<Question> questions(100);
  for (Question& question : questions) question.ask(loop_, "localhost");
  EXPECT_LE(test::running_threads(), threads + 4);
  ASSERT_TRUE(all_answered(questions));
  for (const Question& question : questions) EXPECT_EQ(question.error, 0);
  join_resolver_workers();
  // A thread that was joined is listed until the kernel has put it away.
  EXPECT_TRUE(run_until([&] { return test::running_threads() == threads; }));
}

TEST_F(ResolverTest, CancelledQuestionsAreNotAnswered) {
  const std::size_t descriptors = test::open_descriptors();
  std::vector<Question> questions(100);
  for (Question& question : questions) question.ask(loop_, "localhost");
  Question numeric;
  numeric.ask(loop_, "127.0.0.1");
  cancel(std::exchange(numeric.request, nullptr));
  for (std::size_t i = 0; i < questions.size(); i += 2) {
    cancel(std::exchange(questions[i].request, nullptr));
  }
  ASSERT_TRUE(run_until([&] {
    for (std::size_t i = 1; i < questions.size(); i += 2) {
      if (!questions[i].answered()) return false;
    }
    return true;
  }));
  for (std::size_t i = 0; i < questions.size(); i += 2) EXPECT_EQ(questions[i].calls, 0);
  EXPECT_EQ(numeric.calls, 0);
  join_resolver_workers();
  EXPECT_EQ(test::open_descriptors(), descriptors);
}

TEST_F(ResolverTest, CancelsAnAnswerThatIsWaiting) {
  Question question;
  question.ask(loop_, "localhost");
  join_resolver_workers();  // now it is there
  cancel(std::exchange(question.request, nullptr));
  event_base_dispatch(loop_);
  EXPECT_FALSE(question.answered());
}

TEST_F(ResolverTest, CancelInsideTheCallbackDoesNothing) {
  Question question;
  question.cancel_inside = true;
  question.ask(loop_, "localhost");
  ASSERT_TRUE(run_until([&] { return question.answered(); }));
  EXPECT_EQ(question.error, 0);
}

TEST_F(ResolverTest, CancelTakesNull) { cancel(static_cast<ResolveRequest*>(nullptr)); }

TEST_F(ResolverTest, IsCancelledAfterTheLoopWasFreed) {
  Question by_worker;
  by_worker.ask(loop_, "localhost");
  Question at_once;
  at_once.ask(loop_, "127.0.0.1");
  free_loop();
  cancel(std::exchange(by_worker.request, nullptr));
  cancel(std::exchange(at_once.request, nullptr));
  EXPECT_FALSE(by_worker.answered() || at_once.answered());
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool threads_survive_fork = false;  // the sanitizer's own locks do not
#else
constexpr bool threads_survive_fork = true;
#endif

// The workers stay with the parent; a child asks again.
TEST_F(ResolverTest, IsAnsweredInAChildToo) {
  if (!threads_survive_fork) GTEST_SKIP() << "built with a sanitizer";
  std::vector<Question> questions(40);
  for (Question& question : questions) question.ask(loop_, "localhost");
  const pid_t child = fork();
  if (child == 0) {
    const bool good = event_reinit(loop_) == 0 && all_answered(questions);
    _exit(good ? 0 : 1);
  }
  EXPECT_TRUE(all_answered(questions));
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ResolverTest, SurvivesEveryFailingAllocation) {
  {
    Question warm_up;  // the loop keeps what it needs for one more descriptor
    warm_up.ask(loop_, "localhost");
    event_base_dispatch(loop_);
    join_resolver_workers();
  }
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const std::size_t descriptors = test::open_descriptors();
    for (long left = 0;; left++) {
      Question question;
      test::Memory memory(left);
      bool asked = true;
      try {
        question.ask(loop_, host);
      } catch (const std::bad_alloc&) {
        asked = false;
      }
      event_base_dispatch(loop_);
      EXPECT_EQ(question.answered(), asked);
      join_resolver_workers();
      EXPECT_EQ(test::open_descriptors(), descriptors);
      if (!memory.ran_out()) break;
      EXPECT_FALSE(asked);
      EXPECT_EQ(memory.outstanding(), 0) << left;
      ASSERT_LT(left, 100);
    }
  }
}

}  // namespace
}  // namespace ev
