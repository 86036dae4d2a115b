#include "soak/conversation.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace soak {
namespace {

constexpr std::size_t most_waiting = 64 * 1024;
// For a proper end. Never reached, also not with thousands of connections and a sanitizer.
constexpr timeval patience{60, 0};

char byte_at(std::uint32_t seed, std::size_t offset) {
  const auto position = static_cast<std::uint32_t>(offset) * 2654435761U + seed;
  // Half of it is easy to compress.
  return static_cast<char>((offset & 4096) != 0 ? position >> 24 : seed);
}

std::string bytes_at(std::uint32_t seed, std::size_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; i++) bytes[i] = byte_at(seed, offset + i);
  return bytes;
}

// Many small conversations, few large ones.
std::size_t random_size(Random& random) {
  return random.below(std::size_t{1} << (4 + random.below(15)));
}

}  // namespace

Conversation::Conversation(Wires& wires, Score& score, Random& random)
    : score_(score),
      random_(random),
      kind_(static_cast<Wires::Kind>(random.below(Wires::kinds))),
      is_proper_(random.once_in(2)) {
  bufferevent* made[2];
  if (!wires.make(kind_, random, made)) return;
  for (int i = 0; i < 2; i++) {
    End& end = ends_[i];
    end.talk = this;
    end.other = &ends_[1 - i];
    end.bev = made[i];
    end.size = random_size(random);
    end.seed = random.next();
    if (!is_proper_ && !random.once_in(3)) end.cut_at = random_size(random) / 2;
  }
  for (End& end : ends_) {
    listen(end);
    bufferevent_enable(end.bev, EV_READ | EV_WRITE);
  }
}

void Conversation::begin() {
  if (has_begun_) return;
  has_begun_ = true;
  for (End& end : ends_) {
    if (end.bev != nullptr) fill(end);
  }
}

Conversation::~Conversation() {
  for (End& end : ends_) {
    if (end.bev != nullptr) bufferevent_free(end.bev);
  }
}

void Conversation::listen(End& end) {
  bufferevent_setcb(end.bev, on_read, on_write, on_event, &end);
}

void Conversation::describe(const End& end) const {
  std::printf("  end %d of %s%s sent %zu of %zu, got %zu of %zu; %s%s%s%s\n",
              &end == &ends_[0] ? 0 : 1, Wires::name_of(kind_), is_proper_ ? "" : " (disturbed)",
              end.sent, end.size, end.got, end.other->sent, end.bev == nullptr ? "freed " : "",
              end.is_ending ? "ending " : "", end.has_ended ? "ended " : "",
              end.saw_end ? "saw the end" : "");
}

void Conversation::describe() const {
  for (const End& end : ends_) describe(end);
}

void Conversation::fail(const End& end, const char* reason, int detail) {
  score_.failures++;
  std::printf("FAILED: %s (%d)\n", reason, detail);
  describe(end);
  describe(*end.other);
}

// --- the life of an end ---

void Conversation::fill(End& end) {
  if (!has_begun_) return;
  evbuffer* output = bufferevent_get_output(end.bev);
  while (end.sent < end.size && evbuffer_get_length(output) < most_waiting) {
    const std::size_t size = std::min(random_size(random_) + 1, end.size - end.sent);
    const std::string bytes = bytes_at(end.seed, end.sent, size);
    end.sent += size;  // first: a callback of ours may run inside
    if (bufferevent_write(end.bev, bytes.data(), size) != 0) return fail(end, "no write", errno);
    if (end.bev == nullptr) return;
  }
  if (end.sent == end.size) begin_to_end(end);
}

void Conversation::begin_to_end(End& end) {
  if (end.is_ending) return;
  end.is_ending = true;
  if (!is_proper_ && random_.once_in(3)) return free(end);
  if (random_.once_in(4)) {
    bufferevent* bev = end.bev;
    end.bev = nullptr;
    end.has_ended = true;
    bevel_free_when_flushed(bev);
    if (is_proper_ && is_over()) score_.proper++;
    return;
  }
  const short how = random_.once_in(2) ? EV_WRITE : EV_READ | EV_WRITE;
  if (bevel_shutdown(end.bev, how, &patience, on_ended, &end) != 0 && is_proper_) {
    fail(end, "no shutdown", errno);
  }
}

void Conversation::on_ended(bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
  End& end = *static_cast<End*>(arg);
  end.has_ended = true;
  if (end.talk->is_proper_) {
    if (outcome != BEVEL_SHUTDOWN_CLEAN) end.talk->fail(end, "no clean end", outcome);
  } else if (outcome != BEVEL_SHUTDOWN_CLEAN) {
    return end.talk->free(end);
  }
  end.talk->free_if_done(end);
}

void Conversation::free_if_done(End& end) {
  if (!end.has_ended || !end.saw_end) return;
  if (is_proper_ && end.other->bev == nullptr) score_.proper++;
  bufferevent_free(end.bev);
  end.bev = nullptr;
}

