#include "buffer/search.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "buffer/buffer.h"
#include "buffer/bytes.h"

namespace test {
namespace {

ssize_t search(const evbuffer& buffer, std::string_view needle, std::size_t from = 0,
               ssize_t end = -1) {
  evbuffer_ptr first{};
  evbuffer_ptr last{};
  EXPECT_TRUE(buffer.set_position(first, from, EVBUFFER_PTR_SET));
  if (end >= 0) {
    EXPECT_TRUE(buffer.set_position(last, static_cast<std::size_t>(end), EVBUFFER_PTR_SET));
  }
  return buffer.search(needle.data(), needle.size(), &first, end >= 0 ? &last : nullptr).pos;
}

// `text` in chains of `size` bytes.
void append_cut(evbuffer& buffer, std::string_view text, std::size_t size) {
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    append_chains(buffer, {text.substr(0, size)});
  }
}

TEST(Search, FindsAcrossChains) {
  const std::string text = "hello wonderful world";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    evbuffer buffer;
    append_cut(buffer, text, size);
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (std::size_t length = 1; at + length <= text.size(); ++length) {
        const std::string needle = text.substr(at, length);
        EXPECT_EQ(search(buffer, needle), static_cast<ssize_t>(text.find(needle)));
        EXPECT_EQ(search(buffer, needle, at), static_cast<ssize_t>(at));
      }
    }
    EXPECT_EQ(search(buffer, "worldx"), -1);
    EXPECT_EQ(search(buffer, "xhello"), -1);
  }
}

TEST(Search, RespectsTheRange) {
  evbuffer buffer;
  append_chains(buffer, {"abc", "def"});
  EXPECT_EQ(search(buffer, "cd", 0, 4), 2);
  EXPECT_EQ(search(buffer, "de", 0, 4), -1) << "does not end within the range";
  EXPECT_EQ(search(buffer, "f", 0, 6), 5);
  EXPECT_EQ(search(buffer, "cd", 4, 2), -1) << "an end before the start";
  EXPECT_EQ(search(buffer, "f", 6), -1);
  const evbuffer_ptr nowhere = {-1, {nullptr, 0}};
  EXPECT_EQ(buffer.search("a", 1, &nowhere, nullptr).pos, -1);
  EXPECT_EQ(buffer.search("a", 1, nullptr, &nowhere).pos, -1);
}

TEST(Search, NothingIsFoundWhereItBegins) {
  evbuffer buffer;
  EXPECT_EQ(search(buffer, ""), 0);
  EXPECT_EQ(search(buffer, "a"), -1);
  append(buffer, "abc");
  EXPECT_EQ(search(buffer, "", 2), 2);
}

TEST(Search, TheResultCanBeSearchedOnFrom) {
  evbuffer buffer;
  append_cut(buffer, "a-b--c---d", 3);
  evbuffer_ptr at = buffer.search("-", 1, nullptr, nullptr);
  std::string positions;
  while (at.pos >= 0) {
    positions += std::to_string(at.pos) + " ";
    ASSERT_TRUE(buffer.set_position(at, 1, EVBUFFER_PTR_ADD));
    at = buffer.search("-", 1, &at, nullptr);
  }
  EXPECT_EQ(positions, "1 3 4 6 7 8 ");
}

TEST(Search, AgreesWithStringOnHostileText) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t letters = 1 + random() % 3;
    std::string text(1 + random() % 3000, 'a');
    for (char& letter : text) letter = static_cast<char>('a' + random() % letters);
    std::string needle(1 + random() % (round % 2 == 0 ? 5 : 200), 'a');
    for (char& letter : needle) letter = static_cast<char>('a' + random() % letters);
    if (round % 3 == 0) needle = text.substr(random() % text.size(), needle.size());
    evbuffer buffer;
    append_cut(buffer, text, 1 + random() % (round % 5 == 0 ? 3 : 2000));
    const std::size_t from = random() % text.size();
    const std::size_t found = text.find(needle, from);
    EXPECT_EQ(search(buffer, needle, from),
              found == std::string::npos ? -1 : static_cast<ssize_t>(found));
  }
}

// Each of these takes minutes when false hits cost what they naively do.
TEST(Search, StaysLinearForHostileNeedles) {
  const std::string text(1 << 20, 'a');
  const std::string half(1 << 18, 'a');
  for (const std::size_t cut : {std::size_t{1000}, text.size()}) {
    evbuffer buffer;
    append_cut(buffer, text, cut);
    EXPECT_EQ(search(buffer, half + "b"), -1);
    EXPECT_EQ(search(buffer, "b" + half), -1);
    EXPECT_EQ(search(buffer, half + "b" + half), -1);
    EXPECT_EQ(search(buffer, text), 0);
  }
}

TEST(FindEither, TheNearerOfTwo) {
  evbuffer buffer;
  const std::string text = std::string(5000, '-') + "b" + std::string(5000, '-') + "a";
  append_cut(buffer, text, 777);
  evbuffer_ptr start{};
  ASSERT_TRUE(buffer.set_position(start, 0, EVBUFFER_PTR_SET));
  const auto* chain = static_cast<const ev::Chain*>(start.internal_.chain);
  EXPECT_EQ(ev::find_either(chain, 0, 10002, std::byte{'a'}, std::byte{'b'}).distance, 5000U);
  EXPECT_EQ(ev::find_either(chain, 0, 10002, std::byte{'a'}, std::byte{'a'}).distance, 10001U);
  EXPECT_FALSE(ev::find_either(chain, 0, 5000, std::byte{'a'}, std::byte{'b'}));
}

}  // namespace
}  // namespace test
