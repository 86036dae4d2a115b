// A TLS server over a pair, and a peer that does what the input says: a genuine client whose
// records arrive in pieces, late, changed, cut off, or mixed with bytes of the input.
#include <event2/bevel.h>
#include <event2/bufferevent_ssl.h>

#include <string>
#include <utility>

#include "input.h"
#include "loop.h"
#include "tls_peer.h"

namespace {

using fuzz::demand;
using fuzz::Input;

constexpr std::size_t most_bytes = 1 << 18;

class Conversation {
 public:
  explicit Conversation(Input& input);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void run();

 private:
  bool is_freed() const { return server_ == nullptr; }
  void step();
  void peer_step();
  void renew_peer();
  void server_step();
  void tamper();
  void deliver(std::size_t most);
  void run_peer();
  void finish();
  void read_server();
  void free_server();
  void maybe_free() {
    if (callbacks_until_free_ > 0 && --callbacks_until_free_ == 0) free_server();
  }

  static void on_read(bufferevent*, void* self);
  static void on_write(bufferevent*, void* self) { static_cast<Conversation*>(self)->maybe_free(); }
  static void on_event(bufferevent*, short what, void* self);

  Input& input_;
  event_base* base_;
  bool is_tls13_;
  bool may_renegotiate_;  // at the peer's wish
  fuzz::TlsPeer peer_;
  bufferevent* wire_ = nullptr;    // the peer's end of the pair
  bufferevent* server_ = nullptr;  // over the other end
  std::string flight_;             // records of the peer that are on their way
  std::string sent_by_peer_;
  std::string sent_by_server_;
  std::string received_by_server_;
  std::size_t callbacks_until_free_;
  bool is_open_ = false;
  bool is_tampered_ = false;
  bool is_over_ = false;
  bool peer_said_goodbye_ = false;
};

Conversation::Conversation(Input& input)
    : input_(input),
      base_(event_base_new()),
      is_tls13_(input.one_in(2)),
      may_renegotiate_(input.one_in(2)),
      peer_(is_tls13_ ? TLS1_3_VERSION : TLS1_2_VERSION),
      callbacks_until_free_(input.one_in(2) ? input.below(32) : 0) {
  const int options = BEV_OPT_CLOSE_ON_FREE | (input.one_in(2) ? BEV_OPT_DEFER_CALLBACKS : 0);
  bufferevent* pair[2];
  demand(bufferevent_pair_new(base_, 0, pair) == 0);
  wire_ = pair[0];
  bufferevent_enable(wire_, EV_READ | EV_WRITE);
  server_ = bufferevent_openssl_filter_new(base_, pair[1],
                                           fuzz::new_server_ssl(may_renegotiate_).release(),
                                           BUFFEREVENT_SSL_ACCEPTING, options);
  demand(server_ != nullptr);
  bufferevent_setcb(server_, on_read, on_write, on_event, this);
  bufferevent_enable(server_, EV_READ);
}

Conversation::~Conversation() {
  free_server();
  fuzz::settle(base_);
  bufferevent_free(wire_);
  event_base_free(base_);
}

void Conversation::free_server() {
  bufferevent* server = std::exchange(server_, nullptr);
  if (server != nullptr) bufferevent_free(server);
}

void Conversation::on_read(bufferevent*, void* self) {
  auto& all = *static_cast<Conversation*>(self);
  demand(!all.is_freed());
  if (!all.input_.one_in(4)) all.read_server();
  all.maybe_free();
}

void Conversation::on_event(bufferevent*, short what, void* self) {
  auto& all = *static_cast<Conversation*>(self);
  demand(!all.is_freed());
  if ((what & BEV_EVENT_CONNECTED) != 0) all.is_open_ = true;
  if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) all.is_over_ = true;
  // Nobody but the peer can say that nothing is missing.
  if ((what & BEV_EVENT_EOF) != 0 && all.is_open_) demand(all.peer_said_goodbye_);
  all.maybe_free();
}

void Conversation::read_server() {
  received_by_server_ += fuzz::take_input(server_);
  demand(sent_by_peer_.starts_with(received_by_server_));
}

void Conversation::run_peer() {
  peer_.feed(fuzz::take_input(wire_));
  peer_.run(flight_);
  demand(is_tampered_ || sent_by_server_.starts_with(peer_.received()));
}

void Conversation::deliver(std::size_t most) {
  const std::string piece = flight_.substr(0, most);
  flight_.erase(0, piece.size());
  bufferevent_write(wire_, piece.data(), piece.size());
}