// Cuts the connection: from now on nothing is promised.
void Conversation::free(End& end) {
  if (end.other->bev == nullptr) score_.cut++;
  bufferevent_free(end.bev);
  end.bev = nullptr;
  // The other end of a pair is not told.
  const bool is_pair = kind_ == Wires::Kind::pair || kind_ == Wires::Kind::tls_on_pair;
  if (is_pair && end.other->bev != nullptr) free(*end.other);
}

bool Conversation::is_cut(End& end) {
  if (end.got + end.sent < end.cut_at) return false;
  free(end);
  return true;
}

// --- callbacks ---

void Conversation::on_read(bufferevent* bev, void* arg) {
  End& end = *static_cast<End*>(arg);
  Conversation& talk = *end.talk;
  evbuffer* input = bufferevent_get_input(bev);
  evbuffer_iovec piece;
  while (evbuffer_peek(input, -1, nullptr, &piece, 1) > 0) {
    const auto expected = bytes_at(end.other->seed, end.got, piece.iov_len);
    if (std::memcmp(expected.data(), piece.iov_base, piece.iov_len) != 0) {
      return talk.fail(end, "other bytes arrived than were sent");
    }
    end.got += piece.iov_len;
    talk.score_.bytes += piece.iov_len;
    if (end.got > end.other->sent) return talk.fail(end, "more arrived than was sent");
    evbuffer_drain(input, piece.iov_len);
  }
  talk.is_cut(end);
}

void Conversation::on_write(bufferevent*, void* arg) {
  End& end = *static_cast<End*>(arg);
  if (end.talk->is_cut(end)) return;
  end.talk->fill(end);
}

void Conversation::on_event(bufferevent* bev, short what, void* arg) {
  End& end = *static_cast<End*>(arg);
  Conversation& talk = *end.talk;
  const int error = errno;
  if ((what & BEV_EVENT_CONNECTED) != 0) {
    if (!talk.is_cut(end)) talk.fill(end);
    return;
  }
  if (!talk.is_proper_) {
    if ((what & BEV_EVENT_TIMEOUT) == 0 || talk.random_.once_in(4)) return talk.free(end);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return;
  }
  if (what != (BEV_EVENT_EOF | BEV_EVENT_READING)) {
    std::printf("event %#x, errno %d, TLS error %lx\n", static_cast<unsigned>(what), error,
                bufferevent_get_openssl_error(bev));
    return talk.fail(end, "broken", what);
  }
  if (end.saw_end) return talk.fail(end, "two ends");
  if (end.got != end.other->size) talk.fail(end, "an end before the last byte");
  end.saw_end = true;
  talk.free_if_done(end);
}

// --- disturbances ---

void Conversation::disturb() {
  End& end = ends_[random_.below(2)];
  if (end.bev == nullptr) return;
  disturb_gently(end);
  if (end.bev != nullptr && !is_proper_) disturb_badly(end);
}

// What must not cost a byte.
void Conversation::disturb_gently(End& end) {
  bufferevent* bev = end.bev;
  switch (random_.below(9)) {
    case 0:
      bufferevent_disable(bev, EV_READ | EV_WRITE);
      // Who reads again behind the end is told of it again.
      bufferevent_enable(bev, end.saw_end ? EV_WRITE : EV_READ | EV_WRITE);
      return;
    case 1:
      bufferevent_setwatermark(bev, EV_READ, 0, random_size(random_) + 1000);
      return;
    case 2:
      bufferevent_setwatermark(bev, EV_WRITE, random_.below(most_waiting), 0);
      return;
    case 3:
      bufferevent_set_max_single_read(bev, random_size(random_) + 2000);
      bufferevent_set_max_single_write(bev, random_size(random_) + 2000);
      return;
    case 4:
      bufferevent_setcb(bev, nullptr, nullptr, nullptr, nullptr);
      listen(end);
      return;
    case 5:
      bufferevent_flush(bev, EV_READ | EV_WRITE, BEV_FLUSH);
      return;
    case 6:
      bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
      return;
    case 7:
      bevel_tls_key_update(bev, 1);
      return;
    default:
      bevel_set_drain_cb(
          bev, [](bufferevent*, void*) {}, nullptr);
  }
}

// What may end it.
void Conversation::disturb_badly(End& end) {
  bufferevent* bev = end.bev;
  const timeval soon{0, static_cast<suseconds_t>(1 + random_.below(20'000))};
  switch (random_.below(8)) {
    case 0:
      bufferevent_set_timeouts(bev, &soon, &soon);
      return;
    case 1:
      bevel_shutdown(bev, EV_WRITE, &soon, nullptr, nullptr);
      return;
    case 2:
      bufferevent_ssl_renegotiate(bev);
      return;
    case 3:
      bufferevent_flush(bev, EV_WRITE, BEV_FINISHED);
      return;
    case 4:
      bufferevent_trigger_event(bev, BEV_EVENT_ERROR | BEV_EVENT_READING, BEV_TRIG_DEFER_CALLBACKS);
      return;
    case 5:
      return free(end);
    case 6:
      if (random_.once_in(2)) bufferevent_replacefd(bev, -1);
      return;
    default:
      bufferevent_disable(bev, EV_READ);
  }
}

}  // namespace soak
