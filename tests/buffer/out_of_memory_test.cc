// Every operation, with the n-th allocation failing, for every n: it says so, leaves everything as
// it was, and leaks nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "buffer/file_segment.h"
#include "sys/fd.h"
#include "sys/memory.h"

namespace test {
namespace {

// Memory functions that count what is out, and fail on command.
struct Heap {
  static inline long until_failure = -1;  // -1: never
  static inline long blocks = 0;

  static bool fails() { return until_failure >= 0 && until_failure-- == 0; }
  static void* take(std::size_t size) {
    if (fails()) return nullptr;
    ++blocks;
    return std::malloc(size);
  }
  static void* resize(void* old, std::size_t size) {
    if (fails()) return nullptr;
    if (old == nullptr) ++blocks;
    return std::realloc(old, size);
  }
  static void give(void* memory) {
    if (memory != nullptr) --blocks;
    std::free(memory);
  }
};

struct Pair {
  evbuffer one;
  evbuffer two;
};

int append_format(evbuffer& buffer, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int size = buffer.append_format(format, arguments);
  va_end(arguments);
  return size;
}

using Operation = std::function<bool(Pair&)>;

// True when the operation failed for want of memory.
bool fails(Pair& buffers, const Operation& operation) {
  try {
    return !operation(buffers);
  } catch (const std::bad_alloc&) {
    return true;
  }
}

void fill(Pair& buffers) {
  append(buffers.one, std::string(300, 'a'));
  append_chains(buffers.one, {"bcd", "efg\n"});
  append(buffers.one, std::string(30000, 'h'));
  append(buffers.two, "xyz");
}

class OutOfMemory : public testing::Test {
 protected:
  void SetUp() override {
    ev::set_memory_functions(Heap::take, Heap::resize, Heap::give);
    Heap::until_failure = -1;
  }
  void TearDown() override { ev::set_memory_functions(nullptr, nullptr, nullptr); }

  static void check(const Operation& operation) {
    bool failed = true;
    for (long n = 0; failed && n < 100; ++n) {
      const long before = Heap::blocks;
      {
        Pair buffers;
        fill(buffers);
        const std::string one = contents_of(buffers.one);
        const std::string two = contents_of(buffers.two);
        Heap::until_failure = n;
        failed = fails(buffers, operation);
        const bool reached = Heap::until_failure < 0;
        Heap::until_failure = -1;
        if (failed) {
          EXPECT_TRUE(reached) << "refused for another reason";
          EXPECT_EQ(contents_of(buffers.one), one);
          EXPECT_EQ(contents_of(buffers.two), two);
          if (!reached) return;
        }
        expect_sound(buffers.one);
        expect_sound(buffers.two);
      }
      EXPECT_EQ(Heap::blocks, before) << "leaks after allocation " << n << " failed";
    }
    EXPECT_FALSE(failed) << "never succeeded";
  }
};

TEST_F(OutOfMemory, Append) {
  check([](Pair& it) { return append(it.one, std::string(100000, '!')); });
}

TEST_F(OutOfMemory, Prepend) {
  check([](Pair& it) { return prepend(it.one, std::string(1000, '!')); });
}

TEST_F(OutOfMemory, Expand) {
  check([](Pair& it) { return it.one.expand(100000); });
}

TEST_F(OutOfMemory, Reserve) {
  check([](Pair& it) {
    iovec vectors[2];
    return it.one.reserve(100000, vectors, 2) > 0 && it.two.reserve(5000, vectors, 1) > 0;
  });
}

TEST_F(OutOfMemory, AppendReference) {
  check([](Pair& it) { return it.one.append_reference("ref", 3, nullptr, nullptr); });
}

TEST_F(OutOfMemory, AppendShared) {
  check([](Pair& it) { return it.two.append_shared(it.one); });
}

TEST_F(OutOfMemory, RemoveToWithASharedPiece) {
  check([](Pair& it) { return it.one.remove_to(it.two, 10000) == 10000; });
}

TEST_F(OutOfMemory, RemoveToWithACopiedPiece) {
  check([](Pair& it) { return it.one.remove_to(it.two, 1000) == 1000; });
}

TEST_F(OutOfMemory, PullUp) {
  check([](Pair& it) { return it.one.pull_up(-1) != nullptr; });
}

TEST_F(OutOfMemory, ReadLine) {
  check([](Pair& it) {
    char* line = it.one.read_line(nullptr, EVBUFFER_EOL_LF);
    ev::release(line);
    return line != nullptr;
  });
}

TEST_F(OutOfMemory, Format) {
  check([](Pair& it) { return append_format(it.two, "%050000d", 5) == 50000; });
}

TEST_F(OutOfMemory, Vectors) {
  check([](Pair& it) {
    std::string bytes(40000, 'v');
    const iovec vectors[] = {{bytes.data(), bytes.size()}, {bytes.data(), bytes.size()}};
    return it.one.append_vectors(vectors, 2) == 80000;
  });
}

TEST_F(OutOfMemory, AddCallback) {
  check([](Pair& it) {
    return it.one.add_callback([](evbuffer*, const evbuffer_cb_info*, void*) {}, nullptr) !=
           nullptr;
  });
}

TEST_F(OutOfMemory, ReplaceCallbacks) {
  check([](Pair& it) {
    it.one.replace_callbacks([](evbuffer*, std::size_t, std::size_t, void*) {}, nullptr);
    return true;
  });
}

TEST_F(OutOfMemory, AppendFile) {
  char name[] = "/tmp/oom_test_XXXXXX";
  const ev::Fd file(mkstemp(name));
  unlink(name);
  ASSERT_EQ(write(file.get(), "0123456789", 10), 10);
  check([&file](Pair& it) {
    auto* segment = evbuffer_file_segment::make(file.get(), 0, -1, EVBUF_FS_CLOSE_ON_FREE);
    if (segment == nullptr) return false;
    bool added = false;
    try {
      added = it.one.append_file(*segment, 0, -1);
    } catch (const std::bad_alloc&) {
    }
    const int again = dup(file.get());
    segment->release();
    if (!added) dup2(again, file.get());  // it was closed with the segment
    close(again);
    return added;
  });
}

// The bytes are in our hands by then: there is always a place to keep them.
TEST_F(OutOfMemory, NeverLosesBytesThatWereRead) {
  for (long n = 0; n < 3; ++n) {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    const ev::Fd near(fds[0]);
    const ev::Fd far(fds[1]);
    ASSERT_EQ(write(far.get(), "hello", 5), 5);
    Pair buffers;
    Heap::until_failure = n;
    const bool failed = fails(
        buffers, [&](Pair& it) { return it.one.read_from(near.get(), 100, 16384).count == 5; });
    Heap::until_failure = -1;
    if (failed) {
      EXPECT_EQ(buffers.one.read_from(near.get(), 100, 16384).count, 5);
    }
    EXPECT_EQ(contents_of(buffers.one), "hello");
  }
}

}  // namespace
}  // namespace test
