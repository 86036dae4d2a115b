#include <gtest/gtest.h>

#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "sys/memory.h"

namespace test {
namespace {

struct End {
  ssize_t position;
  std::size_t length;
  bool operator==(const End&) const = default;
};

void PrintTo(const End& end, std::ostream* out) {
  *out << "{" << end.position << ", " << end.length << "}";
}

End find_end(const evbuffer& buffer, std::size_t from, evbuffer_eol_style style) {
  evbuffer_ptr start{};
  EXPECT_TRUE(buffer.set_position(start, from, EVBUFFER_PTR_SET));
  std::size_t length = 99;
  const evbuffer_ptr found = buffer.search_end_of_line(&start, &length, style);
  return {found.pos, length};
}

constexpr End none = {-1, 0};

// Once in one chain, once with every byte in a chain of its own.
class Lines : public testing::TestWithParam<bool> {
 protected:
  void fill(std::string_view text) {
    for (std::size_t i = 0; GetParam() && i < text.size(); ++i)
      append_chains(buffer_, {text.substr(i, 1)});
    if (!GetParam()) append(buffer_, text);
  }
  evbuffer buffer_;
};
INSTANTIATE_TEST_SUITE_P(Cut, Lines, testing::Bool());

TEST_P(Lines, AnyIsARunOfBoth) {
  fill("ab\r\ncd\r\r\n\nx");
  EXPECT_EQ(find_end(buffer_, 0, EVBUFFER_EOL_ANY), (End{2, 2}));
  EXPECT_EQ(find_end(buffer_, 3, EVBUFFER_EOL_ANY), (End{3, 1}));
  EXPECT_EQ(find_end(buffer_, 4, EVBUFFER_EOL_ANY), (End{6, 4}));
  EXPECT_EQ(find_end(buffer_, 10, EVBUFFER_EOL_ANY), none);
  EXPECT_EQ(find_end(buffer_, 11, EVBUFFER_EOL_ANY), none);
}

TEST_P(Lines, CrlfTakesTheCrWithIt) {
  fill("ab\r\ncd\r\r\n\nx\r");
  EXPECT_EQ(find_end(buffer_, 0, EVBUFFER_EOL_CRLF), (End{2, 2}));
  EXPECT_EQ(find_end(buffer_, 3, EVBUFFER_EOL_CRLF), (End{3, 1})) << "not one before the start";
  EXPECT_EQ(find_end(buffer_, 4, EVBUFFER_EOL_CRLF), (End{7, 2}));
  EXPECT_EQ(find_end(buffer_, 9, EVBUFFER_EOL_CRLF), (End{9, 1}));
  EXPECT_EQ(find_end(buffer_, 10, EVBUFFER_EOL_CRLF), none);
}

TEST_P(Lines, StrictWantsBoth) {
  fill("ab\ncd\r\r\n\nx");
  EXPECT_EQ(find_end(buffer_, 0, EVBUFFER_EOL_CRLF_STRICT), (End{6, 2}));
  EXPECT_EQ(find_end(buffer_, 7, EVBUFFER_EOL_CRLF_STRICT), none);
}

TEST_P(Lines, LfAndNul) {
  fill(std::string_view("ab\r\nc\0d", 7));
  EXPECT_EQ(find_end(buffer_, 0, EVBUFFER_EOL_LF), (End{3, 1}));
  EXPECT_EQ(find_end(buffer_, 0, EVBUFFER_EOL_NUL), (End{5, 1}));
  EXPECT_EQ(find_end(buffer_, 0, static_cast<evbuffer_eol_style>(7)), none);
}

TEST_P(Lines, ReadLineTakesLineAndEnd) {
  fill("first\r\n\r\nlast");
  std::size_t length = 99;
  char* line = buffer_.read_line(&length, EVBUFFER_EOL_CRLF);
  ASSERT_NE(line, nullptr);
  EXPECT_STREQ(line, "first");
  EXPECT_EQ(length, 5U);
  ev::release(line);
  line = buffer_.read_line(nullptr, EVBUFFER_EOL_CRLF);
  ASSERT_NE(line, nullptr);
  EXPECT_STREQ(line, "");
  ev::release(line);
  EXPECT_EQ(buffer_.read_line(&length, EVBUFFER_EOL_CRLF), nullptr);
  EXPECT_EQ(length, 0U);
  EXPECT_EQ(contents_of(buffer_), "last") << "half a line stays";
}

}  // namespace
}  // namespace test
