// The contexts of the TLS target and the client it plays, on OpenSSL alone.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace fuzz {

struct FreeSsl {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;

// Makes what follows independent of what happened before: OpenSSL gets the same "random" bytes each
// time, so that an input that was found once is found again.
void start_over();

SslPtr new_server_ssl(bool may_renegotiate);

// A client without a network: its records are put into a string, and it is fed from another.
class TlsPeer {
 public:
  explicit TlsPeer(int version);

  SSL* ssl() const { return ssl_.get(); }
  const std::string& received() const { return received_; }

  void write(const std::string& bytes) { waiting_ += bytes; }
  void feed(const std::string& records);
  // Handshakes, reads and writes as far as that goes, and adds the records to `flight`.
  void run(std::string& flight);

 private:
  void write_some();
  void read_all();

  SslPtr ssl_;
  BIO* in_;
  BIO* out_;
  std::string waiting_;
  std::string received_;
};

}  // namespace fuzz
