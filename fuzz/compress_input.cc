// Expands what the input says a peer sent: bytes as they are, or what a compression filter made
// with some of them changed. What comes out is right or an error, and never beyond the limits.
#include <event2/bevel_compress.h>

#include <array>
#include <string>

#include "input.h"
#include "loop.h"

namespace {

using fuzz::demand;
using fuzz::Input;

constexpr std::uint64_t free_output = 1 << 20;  // that no ratio limits
constexpr int zstd_format = 3;                  // behind those of zlib

bufferevent* new_filter(bufferevent* lower, int format, bevel_compress_options how) {
  if (format == zstd_format) return bevel_filter_zstd_new(lower, &how, BEV_OPT_CLOSE_ON_FREE);
  how.format = format;
  return bevel_filter_zlib_new(lower, &how, BEV_OPT_CLOSE_ON_FREE);
}

// A pair with a filter on one end; on the other, bytes as they travel.
class End {
 public:
  End(event_base* base, int format, const bevel_compress_options& how) {
    bufferevent* pair[2];
    demand(bufferevent_pair_new(base, 0, pair) == 0);
    wire_ = pair[0];
    bufferevent_enable(wire_, EV_READ | EV_WRITE);
    filter_ = new_filter(pair[1], format, how);
    if (filter_ == nullptr) bufferevent_free(pair[1]);
  }
  ~End() {
    bufferevent_free(wire_);
    if (filter_ != nullptr) bufferevent_free(filter_);
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  bufferevent* wire() const { return wire_; }
  bufferevent* filter() const { return filter_; }

 private:
  bufferevent* wire_;
  bufferevent* filter_;
};

// The plain bytes, and what a filter made of them.
struct Sent {
  std::string plain;
  std::string wire;
  bool is_genuine = false;  // the wire says what plain says
  bool has_check_sums = false;
};

Sent compress(Input& input, event_base* base, int format) {
  Sent sent;
  bevel_compress_options how{};
  how.level = static_cast<int>(input.below(10));
  how.flags = input.one_in(4) ? BEVEL_COMPRESS_PROMPT : 0;
  const End end(base, format, how);
  if (end.filter() == nullptr) return sent;
  if (input.one_in(16)) sent.plain.assign(std::size_t{1} << 21, 'x');
  bufferevent_write(end.filter(), sent.plain.data(), sent.plain.size());
  for (std::size_t pieces = 1 + input.below(8); pieces > 0; --pieces) {
    const std::string text = input.text();
    bufferevent_write(end.filter(), text.data(), text.size());
    sent.plain += text;
    const auto mode = static_cast<bufferevent_flush_mode>(input.below(3));
    bufferevent_flush(end.filter(), EV_WRITE, mode);
  }
  bufferevent_flush(end.filter(), EV_WRITE, BEV_FINISHED);
  fuzz::settle(base);
  sent.wire = fuzz::take_input(end.wire());
  sent.is_genuine = true;
  sent.has_check_sums = format != BEVEL_ZLIB_RAW;
  return sent;
}

void damage(Sent& sent, Input& input) {
  for (std::size_t count = input.below(4); count > 0 && !sent.wire.empty(); --count) {
    char& victim = sent.wire[input.below(sent.wire.size())];
    victim = static_cast<char>(victim ^ static_cast<char>(1 + input.below(255)));
    sent.is_genuine = false;
  }
}

class Receiver {
 public:
  Receiver(event_base* base, int format, const bevel_compress_options& how)
      : base_(base), end_(base, format, how) {
    if (end_.filter() == nullptr) return;
    bufferevent_setcb(end_.filter(), on_read, nullptr, on_event, this);
    bufferevent_enable(end_.filter(), EV_READ);
  }

  bool exists() const { return end_.filter() != nullptr; }
  const std::string& received() const { return received_; }
  std::uint64_t count() const { return count_; }
  short events() const { return events_; }

  // In pieces, and then the end.
  void feed(std::string_view wire, Input& input) {
    bufferevent_setwatermark(end_.filter(), EV_READ, 0, input.one_in(2) ? 512 + input.size() : 0);
    while (!wire.empty()) {
      const std::string_view piece =
          wire.substr(0, input.empty() ? std::string_view::npos : 1 + input.size());
      bufferevent_write(end_.wire(), piece.data(), piece.size());
      wire.remove_prefix(piece.size());
      if (input.one_in(2)) fuzz::settle(base_);
    }
    fuzz::settle(base_);
    bufferevent_flush(end_.wire(), EV_WRITE, BEV_FINISHED);
    fuzz::settle(base_);
  }

 private:
  static void on_read(bufferevent* bev, void* self) {
    Receiver& receiver = *static_cast<Receiver*>(self);
    const std::string bytes = fuzz::take_input(bev);
    receiver.count_ += bytes.size();
    receiver.received_ += bytes;
  }
  static void on_event(bufferevent* bev, short what, void* self) {
    Receiver& receiver = *static_cast<Receiver*>(self);
    on_read(bev, self);
    demand((receiver.events_ & what & BEV_EVENT_ERROR) == 0);
    receiver.events_ = static_cast<short>(receiver.events_ | what);
  }

  event_base* base_;
  End end_;
  std::string received_;
  std::uint64_t count_ = 0;
  short events_ = 0;
};

bevel_compress_options limits(Input& input) {
  bevel_compress_options how{};
  how.max_output = input.one_in(4) ? 1 + input.size() : std::uint64_t{1} << 22;
  how.max_ratio = input.one_in(4) ? 1 + input.below(300) : 0;
  return how;
}

void receive(const Sent& sent, Input& input, event_base* base, int format) {
  const bevel_compress_options how = limits(input);
  Receiver receiver(base, format, how);
  if (!receiver.exists()) return;
  receiver.feed(sent.wire, input);

  demand(receiver.count() <= how.max_output);
  if (how.max_ratio != 0) {
    demand(receiver.count() <= free_output + how.max_ratio * (sent.wire.size() + 1));
  }
  const bool failed = (receiver.events() & BEV_EVENT_ERROR) != 0;
  demand(failed || (receiver.events() & BEV_EVENT_EOF) != 0);
  const bool is_limited = how.max_ratio != 0 || sent.plain.size() > how.max_output;
  if (sent.is_genuine && !is_limited) demand(!failed);
  if (!failed && (sent.is_genuine || sent.has_check_sums)) {
    demand(receiver.received() == sent.plain);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  event_base* base = event_base_new();
  const int format = static_cast<int>(input.below(4));
  Sent sent;
  if (input.one_in(2)) {
    sent = compress(input, base, format);
    damage(sent, input);
    receive(sent, input, base, format);
  } else {
    // What steers the rest stands in front, so that the stream is one piece of the input.
    const std::string_view front = input.bytes(14);
    Input pieces(reinterpret_cast<const std::uint8_t*>(front.data()), front.size());
    sent.wire = input.rest();
    receive(sent, pieces, base, format);
  }
  event_base_free(base);
  return 0;
}
