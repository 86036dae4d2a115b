#include "sys/secure_random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <vector>

namespace ev {
namespace {

using Key = std::array<unsigned char, 16>;

Key random_key() {
  Key key{};
  fill_with_random(key.data(), key.size());
  return key;
}

TEST(SecureRandom, IsAvailable) { EXPECT_TRUE(random_is_available()); }

TEST(SecureRandom, NeverRepeats) {
  std::set<Key> seen;
  for (int i = 0; i < 10000; i++) EXPECT_TRUE(seen.insert(random_key()).second);
}

TEST(SecureRandom, FillsExactlyWhatIsAsked) {
  for (const std::size_t size : {0u, 1u, 3u, 63u, 64u, 65u, 1023u, 1024u, 5000u}) {
    std::vector<unsigned char> memory(size + 2, 0x55);
    std::vector<bool> changed(size, size == 0);
    for (int i = 0; i < 20; i++) {
      fill_with_random(memory.data() + 1, size);
      for (std::size_t at = 0; at < size; at++) changed[at] = changed[at] || memory[at + 1] != 0x55;
    }
    EXPECT_EQ(std::count(changed.begin(), changed.end(), false), 0) << size;
    EXPECT_EQ(memory.front(), 0x55);
    EXPECT_EQ(memory.back(), 0x55);
  }
  fill_with_random(nullptr, 0);
}

TEST(SecureRandom, ChildAndParentDiffer) {
  random_key();  // so that bytes are waiting to be handed out
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Key key = random_key();
    _exit(write(ends[1], key.data(), key.size()) == ssize_t(key.size()) ? 0 : 1);
  }
  Key of_child{};
  ASSERT_EQ(read(ends[0], of_child.data(), of_child.size()), ssize_t(of_child.size()));
  EXPECT_NE(random_key(), of_child);
  EXPECT_NE(of_child, Key{});
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
}

TEST(SecureRandom, ThreadsDiffer) {
  std::array<std::vector<Key>, 4> keys;
  std::vector<std::thread> threads;
  for (auto& mine : keys) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 500; i++) mine.push_back(random_key());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Key> seen;
  for (const auto& mine : keys) seen.insert(mine.begin(), mine.end());
  EXPECT_EQ(seen.size(), 2000u);
}

}  // namespace
}  // namespace ev
