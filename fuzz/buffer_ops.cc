// Reads its input as operations on three buffers, does the same to three strings, and demands that
// they agree.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "buffer/buffer.h"
#include "input.h"
#include "sys/memory.h"

namespace {

using fuzz::demand;
using fuzz::Input;

struct Twin {
  evbuffer buffer;
  std::string text;
  std::size_t counted = 0;

  Twin() { buffer.add_callback(count, this); }

  static void count(evbuffer* buffer, const evbuffer_cb_info* info, void* self) {
    auto& mine = *static_cast<Twin*>(self);
    demand(info->orig_size == mine.counted);
    mine.counted += info->n_added - info->n_deleted;
    demand(buffer->size() == mine.counted);
  }

  void check() const {
    demand(buffer.size() == text.size());
    std::string bytes(text.size(), '\0');
    demand(buffer.copy_out(bytes.data(), bytes.size()) == static_cast<ssize_t>(text.size()));
    demand(bytes == text);
  }
};

void add(Twin& one, Input& input) {
  const std::string bytes = input.text();
  switch (input.below(3)) {
    case 0:
      demand(one.buffer.append(bytes.data(), bytes.size()));
      one.text += bytes;
      break;
    case 1:
      demand(one.buffer.prepend(bytes.data(), bytes.size()));
      one.text.insert(0, bytes);
      break;
    default: {
      auto* owned = new std::string(bytes);
      demand(one.buffer.append_reference(
          owned->data(), owned->size(),
          [](const void*, std::size_t, void* mine) { delete static_cast<std::string*>(mine); },
          owned));
      one.text += bytes;
    }
  }
}

void take(Twin& one, Input& input) {
  const std::size_t most = input.size();
  if (input.below(2) == 0) {
    demand(one.buffer.drain(most));
  } else {
    std::string bytes(most, '\0');
    const ssize_t count = one.buffer.remove(bytes.data(), most);
    demand(one.text.compare(0, most, bytes, 0, static_cast<std::size_t>(count)) == 0);
  }
  one.text.erase(0, most);
}

void exchange(Twin& one, Twin& two, Input& input) {
  if (&one == &two) return;
  const std::size_t most = input.size();
  switch (input.below(4)) {
    case 0:
      demand(two.buffer.append_buffer(one.buffer));
      two.text += std::exchange(one.text, {});
      break;
    case 1:
      demand(two.buffer.prepend_buffer(one.buffer));
      two.text.insert(0, std::exchange(one.text, {}));
      break;
    case 2:
      demand(one.buffer.remove_to(two.buffer, most) >= 0);
      two.text += one.text.substr(0, most);
      one.text.erase(0, most);
      break;
    default:
      if (two.buffer.append_shared(one.buffer)) two.text += one.text;
  }
}

void reserve(Twin& one, Input& input) {
  const std::string bytes = input.text();
  iovec vectors[2];
  const int most = 1 + static_cast<int>(input.below(2));
  const int count = one.buffer.reserve(static_cast<ssize_t>(bytes.size()), vectors, most);
  std::size_t written = 0;
  for (int i = 0; i < count; ++i) {
    iovec& vector = vectors[i];
    vector.iov_len = std::min(vector.iov_len, bytes.size() - written);
    if (input.below(3) == 0) vector.iov_len = input.below(vector.iov_len + 1);
    std::memcpy(vector.iov_base, bytes.data() + written, vector.iov_len);
    written += vector.iov_len;
  }
  demand(one.buffer.commit(vectors, count));
  one.text += bytes.substr(0, written);
}

void look(Twin& one, Input& input) {
  const std::size_t from = input.below(one.text.size() + 1);
  const std::string needle = input.text().substr(0, 200);
  evbuffer_ptr start{};
  demand(one.buffer.set_position(start, from, EVBUFFER_PTR_SET));
  if (!needle.empty()) {
    const std::size_t found = one.text.find(needle, from);
    demand(one.buffer.search(needle.data(), needle.size(), &start, nullptr).pos ==
           static_cast<ssize_t>(found));
  }
  const auto style = static_cast<evbuffer_eol_style>(input.below(5));
  std::size_t length = 0;
  one.buffer.search_end_of_line(&start, &length, style);
  const std::size_t wanted = input.size();
  const std::byte* front = one.buffer.pull_up(static_cast<ssize_t>(wanted));
  demand((front != nullptr) == (wanted > 0 && wanted <= one.text.size()));
  demand(front == nullptr || std::memcmp(front, one.text.data(), wanted) == 0);
}

void read_line(Twin& one) {
  std::size_t length = 0;
  char* line = one.buffer.read_line(&length, EVBUFFER_EOL_LF);
  const std::size_t end = one.text.find('\n');
  demand((line != nullptr) == (end != std::string::npos));
  if (line == nullptr) return;
  demand(one.text.compare(0, end, line, length) == 0);
  one.text.erase(0, end + 1);
  ev::release(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::array<Twin, 3> twins;
  while (!input.empty()) {
    Twin& one = twins[input.below(twins.size())];
    Twin& two = twins[input.below(twins.size())];
    switch (input.below(6)) {
      case 0:
        add(one, input);
        break;
      case 1:
        take(one, input);
        break;
      case 2:
        exchange(one, two, input);
        break;
      case 3:
        reserve(one, input);
        break;
      case 4:
        look(one, input);
        break;
      default:
        read_line(one);
    }
    one.check();
    two.check();
    if (one.text.size() + two.text.size() > (1U << 20)) break;
  }
  return 0;
}
