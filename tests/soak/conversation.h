// Two ends that send each other bytes, over any stack of streams.
#pragma once

#include <event2/bevel.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>

namespace soak {

class Random {
 public:
  explicit Random(unsigned seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  std::size_t below(std::size_t limit) { return next() % limit; }
  bool once_in(unsigned times) { return below(times) == 0; }

 private:
  std::uint64_t state_;
};

struct Score {
  unsigned long proper = 0;  // conversations that lost nothing
  unsigned long cut = 0;
  unsigned long failures = 0;
  std::uint64_t bytes = 0;
};

// Makes both ends of a connection of any kind.
class Wires {
 public:
  explicit Wires(event_base* loop);
  ~Wires();
  Wires(const Wires&) = delete;
  Wires& operator=(const Wires&) = delete;

  enum class Kind {
    tcp,
    socket,
    pair,
    filter,
    zlib,
    tls,
    tls_on_filter,
    tls_on_pair,
    filter_on_tls
  };
  static constexpr std::size_t kinds = 9;
  static const char* name_of(Kind kind);
  // False: no descriptors, or the kernel is busy.
  bool make(Kind kind, Random& random, bufferevent* ends[2]);

 private:
  bool make_tcp(bufferevent* ends[2]);
  bool make_sockets(bufferevent* ends[2]);
  bufferevent* filter(bufferevent* below);
  bool add_tls(bufferevent* ends[2], bool on_sockets, Random& random);

  event_base* loop_;
  SSL_CTX* contexts_[2];
  int listener_;
};

class Conversation {
 public:
  Conversation(Wires& wires, Score& score, Random& random);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  bool is_over() const { return ends_[0].bev == nullptr && ends_[1].bev == nullptr; }
  // Until then it is connected and idle.
  void begin();
  // Does something to it that a program may do at any time.
  void disturb();
  void describe() const;

 private:
  struct End {
    Conversation* talk;
    End* other;
    bufferevent* bev = nullptr;
    std::size_t size = 0;  // of what it sends
    std::size_t sent = 0;
    std::size_t got = 0;
    std::uint32_t seed = 0;
    std::size_t cut_at = SIZE_MAX;  // its last moment: after so many bytes
    bool is_ending = false;         // it has begun to end itself
    bool has_ended = false;         // and did
    bool saw_end = false;           // of the other
  };

  static void on_read(bufferevent*, void* end);
  static void on_write(bufferevent*, void* end);
  static void on_event(bufferevent*, short what, void* end);
  static void on_ended(bufferevent*, bevel_shutdown_outcome outcome, void* end);
  void listen(End& end);
  void fill(End& end);
  void begin_to_end(End& end);
  void free(End& end);
  void free_if_done(End& end);
  bool is_cut(End& end);
  void describe(const End& end) const;
  void fail(const End& end, const char* reason, int detail = 0);
  void disturb_gently(End& end);
  void disturb_badly(End& end);

  Score& score_;
  Random& random_;
  Wires::Kind kind_;
  bool is_proper_;
  bool has_begun_ = false;
  End ends_[2];
};

}  // namespace soak
