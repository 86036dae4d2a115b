// A TLS library as the tests see it: makes connection objects with a certificate of the test's, and
// the bufferevents over them.
#pragma once

#include <event2/bufferevent_ssl.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace tls_test {

enum class Role { client, server };
enum class Version { tls12, tls13 };

class Library {
 public:
  virtual ~Library() = default;
  virtual std::string name() const = 0;
  virtual bool speaks(Version version) const = 0;
  // A server follows a client that asks for a new handshake.
  virtual bool follows_clients() const = 0;

  // SSL* and the like. Clients trust every certificate.
  virtual void* connection(Role role, Version version) = 0;
  virtual void free_connection(void* connection) = 0;
  virtual bufferevent* over_socket(event_base* base, int fd, void* connection,
                                   bufferevent_ssl_state state, int options) = 0;
  virtual bufferevent* over(event_base* base, bufferevent* below, void* connection,
                            bufferevent_ssl_state state, int options) = 0;
  virtual void* connection_of(bufferevent* bev) = 0;
  virtual unsigned long take_error(bufferevent* bev) = 0;
  virtual int renegotiate(bufferevent* bev) = 0;
  // Sends close_notify by calling the library, as programs do.
  virtual void say_goodbye(void* connection) = 0;
  virtual bool handshake_is_over(void* connection) = 0;
};

// Those that were built.
const std::vector<Library*>& libraries();

Library& openssl();

// A self-signed certificate for "localhost" and its key, in PEM; made once.
struct Certificate {
  std::string certificate;
  std::string key;
};
const Certificate& certificate();
const Certificate& rsa_certificate();  // the same with an RSA key

inline std::string name_of(Version version) { return version == Version::tls12 ? "12" : "13"; }
inline void PrintTo(Version version, std::ostream* out) { *out << "TLS" << name_of(version); }

// A library, and a version that it speaks.
struct Speaker {
  Library* library;
  Version version;
};
inline void PrintTo(const Speaker& row, std::ostream* out) {
  *out << row.library->name() << name_of(row.version);
}
std::vector<Speaker> speakers();  // all of them

inline bufferevent_ssl_state state_of(Role role) {
  return role == Role::client ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING;
}

}  // namespace tls_test
