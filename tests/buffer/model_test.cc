// Random operations on buffers and on strings, which must agree; and whatever the callbacks count
// must add up.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "sys/memory.h"

namespace test {
namespace {

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {
    for (Twin& twin : twins_) twin.buffer.add_callback(count, &twin);
  }
  ~Model() {
    for (Twin& twin : twins_) twin.buffer.drain(SIZE_MAX);
    EXPECT_EQ(references_, 0) << "every reference is cleaned up once";
  }

  void step() {
    Twin& one = twins_[below(twins_.size())];
    Twin& two = twins_[below(twins_.size())];
    switch (below(12)) {
      case 0:
        return prepend(one);
      case 1:
        return drain(one);
      case 2:
        return remove(one);
      case 3:
        return move(one, two);
      case 4:
        return remove_to(one, two);
      case 5:
        return reference(one);
      case 6:
        return share(one, two);
      case 7:
        return reserve(one);
      case 8:
        return pull_up(one);
      case 9:
        return read_line(one);
      case 10:
        return search(one);
      default:
        return append(one);
    }
  }

  void expect_agreement() {
    for (const Twin& twin : twins_) {
      ASSERT_EQ(contents_of(twin.buffer), twin.text);
      ASSERT_EQ(twin.counted, twin.text.size());
      expect_sound(twin.buffer);
    }
  }

 private:
  struct Twin {
    evbuffer buffer;
    std::string text;
    std::size_t counted = 0;
  };

  static void count(evbuffer* buffer, const evbuffer_cb_info* info, void* twin) {
    auto& mine = *static_cast<Twin*>(twin);
    EXPECT_EQ(info->orig_size, mine.counted);
    mine.counted += info->n_added - info->n_deleted;
    EXPECT_EQ(buffer->size(), mine.counted);
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::size_t size() {
    static constexpr std::size_t limits[] = {3, 20, 250, 1000, 9000, 70000};
    return below(limits[below(6)]);
  }
  std::string text() {
    std::string bytes(size(), '\n');
    for (char& byte : bytes) byte = "ab\r\n"[below(4)];
    return bytes;
  }
  bool too_large(const Twin& twin) const { return twin.text.size() > 100000; }

  void append(Twin& one) {
    const std::string bytes = text();
    EXPECT_TRUE(test::append(one.buffer, bytes));
    one.text += bytes;
  }
  void prepend(Twin& one) {
    const std::string bytes = text();
    EXPECT_TRUE(test::prepend(one.buffer, bytes));
    one.text = bytes + one.text;
  }
  void drain(Twin& one) {
    const std::size_t most = too_large(one) ? one.text.size() : size();
    EXPECT_TRUE(one.buffer.drain(most));
    one.text.erase(0, most);
  }
  void remove(Twin& one) {
    const std::size_t most = size();
    EXPECT_EQ(test::remove(one.buffer, most), one.text.substr(0, most));
    one.text.erase(0, most);
  }
  void move(Twin& one, Twin& two) {
    if (&one == &two || too_large(two)) return;
    const bool front = below(2) == 0;
    EXPECT_TRUE(front ? two.buffer.prepend_buffer(one.buffer)
                      : two.buffer.append_buffer(one.buffer));
    two.text = front ? one.text + two.text : two.text + one.text;
    one.text.clear();
  }
  void remove_to(Twin& one, Twin& two) {
    if (&one == &two) return;
    const std::size_t most = size();
    EXPECT_EQ(one.buffer.remove_to(two.buffer, most),
              static_cast<ssize_t>(std::min(most, one.text.size())));
    two.text += one.text.substr(0, most);
    one.text.erase(0, most);
  }
  void reference(Twin& one) {
    struct Owned {
      Model* model;
      std::string bytes;
    };
    auto* owned = new Owned{this, text()};
    one.text += owned->bytes;
    ++references_;
    const auto cleanup = [](const void*, std::size_t, void* argument) {
      --static_cast<Owned*>(argument)->model->references_;
      delete static_cast<Owned*>(argument);
    };
    EXPECT_TRUE(
        one.buffer.append_reference(owned->bytes.data(), owned->bytes.size(), cleanup, owned));
  }
  void share(Twin& one, Twin& two) {
    if (too_large(two)) return;
    if (two.buffer.append_shared(one.buffer)) two.text += one.text;
  }
  void reserve(Twin& one) {
    const std::string bytes = text();
    iovec vectors[2];
    const int count = one.buffer.reserve(static_cast<ssize_t>(bytes.size()), vectors,
                                         1 + static_cast<int>(below(2)));
    std::size_t written = 0;
    for (int i = 0; i < count; ++i) {
      iovec& vector = vectors[i];
      vector.iov_len = std::min(vector.iov_len, bytes.size() - written);
      if (below(3) == 0) vector.iov_len = below(vector.iov_len + 1);
      std::memcpy(vector.iov_base, bytes.data() + written, vector.iov_len);
      written += vector.iov_len;
    }
    EXPECT_TRUE(one.buffer.commit(vectors, count));
    one.text += bytes.substr(0, written);
  }
  void pull_up(Twin& one) {
    const std::size_t wanted = size();
    const std::byte* bytes = one.buffer.pull_up(static_cast<ssize_t>(wanted));
    ASSERT_EQ(bytes != nullptr, wanted > 0 && wanted <= one.text.size());
    if (bytes == nullptr) return;
    EXPECT_EQ(std::memcmp(bytes, one.text.data(), wanted), 0);
  }
  void read_line(Twin& one) {
    std::size_t length = 0;
    char* line = one.buffer.read_line(&length, EVBUFFER_EOL_LF);
    const std::size_t end = one.text.find('\n');
    ASSERT_EQ(line != nullptr, end != std::string::npos);
    if (line == nullptr) return;
    EXPECT_EQ(std::string(line, length), one.text.substr(0, end));
    one.text.erase(0, end + 1);
    ev::release(line);
  }
  void search(Twin& one) {
    const std::string needle = text().substr(0, 1 + below(6));
    if (needle.empty()) return;
    const std::size_t found = one.text.find(needle);
    EXPECT_EQ(one.buffer.search(needle.data(), needle.size(), nullptr, nullptr).pos,
              found == std::string::npos ? -1 : static_cast<ssize_t>(found));
  }

  std::mt19937_64 random_;
  int references_ = 0;
  std::array<Twin, 3> twins_;
};

class ModelTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ModelTest, Agrees) {
  Model model(GetParam());
  for (int i = 0; i < 600 && !HasFatalFailure(); ++i) {
    model.step();
    model.expect_agreement();
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range(std::uint64_t{0}, std::uint64_t{12}));

}  // namespace
}  // namespace test