void Conversation::tamper() {
  is_tampered_ = true;
  if (flight_.empty() || input_.one_in(3)) {
    const std::string_view bytes = input_.bytes(input_.size() + 1);
    bufferevent_write(wire_, bytes.data(), bytes.size());
  } else if (input_.one_in(2)) {
    flight_.erase(input_.below(flight_.size()), 1 + input_.size());
  } else {
    char& victim = flight_[input_.below(flight_.size())];
    victim = static_cast<char>(victim ^ static_cast<char>(1 + input_.below(255)));
  }
}

void Conversation::renew_peer() {
  if (SSL_is_init_finished(peer_.ssl()) == 0) return;
  if (is_tls13_) {
    SSL_key_update(peer_.ssl(),
                   input_.one_in(2) ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
  } else {
    if (!may_renegotiate_) is_over_ = true;  // OpenSSL's client takes a refusal for the end
    SSL_renegotiate(peer_.ssl());
  }
}

void Conversation::peer_step() {
  switch (input_.below(10)) {
    case 0:
    case 1: {
      const std::string text = input_.text();
      if (peer_said_goodbye_) break;
      peer_.write(text);
      sent_by_peer_ += text;
      break;
    }
    case 2:
      renew_peer();
      break;
    case 3:
      if (!input_.one_in(4) || SSL_is_init_finished(peer_.ssl()) == 0) break;
      peer_said_goodbye_ = true;
      is_over_ = true;
      SSL_shutdown(peer_.ssl());
      break;
    case 4:
      if (!input_.one_in(4)) break;
      is_over_ = true;
      bufferevent_flush(wire_, EV_WRITE, BEV_FINISHED);
      break;
    case 5:
      tamper();
      break;
    default:
      deliver(1 + input_.size());
  }
  run_peer();
}

void Conversation::server_step() {
  const short directions[] = {EV_READ, EV_WRITE, EV_READ | EV_WRITE};
  switch (input_.below(9)) {
    case 0:
    case 1: {
      const std::string text = input_.text();
      sent_by_server_ += text;
      demand(bufferevent_write(server_, text.data(), text.size()) == 0);
      break;
    }
    case 2:
      bufferevent_enable(server_, directions[input_.below(3)]);
      break;
    case 3:
      bufferevent_disable(server_, directions[input_.below(3)]);
      break;
    case 4: {
      const std::size_t high = input_.size();
      bufferevent_setwatermark(server_, directions[input_.below(3)], std::min(high, std::size_t{9}),
                               high);
      break;
    }
    case 5:
      bufferevent_set_max_single_read(server_, 64 + input_.size());
      bufferevent_set_max_single_write(server_, 64 + input_.size());
      break;
    case 6:
      if (is_tls13_) {
        bevel_tls_key_update(server_, input_.one_in(2));
      } else {
        bufferevent_ssl_renegotiate(server_);
      }
      break;
    case 7:
      if (!input_.one_in(4)) break;
      is_over_ = true;
      bevel_shutdown(server_, input_.one_in(2) ? EV_WRITE : EV_READ | EV_WRITE, nullptr, nullptr,
                     nullptr);
      break;
    default:
      read_server();
  }
}

void Conversation::step() {
  switch (input_.below(4)) {
    case 0:
      return server_step();
    case 1:
      return fuzz::settle(base_);
    default:
      return peer_step();
  }
}

void Conversation::run() {
  run_peer();
  while (!input_.empty() && !is_freed() &&
         sent_by_peer_.size() + sent_by_server_.size() < most_bytes) {
    step();
  }
  (void)input_.rest();
  if (!is_freed()) finish();
}

// What was neither changed nor ended arrives, to the last byte.
void Conversation::finish() {
  bufferevent_setwatermark(server_, EV_READ | EV_WRITE, 0, 0);
  bufferevent_enable(server_, EV_READ | EV_WRITE);
  for (int quiet = 0; quiet < 3 && !is_freed(); ++quiet) {
    if (!flight_.empty() || fuzz::input_size(wire_) > 0) quiet = 0;
    deliver(flight_.size());
    fuzz::settle(base_);
    run_peer();
  }
  if (is_freed()) return;
  read_server();
  if (is_tampered_ || is_over_) return;
  demand(is_open_);
  demand(received_by_server_ == sent_by_peer_);
  demand(peer_.received() == sent_by_server_);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::start_over();
  Input input(data, size);
  Conversation conversation(input);
  conversation.run();
  return 0;
}
